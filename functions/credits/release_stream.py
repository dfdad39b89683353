"""ReleaseStream: give the stream back and say how the execution ends."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, credits_bucket, leases
from functions.credits.payloads import Finish
from functions.domain.month import format_instant
from functions.payloads import Finished, mail_subject, task_handler

logger = Logger()
SEVERAL = "MonthsFailed"
_LONGEST_TEXT = 16_000


@task_handler
def handler(task: Finish, _context: object) -> Finished:
    """Return how the execution is to end."""
    lease = credits_bucket.lease(configuration.credits_bucket(), task.run.connection)
    leases.release(lease, task.run.execution, format_instant(clock.now()))
    finished = finish(task)
    logger.info("stream released", file=task.run.file, succeeded=finished.succeeded)
    return finished


def finish(task: Finish) -> Finished:
    """Succeed only if every month of the file is verified or has something newer."""
    months = task.reported.months if task.reported else []
    failed = [month for month in months if month.status == "failed"]
    causes = [f"{month.billing_month}: {month.error}: {month.message}" for month in failed]
    errors = {month.error for month in failed}
    if task.failure:
        causes, errors = [task.failure.message, *causes], {task.failure.error}
    error = "" if not errors else errors.pop() if len(errors) == 1 else SEVERAL
    warnings = task.reported.warnings if task.reported else []
    done = [
        f"{month.billing_month}: {month.row_count} rows, {month.total_credit_usd} USD"
        for month in months
        if month.status == "verified"
    ]
    left = [f"{m.billing_month}: {m.message}" for m in months if m.status == "superseded"]
    message = "\n".join([*causes, *warnings, *done, *left]) or "nothing to report"
    return Finished(
        succeeded=not error,
        notify=bool(error or warnings),
        error=error,
        cause="\n".join(causes)[:_LONGEST_TEXT],
        subject=mail_subject(f"Credits {task.run.file}: {error or 'something to look at'}"),
        result={
            "file": task.run.file,
            "months": msgspec.to_builtins(months),
            "duplicates": task.reported.duplicates if task.reported else 0,
            "warnings": warnings,
            "report": task.reported.report if task.reported else None,
            "message": message[:_LONGEST_TEXT],
        },
    )
