"""The states of metering.asl.json that are Lambdas: size, settings and rights, on one screen.

A name here is the name of the state, of the construct, and in snake case of the module. No task
may delete anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.bucket_access import Access
from infra.constructs.task_function import TaskFunction

EXPORT, EXPORT_MARKER = "omnistrate-metering/*", "omnistrate-metering/last_success_export.json"
STATE_FILES = "{state files}"  # stands for the configured path of every plan's state file
LEASES, LEDGER, JOURNALS = "leases/*", "ledger/*", "ledger/*/plan.json"
RUNS, PREVIEWS, REPORTS = "runs/*", "previews/*", "reports/*"

# After this a request to Clazar has arrived or never will: longer than the function that sends it
# may live. The definition waits at least as long before it asks Clazar again.
SETTLE_SECONDS = 120
ONE_CPU_MB = 1769  # Lambda gives one whole CPU at this size
NOTHING = Access()


@dataclass(frozen=True, kw_only=True)
class Task:
    """One function. ``settings`` names its environment variables beyond those of every task."""

    memory_mb: int = 512
    timeout_seconds: int = 60
    settings: tuple[str, ...] = ()
    state: Access = NOTHING
    usage: Access = NOTHING
    reads_plans: bool = False
    reads_executions: bool = False
    reads_secret: bool = False


RECORDS_OUTCOMES = Access(read=(LEDGER,), write=(LEDGER,))

TASKS: Mapping[str, Task] = {
    "AcquirePlan": Task(
        settings=("PLANS_PATH",),
        state=Access(read=(LEASES,), write=(LEASES,)),
        reads_plans=True,
        reads_executions=True,
    ),
    "PlanMonths": Task(
        memory_mb=1024,
        timeout_seconds=300,
        settings=("USAGE_BUCKET",),
        state=Access(read=(STATE_FILES, JOURNALS), write=(JOURNALS,)),
        usage=Access(read=(EXPORT_MARKER,)),
    ),
    "ListUsage": Task(
        memory_mb=1024,
        timeout_seconds=900,
        settings=("USAGE_BUCKET",),
        state=Access(write=(RUNS, PREVIEWS)),
        usage=Access(list_only=(EXPORT,)),
    ),
    "AggregatePartition": Task(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        settings=("USAGE_BUCKET",),
        state=Access(read=(RUNS, PREVIEWS), write=(RUNS, PREVIEWS)),
        usage=Access(read=(EXPORT,)),
    ),
    "MergeUsage": Task(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        state=Access(
            read=(RUNS, PREVIEWS, STATE_FILES, JOURNALS),
            write=(RUNS, PREVIEWS),
            list_only=(LEDGER,),
        ),
    ),
    "PreviewMonth": Task(
        memory_mb=1024,
        timeout_seconds=300,
        state=Access(read=(LEDGER, PREVIEWS), write=(PREVIEWS,)),
    ),
    "ClaimContract": Task(state=RECORDS_OUTCOMES, reads_executions=True),
    "SubmitContract": Task(
        timeout_seconds=90,  # the definition asks Clazar again only after this
        settings=("CLAZAR_URL", "CLAZAR_SECRET_ARN", "SETTLE_SECONDS"),
        state=RECORDS_OUTCOMES,
        reads_secret=True,
    ),
    "RecordSuccess": Task(state=RECORDS_OUTCOMES),
    "RecordError": Task(state=RECORDS_OUTCOMES),
    "CloseMonth": Task(
        memory_mb=ONE_CPU_MB,
        timeout_seconds=900,
        state=Access(read=(LEDGER, RUNS, STATE_FILES), write=(LEDGER, REPORTS, STATE_FILES)),
    ),
    "ReleasePlan": Task(
        state=Access(read=(LEASES, JOURNALS), write=(LEASES, JOURNALS)),
    ),
}


def task_functions(
    scope: Construct,
    *,
    code: lambda_.Code,
    layer: lambda_.ILayerVersion,
    log_days: int,
    settings: Mapping[str, str],
) -> dict[str, TaskFunction]:
    """Make a function per task, told only the settings that it asks for."""
    everyone = {
        "STATE_BUCKET": settings["STATE_BUCKET"],
        "POWERTOOLS_SERVICE_NAME": "metering",
        "POWERTOOLS_METRICS_NAMESPACE": "BillingPipelines",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    return {
        state: TaskFunction(
            scope,
            state,
            module=f"functions.metering.{snake_case(state)}",
            code=code,
            layer=layer,
            memory_mb=task.memory_mb,
            timeout_seconds=task.timeout_seconds,
            log_days=log_days,
            environment={**everyone, **{name: settings[name] for name in task.settings}},
        )
        for state, task in TASKS.items()
    }


def snake_case(state: str) -> str:
    """Name the module of a state."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()
