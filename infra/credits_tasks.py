"""The states of credits.asl.json that are Lambdas: size, settings and rights, on one screen."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.constructs.bucket_access import Access
from infra.tasks import LEASES, MAILS, NOTHING, REPORTS, RUNS, Task

UPLOADS = "credits-*.csv"
DROPS, SNAPSHOTS = "drops/*", "snapshots/*"

# Whoever talks to CloudZero writes into the lease when it did: one request at a time per stream.
TO_CLOUDZERO = ("CLOUDZERO_URL", "CLOUDZERO_SECRET_ARN", "SETTLE_SECONDS")
TALK_SECONDS = 110  # less than SETTLE_SECONDS, so that a request is over when it counts as settled


@dataclass(frozen=True, kw_only=True)
class CreditsTask(Task):
    """One function, with its rights on the credits bucket."""

    credits: Access = NOTHING


RECORDS_DROPS = CreditsTask(
    memory_mb=1024,
    timeout_seconds=TALK_SECONDS,
    settings=TO_CLOUDZERO,
    credits=Access(read=(RUNS, DROPS, LEASES), write=(LEASES, DROPS)),
    reads_secret=True,
)

TASKS: Mapping[str, CreditsTask] = {
    "AcquireStream": CreditsTask(
        settings=("CLOUDZERO_CONNECTION_ID",),
        credits=Access(read=(LEASES,), write=(LEASES,)),
        reads_executions=True,
    ),
    "ParseCredits": CreditsTask(
        memory_mb=1024,
        timeout_seconds=120,
        settings=("ALLOW_REVERSALS",),
        credits=Access(read=(UPLOADS, SNAPSHOTS, DROPS), write=(RUNS,)),
    ),
    "SnapshotDrop": CreditsTask(
        memory_mb=1024,
        timeout_seconds=TALK_SECONDS,
        settings=(*TO_CLOUDZERO, "SHRINK_LIMIT", "GROWTH_LIMIT"),
        credits=Access(read=(RUNS, DROPS, LEASES, SNAPSHOTS), write=(LEASES, SNAPSHOTS, RUNS)),
        reads_secret=True,
    ),
    "PostDrop": RECORDS_DROPS,
    "VerifyDrop": RECORDS_DROPS,
    "ReportCredits": CreditsTask(
        settings=MAILS, credits=Access(read=(RUNS, UPLOADS, DROPS, LEASES), write=(REPORTS, LEASES))
    ),
}

# What the functions write themselves must not start the machine.
OWN_KEYS = sorted({key for task in TASKS.values() for key in task.credits.write})
