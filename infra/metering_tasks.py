"""The states of metering.asl.json that are Lambdas: size, settings and rights, on one screen."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.constructs.bucket_access import Access
from infra.tasks import LEASES, MAILS, NOTHING, REPORTS, RUNS, Task

EXPORT, EXPORT_MARKER = "omnistrate-metering/*", "omnistrate-metering/last_success_export.json"
STATE_FILES = "{state files}"  # stands for the configured path of every plan's state file
LEDGER, JOURNALS, PREVIEWS = "ledger/*", "ledger/*/plan.json", "previews/*"
DAYS, MANIFESTS, TOTALS = "days/*", "ledger/*/manifests/*", "reports/*/totals.json"
LATE_USAGE, RECONCILIATION = "reports/*/late-usage.*", "reports/*/reconciliation.json"
CONTRACTS, COMPARED, CLOSED = "runs/*/contracts.json", "runs/*/compared/*", "runs/*/closed.json"
PROBLEMS = ("runs/*/problems/*", "previews/*/problems/*")
ONE_CPU_MB = 1769  # Lambda gives one whole CPU at this size


@dataclass(frozen=True, kw_only=True)
class MeteringTask(Task):
    """One function, with its rights on the state bucket and the usage bucket."""

    state: Access = NOTHING
    usage: Access = NOTHING
    reads_plans: bool = False


SETTLES = Access(read=(LEDGER, LEASES, STATE_FILES), write=(LEDGER, STATE_FILES))
WRITES_THE_LEDGER = Access(read=(LEDGER, LEASES), write=(LEDGER,))

TASKS: Mapping[str, MeteringTask] = {
    "AcquirePlan": MeteringTask(
        settings=("PLANS_PATH",),
        state=Access(read=(LEASES,), write=(LEASES,)),
        reads_plans=True,
        reads_executions=True,
    ),
    "ReconcileState": MeteringTask(timeout_seconds=300, state=SETTLES),
    "PlanMonths": MeteringTask(
        memory_mb=1024,
        timeout_seconds=300,
        settings=("USAGE_BUCKET",),
        state=Access(read=(STATE_FILES, LEDGER), write=(JOURNALS, CONTRACTS)),
        usage=Access(read=(EXPORT_MARKER,), list_only=(EXPORT,)),
    ),
    "ResolveContract": MeteringTask(settings=("SETTLE_SECONDS",), state=SETTLES),
    "FoldDay": MeteringTask(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        settings=("USAGE_BUCKET",),
        state=Access(read=(DAYS,), write=(DAYS, *PROBLEMS)),
        usage=Access(read=(EXPORT,)),
    ),
    "MergeUsage": MeteringTask(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        settings=("USAGE_BUCKET",),
        state=Access(
            read=(DAYS, RUNS, PREVIEWS, STATE_FILES, LEDGER, LEASES, TOTALS),
            write=(RUNS, PREVIEWS, JOURNALS),
        ),
        usage=Access(list_only=(EXPORT,)),
    ),
    "ReportLateUsage": MeteringTask(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        state=Access(
            read=(DAYS, LEDGER, LEASES, *PROBLEMS, STATE_FILES),
            write=(MANIFESTS, JOURNALS, LATE_USAGE, PREVIEWS),
        ),
    ),
    "ReportUsageSoFar": MeteringTask(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=300,
        settings=("USAGE_BUCKET",),
        state=Access(read=(DAYS, *PROBLEMS)),
        usage=Access(list_only=(EXPORT,)),
    ),
    "PreviewMonth": MeteringTask(
        memory_mb=1024,
        timeout_seconds=300,
        state=Access(read=(LEDGER, PREVIEWS, TOTALS), write=(PREVIEWS,)),
    ),
    "CompareContract": MeteringTask(
        timeout_seconds=90,
        settings=("CLAZAR_URL", "CLAZAR_SECRET_ARN"),
        state=Access(read=(LEDGER, LEASES, COMPARED, STATE_FILES), write=(COMPARED,)),
        reads_secret=True,
    ),
    "ReportReconciliation": MeteringTask(
        memory_mb=1024,
        timeout_seconds=300,
        state=Access(
            read=(LEASES, JOURNALS, CONTRACTS, COMPARED, STATE_FILES),
            write=(JOURNALS, RECONCILIATION),
        ),
    ),
    "ClaimContract": MeteringTask(state=WRITES_THE_LEDGER),
    "SubmitContract": MeteringTask(
        timeout_seconds=90,  # the definition asks Clazar again only after this
        settings=("CLAZAR_URL", "CLAZAR_SECRET_ARN", "SETTLE_SECONDS"),
        state=Access(read=(LEDGER, LEASES, STATE_FILES), write=(LEDGER,)),
        reads_secret=True,
    ),
    "RecordError": MeteringTask(state=WRITES_THE_LEDGER),
    "RecordOpen": MeteringTask(state=Access(read=(LEASES,), write=("runs/*/open/*",))),
    "CloseMonth": MeteringTask(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        state=Access(
            read=(LEDGER, LEASES, RUNS, REPORTS, STATE_FILES),
            write=(LEDGER, RUNS, REPORTS, STATE_FILES),
        ),
    ),
    "SummarizeRun": MeteringTask(settings=MAILS, state=Access(read=(LEASES, JOURNALS, CLOSED))),
    "ReleasePlan": MeteringTask(state=Access(read=(LEASES, JOURNALS), write=(LEASES, JOURNALS))),
}
