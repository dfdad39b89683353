"""ReleasePlan: give the lease back and say how the execution ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration, state_bucket
from functions.adapters.state_bucket import Lease
from functions.adapters.storage import Objects
from functions.domain.month import format_instant
from functions.metering.payloads import Finish, Finished, dump, parse

logger = Logger()
ATTENTION = "ContractsNeedAttention"
_LONGEST_CAUSE = 8_000
_LONGEST_SUBJECT = 100


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return how the execution is to end."""
    task = parse(event, Finish)
    if not task.run.dry_run:
        release(task, configuration.state_bucket(), format_instant(datetime.now(UTC)))
    finished = finish(task)
    logger.info("plan released", plan=task.run.plan.key, succeeded=finished.succeeded)
    return dump(finished)


def release(task: Finish, objects: Objects, at: str) -> None:
    """Give the lease back, if this execution still holds it."""
    lease = state_bucket.lease(objects, task.run.plan)
    held = lease.read()
    if held and held.value.execution == task.run.execution:
        lease.write(Lease(execution="", at=at), held)


def finish(task: Finish) -> Finished:
    """Succeed only if nothing failed and no contract needs a person."""
    plan = task.run.plan.key
    waiting = task.planned.waiting if task.planned else []
    unresolved = sum(month.errors for month in task.months)
    quarantined = sum(month.quarantined for month in task.months)
    error, cause = "", ""
    if task.failure:
        error, cause = task.failure.error, task.failure.message[:_LONGEST_CAUSE]
    elif unresolved:
        error = ATTENTION
        named = "; ".join(
            f"{month.month}: {', '.join(month.attention)}, see {month.report}"
            for month in task.months
            if month.errors
        )
        cause = f"{plan}: contracts that need attention: {unresolved}; {named}"
    notes = [warning for month in task.months for warning in month.warnings]
    return Finished(
        succeeded=not error,
        notify=not task.run.dry_run and bool(error or quarantined),
        error=error,
        cause=cause,
        subject=f"Metering of {plan}: {error or 'usage without a contract'}"[:_LONGEST_SUBJECT],
        result={
            "plan": plan,
            "as_of": task.run.as_of,
            "dry_run": task.run.dry_run,
            "months": msgspec.to_builtins(task.months),
            "waiting": msgspec.to_builtins(waiting),
            "unresolved": unresolved,
            "message": "; ".join(filter(None, [cause, *notes]))[:_LONGEST_CAUSE]
            or "nothing to report",
        },
    )
