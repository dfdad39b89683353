"""A Task state's Lambda in general; each pipeline has its own table of them.

A name in such a table is the name of the state, of the construct, and in snake case of the
module. No task may delete anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import ROOT
from infra.constructs.bucket_access import Access
from infra.constructs.dependency_layer import DependencyLayer
from infra.constructs.task_function import TaskFunction
from infra.own_metrics import OwnMetrics

LEASES, RUNS, REPORTS = "leases/*", "runs/*", "reports/*"
NOTHING = Access()
MAILS = ("ENVIRONMENT", "RUNBOOK_URL", "MAILS_CLOSED")  # what a task needs that writes a mail

# After this a request to a partner has arrived or never will: longer than any function that sends
# one may live. The definitions wait at least as long before they ask the partner again.
SETTLE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Task:
    """One function. ``settings`` names its environment variables beyond those of every task."""

    memory_mb: int = 512
    timeout_seconds: int = 60
    settings: tuple[str, ...] = ()
    reads_executions: bool = False
    reads_secret: bool = False


def task_functions(
    scope: Construct,
    tasks: Mapping[str, Task],
    own: OwnMetrics,
    *,
    everyone: Mapping[str, str],
    settings: Mapping[str, str],
    log_days: int,
) -> dict[str, TaskFunction]:
    """Make a function per task, with the settings of all and those it asks for."""
    code, layer = _functions_code(), DependencyLayer(scope, "Dependencies")
    common = {**everyone, **own.settings, "POWERTOOLS_LOG_LEVEL": "INFO"}
    return {
        state: TaskFunction(
            scope,
            state,
            module=f"functions.{own.pipeline}.{snake_case(state)}",
            code=code,
            layers=[layer],
            memory_size=task.memory_mb,
            timeout_seconds=task.timeout_seconds,
            log_days=log_days,
            environment={**common, **{name: settings[name] for name in task.settings}},
        )
        for state, task in tasks.items()
    }


def _functions_code() -> lambda_.Code:
    """The one zip: the ``functions`` package under its own name, and nothing else of the project.

    The same import works in tests, on this machine and in Lambda, and two Lambdas can never run
    different versions of a rule. Excluding everything first keeps ``.venv``, data and docs out.
    """
    exclude = ["*", "!functions", "!functions/**", "__pycache__", "*.pyc", ".DS_Store"]
    return lambda_.Code.from_asset(str(ROOT), exclude=exclude, ignore_mode=IgnoreMode.GIT)


def snake_case(state: str) -> str:
    """Name the module of a state."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()
