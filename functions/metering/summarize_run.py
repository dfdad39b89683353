"""SummarizeRun: what a run's message says and how its execution ends. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from msgspec.structs import replace

from functions.adapters import keys, leases, wiring
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.month import Month
from functions.domain.months import months_due
from functions.domain.months.announcement import Announcement, to_announce
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.journal import Journal
from functions.metering.payloads import Ending, Finish
from functions.payloads import mail_subject, task_handler

logger = Logger()
metrics = Metrics()
ATTENTION = "ContractsNeedAttention"
TO_SETTLE = (
    'to retry them, start {"retry_errors": true} or remove their entries from error_contracts; to '
    'close one, start {"resolve": {"contract": "...", "month": "...", "outcome": "...", "reason": '
    '"..."}}; see docs/runbook.md, "A contract needs attention"'
)
# There is room in a message for everything, whatever else there is to say; SNS takes 256 KiB.
_LONGEST_PART, _LONGEST_MESSAGE = 8_000, 40_000


@task_handler
@metrics.log_metrics
def handler(task: Finish, _context: object) -> Ending:
    """Return how the execution is to end."""
    ending = summarize_run(task, wiring.books(task.run.plan))
    metrics.add_metric("ContractsOpen", MetricUnit.Count, ending.result["unresolved"])
    logger.info("run summarized", plan=ending.run.plan.key, succeeded=ending.succeeded)
    return ending


def summarize_run(task: Finish, books: Books) -> Ending:
    """Read what there is to say from the journal, where it survives a run that stops early.

    Nobody else changes the journal until ReleasePlan has given the lease back. An execution that
    has lost the lease speaks of itself only.
    """
    run = task.run
    read = books.journal().read()
    announcement, version = to_announce(read.value if read else Journal(), run.as_of), ""
    if run.dry_run:
        months = [month for month in task.months if month and not month.so_far]
        warnings = [text for month in months for text in month.warnings]
        standing = announcement.new + announcement.standing
        announcement = announcement._replace(new=[], standing=standing, notices=warnings)
    elif leases.holder(books.lease()) == run.execution:
        version = read.etag if read else ""
    else:
        announcement = Announcement([], [], [], 0, announcement.total, reminds=False)
    months = [month for month in task.months if month] or list(_closed(task, books.objects))
    if not task.failure:
        left = months_due.left(task.planned.months, {month.month for month in months})
        task = replace(task, planned=replace(task.planned, waiting=[*task.planned.waiting, *left]))
    return _ending(task, months, announcement, version)


def _closed(task: Finish, objects: Objects) -> Iterator[ClosedMonth]:
    """Yield the months that a run which failed has got to the end of; its map returns none."""
    for month in task.planned.months if task.failure else ():
        key = keys.closed(task.run.plan, Month.parse(month), task.run.name)
        if stored := objects.read(key):
            yield msgspec.json.decode(stored.body, type=ClosedMonth)


def _ending(
    task: Finish, months: list[ClosedMonth], announcement: Announcement, version: str
) -> Ending:
    """Succeed only if nothing failed and no contract is new among those that need an operator."""
    plan, failure, planned = task.run.plan.key, task.failure, task.planned
    new, standing = "; ".join(announcement.new), "; ".join(announcement.standing)
    earlier = announcement.total - announcement.new_total
    causes = (
        failure.message if failure else "",
        new and f"{plan}: contracts that need attention: {announcement.new_total}; {new}",
    )
    cause = "; ".join(filter(None, causes))[:_LONGEST_PART]
    error = failure.error if failure else ATTENTION if new else ""
    overdue = [f"{item.month} waits: {item.reason}" for item in planned.waiting if item.overdue]
    notices = [*overdue, *announcement.notices]
    would = [
        f"{item.month}: would send {item.to_submit_records} records of {item.to_submit} contracts"
        for item in months
        if item.dry_run and not item.late
    ]
    said = (
        cause,
        *would,
        task.resolved.message if task.resolved else "",
        *notices,
        standing
        and f"contracts still open from earlier runs: {earlier}; {standing[:_LONGEST_PART]}",
        (new or standing) and TO_SETTLE,
        planned.why,
    )
    reminder = "contracts are still open" if announcement.reminds and not notices else ""
    return Ending(
        run=task.run,
        journal=version,
        succeeded=not error,
        notify=not task.run.dry_run and bool(error or notices or reminder),
        error=error,
        cause=cause,
        subject=mail_subject(f"Metering of {plan}: {error or reminder or 'needs review'}"),
        result={
            "plan": plan,
            "as_of": task.run.as_of,
            "dry_run": task.run.dry_run,
            "months": msgspec.to_builtins([month for month in months if not month.so_far]),
            "so_far": msgspec.to_builtins([month for month in months if month.so_far]),
            "waiting": msgspec.to_builtins(planned.waiting),
            "why": planned.why,
            "resolved": msgspec.to_builtins(task.resolved),
            "unresolved": announcement.total,
            "open_contracts": announcement.new + announcement.standing,
            "to_settle": TO_SETTLE if announcement.total else "",
            "message": ("; ".join(filter(None, said)) or "nothing to report")[:_LONGEST_MESSAGE],
        },
    )
