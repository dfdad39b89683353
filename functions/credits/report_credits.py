"""ReportCredits: write down what an execution did, and look whether the file is still the same."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import configuration
from functions.adapters.storage import Objects, Uploads
from functions.credits.payloads import MonthEnd, PostedMonth, Reported, ReportTask
from functions.domain import credits_report, keys
from functions.domain.credits_file import Repeated
from functions.payloads import task_handler

logger = Logger()
metrics = Metrics()
_LOGGED = ("billing_month", "row_count", "unique_accounts", "total_credit_usd", "drop_id")


@metrics.log_metrics
@task_handler
def handler(task: ReportTask, _context: object) -> Reported:
    """Return the months in numbers."""
    bucket = configuration.credits_bucket()
    reported = report_credits(task, bucket, bucket)
    for month in reported.months:
        if month.status == "verified":
            numbers = {name: getattr(month, name) for name in _LOGGED}
            logger.info("credits posted", file=task.run.file, **numbers)
            metrics.add_metric("RowsVerified", MetricUnit.Count, month.row_count)
    return reported


def report_credits(task: ReportTask, uploads: Uploads, objects: Objects) -> Reported:
    """Write the report; the execution is outdated if its file was uploaded again."""
    run, parsed = task.run, task.parsed
    months = [*parsed.superseded, *map(_month, task.months)]
    months.sort(key=lambda month: month.billing_month)
    repeated = _repeated(objects, keys.repeated_rows(run.name, parsed.version)) if run.key else []
    attention = credits_report.attention(repeated)
    warnings = [attention] if attention else []
    warnings += [text for month in months for text in month.warnings]
    report = credits_report.CreditsReport(
        attention=attention,
        file=run.file,
        version=parsed.version,
        execution=run.execution,
        months=months,
        warnings=warnings,
        duplicates=repeated,
    )
    key = keys.credits_report(run.file, run.name, run.turn)
    objects.put(key, credits_report.encode(report))
    newest = uploads.upload(run.key, 0) if run.key else None
    return Reported(
        outdated=newest is not None and newest.version != parsed.version,
        next_round=msgspec.structs.replace(run, turn=run.turn + 1, accept_shrink=False),
        months=months,
        duplicates=len(repeated),
        warnings=warnings[:20],
        report=key,
    )


def _month(end: MonthEnd) -> PostedMonth:
    drop, posted, problem = end.drop, end.posted, end.problem
    return PostedMonth(
        billing_month=drop.month,
        status="failed" if problem else "verified",
        posted=posted is not None,
        drop_id=posted.drop_id if posted else end.drop_id,
        snapshot=end.snapshot.key if end.snapshot else None,
        row_count=drop.row_count,
        unique_accounts=drop.unique_accounts,
        total_credit_usd=drop.total_credit_usd,
        error=problem.error if problem else "",
        message=problem.message[:1_000] if problem else "",
        warnings=end.warnings,
    )


def _repeated(objects: Objects, key: str) -> list[Repeated]:
    stored = objects.read(key)
    return msgspec.json.decode(stored.body, type=list[Repeated]) if stored else []
