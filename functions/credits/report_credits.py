"""ReportCredits: write down what an execution did, release the stream and say how it ends."""

from functools import partial
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions import metrics
from functions.adapters import clock, credits_bucket, leases, wiring
from functions.adapters.objects import Objects
from functions.adapters.pages import put_page
from functions.credits.payloads import DropItem, MonthEnd, ReportTask, Run, Snapshot
from functions.domain.conversion import parse
from functions.domain.credits import credits_report
from functions.domain.credits.credits_report import Ended, MonthReport, mail
from functions.domain.credits.file import Repeated
from functions.domain.mails import Place
from functions.domain.month import format_instant, parse_instant
from functions.errors import BadState
from functions.payloads import Finished, Refused, task_handler

logger = Logger()
SEVERAL = "MonthsFailed"
_LOGGED = ("billing_month", "row_count", "unique_accounts", "total_credit_usd", "drop_id")
_LONGEST_TEXT, _LONGEST_MESSAGE, _MOST_WARNINGS = 20_000, 700, 20


@task_handler
def handler(given: dict[str, Any], _context: object) -> Finished:
    """Return how the execution is to end."""
    if "refused" in given:
        return parse(given["refused"], Refused).finished("credits", wiring.place())
    task = parse(given, ReportTask)
    bucket = wiring.credits_bucket()
    months = month_reports(task, bucket)
    finished = finish(task, months, bucket, wiring.place())
    lease = credits_bucket.lease(bucket, task.run.connection)
    leases.release(lease, task.run.execution, format_instant(clock.now()))
    for month in months:
        if month.status == "verified":
            numbers = {name: getattr(month, name) for name in _LOGGED}
            did = "credits posted" if month.posted else "credits stored already"
            logger.info(did, file=task.run.file, **numbers)
            metrics.ROWS_VERIFIED.add(month.row_count or 0)
    metrics.CREDITS_HELD.add(sum(month.error == "DropHeld" for month in months))
    return finished


def month_reports(task: ReportTask, objects: Objects) -> list[MonthReport]:
    """Return every month of the file; one that the map did not come to ends as the run did."""
    ended = {end.drop.month: end for end in task.months}
    months = [*task.parsed.superseded]
    for drop in task.parsed.drops:
        end = ended.get(drop.month) or MonthEnd(drop=drop, problem=task.failure)
        months.append(_month(task.run, end, objects))
    return sorted(months, key=lambda month: month.billing_month)


def _month(run: Run, end: MonthEnd, objects: Objects) -> MonthReport:
    drop, snapshot, problem = end.drop, end.snapshot, end.problem
    known = end.posted.posted
    posted = _was_posted(run, end, objects) if known is None else known
    # What was stored already has been looked at once more since, and may be there no longer.
    held = snapshot.held if posted is False and not snapshot.is_stored else None
    undo, warnings = None, [*end.verified.warnings] if end.verified else []
    if snapshot.key and posted is not False:
        undo, more = _way_back(drop, snapshot, snapshot.key)
        warnings += [f"{drop.month}: {text}" for text in more]
    return MonthReport(
        billing_month=drop.month,
        status="failed" if problem else "verified",
        posted=posted,
        drop_id=end.posted.drop_id,
        snapshot=snapshot.key,
        undo=undo,
        error=problem.error if problem else "",
        message=problem.message[:_LONGEST_MESSAGE] if problem else "verified",
        warnings=warnings,
    ).holding(end.verified.held if end.verified else held)


def _way_back(
    drop: DropItem, snapshot: Snapshot, key: str
) -> tuple[dict[str, str] | None, list[str]]:
    """Return the input that undoes a drop, if there is one, and what is to be said of it."""
    said = [f"replaced as accepted, although {text}" for text in [snapshot.overridden] if text]
    if snapshot.lost:
        return None, [*said, f"this drop cannot be undone: {snapshot.lost}"]
    if (unseen := snapshot.unseen) is None:
        return {"restore": key}, said
    if unseen.source == drop.source and unseen.snapshot:
        return {"restore": unseen.snapshot}, said
    text = (
        f"what was replaced was not the {unseen.totals.total_credit_usd} USD posted at "
        f"{unseen.at}, or not those alone; to undo this drop start an execution with "
        f'{{"restore": "{key}", "accept_shrink": true}}, or if only what was posted is to be '
        f"there {unseen.source.again}"
    )
    return None, [*said, text]


def _was_posted(run: Run, end: MonthEnd, objects: Objects) -> bool | None:
    """Return what is on record of a month whose drop ended with an error; None: not known."""
    try:
        last = credits_bucket.last_drop(objects, run.connection, end.drop.month).value()
    except BadState:
        return None
    if last is None or not last.is_of(run.execution, end.drop.source):
        return False
    return None if last.state == "posting" else True


def finish(task: ReportTask, months: list[MonthReport], bucket: Objects, place: Place) -> Finished:
    """Write the report; succeed only if every month is verified or has something newer."""
    run, failure = task.run, task.failure
    repeated = credits_bucket.repeated(bucket, run.name, task.parsed.version).value() or []
    warnings = [*_of_file(task, repeated), *(text for month in months for text in month.warnings)]
    report = _write(task, months, repeated, warnings, bucket) if task.parsed.version else None
    errors = {month.error for month in months} - {""}
    error = failure.error if failure else SEVERAL if len(errors) > 1 else max(errors, default="")
    causes = [*([failure.message] if failure else []), *(str(m) for m in months if m.error)]
    done = [str(month) for month in months if month.posted and not month.error]
    left = [str(month) for month in months if not month.posted and not month.error]
    said = [*causes, *warnings, *done, *left, *_newer(task, bucket)]
    ended = Ended(run.file, months, error, said, report)
    subject, body = mail(run.execution, run.name, ended, place)
    return Finished(
        succeeded=not error,
        notify=bool(error or warnings),
        error=error,
        cause="\n".join([*causes, *done])[:_LONGEST_TEXT],
        subject=subject,
        mail=body,
        result={
            "file": run.file,
            "months": msgspec.to_builtins(months),
            "duplicates": len(repeated),
            "warnings": warnings[:_MOST_WARNINGS],
            "report": report,
            "message": "\n".join(said)[:_LONGEST_TEXT] or "nothing to report",
        },
    )


def _of_file(task: ReportTask, repeated: list[Repeated]) -> list[str]:
    """Return what is to be looked at in the file as a whole."""
    given = (drop for drop in task.parsed.drops if drop.totals.total_credit_usd != "0.00")
    alike = credits_report.alike((drop.month, drop.digest) for drop in given)
    return [*filter(None, [credits_report.attention(repeated)]), *alike]


def _write(
    task: ReportTask,
    months: list[MonthReport],
    repeated: list[Repeated],
    warnings: list[str],
    objects: Objects,
) -> str:
    run = task.run
    key = credits_bucket.report_key(run.file, run.name)
    content = {
        "attention": credits_report.attention(repeated),
        "version": task.parsed.version,
        "execution": run.execution,
        "file": run.file,
        "months": msgspec.to_builtins(months),
        "warnings": warnings,
        "duplicates": repeated,
    }
    objects.put(key, credits_report.encode(content))
    page = partial(credits_report.page, run.file, months, warnings, repeated)
    put_page(objects, key, lambda: page().html())
    return key


def _newer(task: ReportTask, bucket: Objects) -> list[str]:
    """Report that the file has changed: an upload starts its own execution, a deletion none."""
    version = task.parsed.version
    newest = bucket.read(task.run.key, most_bytes=0) if task.run.key and version else None
    if newest is None or newest.version == version:
        return []
    file, at = task.run.file, [parse_instant(drop.source.at) for drop in task.parsed.drops]
    if at and newest.at > at[0]:
        return [f"{file} was uploaded again meanwhile; that upload's own execution posts it"]
    said = "is another version now, perhaps an earlier one; to post it start an execution with"
    return [f'{file} {said} {{"key": "{file}"}}']
