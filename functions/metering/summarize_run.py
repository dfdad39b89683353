"""SummarizeRun: what a run's message says and how its execution ends. Writes nothing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from msgspec.structs import replace

from functions import metrics
from functions.adapters import clock, keys, leases, wiring
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.conversion import parse
from functions.domain.mails import Place
from functions.domain.month import Month, parse_instant
from functions.domain.months import months_due
from functions.domain.months.announcement import Announcement, to_announce
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.journal import Journal
from functions.domain.months.mail import Ended, is_mailed, mail
from functions.domain.months.run import Run
from functions.domain.wording import some
from functions.metering.payloads import Ending, Finish
from functions.payloads import Finished, Problem, Refused, task_handler

logger = Logger()
ATTENTION = "ContractsNeedAttention"
TO_SETTLE = (
    'to retry them, start {"retry_errors": true} or remove their entries from error_contracts; to '
    'close one, start {"resolve": {"contract": "...", "month": "...", "outcome": "...", "reason": '
    '"..."}}; see docs/runbook.md, "A contract needs attention"'
)
# There is room in a message for everything, whatever else there is to say; SNS takes 256 KiB.
_LONGEST_PART, _LONGEST_MESSAGE = 8_000, 40_000


@task_handler
def handler(given: dict[str, Any], _context: object) -> Finished:
    """Return how the execution is to end."""
    if "refused" in given:
        return parse(given["refused"], Refused).finished("metering", wiring.place())
    task = parse(given, Finish)
    ending = summarize_run(task, wiring.books(task.run.plan), wiring.place(), clock.now())
    _count(task, ending)
    return ending


def _count(task: Finish, ending: Ending) -> None:
    """Count what alarms watch. A run that was asked for a part of its plan says nothing of all."""
    run, plan = task.run, task.run.plan.key
    metrics.RUNS.add(1, plan)
    if run.dry_run:
        return
    metrics.CONTRACTS_OPEN.add(ending.result["unresolved"], plan)
    if run.months or run.contracts or run.until or run.resolve or run.reconcile:
        return
    planned, as_of = task.planned, parse_instant(run.as_of)
    closed = {month["month"] for month in ending.result["months"] if month["closed"]}
    due = {*planned.months, *(item.month for item in planned.waiting)}
    over = {month for month in due if Month.parse(month).end <= as_of}
    was_planned = planned.work or planned.why or planned.months or planned.waiting
    metrics.MONTHS_UNCLOSED.add(len(over - closed) if was_planned else 1, plan)


def summarize_run(task: Finish, books: Books, place: Place, now: datetime) -> Ending:
    """Read what there is to say from the journal, where it survives a run that stops early.

    Nobody else changes the journal until ReleasePlan has given the lease back. An execution that
    has lost the lease speaks of itself only.
    """
    run, read = task.run, books.journal().read()
    holds = run.dry_run or leases.holder(books.lease()) == run.execution
    journal = read.value if read and holds else Journal()
    version = read.etag if read and holds and not run.dry_run else ""
    announcement = to_announce(read.value if read else Journal(), run.as_of)
    if run.dry_run:
        announcement = _of_dry_run(task, announcement)
    elif not holds:
        announcement = Announcement([], [], [], 0, announcement.total, reminds=False)
    months = [month for month in task.months if month] or list(_closed(task, books.objects))
    if not task.failure:
        left = months_due.left(task.planned.months, {month.month for month in months})
        planned = replace(task.planned, waiting=[*task.planned.waiting, *left])
        task = replace(task, planned=planned, failure=_unknown(run, months))
    ended = _ended(task, months, announcement, journal)
    ending = _ending(task, ended, announcement, version)
    if run.dry_run or not is_mailed(ended, if_closed=place.mails_closed):
        return ending
    subject, body = _mail(run, ended, place, now) or (f"Metering: {ended.error}", "")
    return replace(ending, notify=True, subject=subject, mail=body or ending.result["message"])


def _unknown(run: Run, months: list[ClosedMonth]) -> Problem | None:
    """Return an error for contracts that were asked for and that none of the months knows."""
    billed = [month for month in months if not month.late and not month.so_far]
    asked = enumerate(run.contracts or ())
    names = [repr(name) for n, name in asked if all(n in month.unknown for month in billed)]
    of = ", ".join(month.month for month in billed)
    said = f"contracts: {', '.join(some(names, 10))} without usage in {of}"
    return Problem("BadInput", said) if billed and names else None


def _of_dry_run(task: Finish, announcement: Announcement) -> Announcement:
    """Announce nothing as new, and what the files say of the months that a run would bill."""
    months = [month for month in task.months if month and not month.so_far]
    warnings = [text for month in months for text in month.warnings]
    standing = announcement.new + announcement.standing
    return announcement._replace(new=[], standing=standing, notices=warnings)


def _mail(run: Run, ended: Ended, place: Place, now: datetime) -> tuple[str, str] | None:
    """Return the mail; what cannot be rendered must not keep the message or the lease."""
    try:
        return mail(run, ended, place, now)
    except Exception:
        logger.exception("the mail could not be rendered", plan=run.plan.key)
        return None


def _closed(task: Finish, objects: Objects) -> Iterator[ClosedMonth]:
    """Yield the months that a run which failed has got to the end of; its map returns none."""
    for month in task.planned.months if task.failure else ():
        key = keys.closed(task.run.plan, Month.parse(month), task.run.name)
        if stored := objects.read(key):
            yield msgspec.json.decode(stored.body, type=ClosedMonth)


def _ended(
    task: Finish, months: list[ClosedMonth], announcement: Announcement, journal: Journal
) -> Ended:
    """Succeed only if nothing failed and no contract is new among those that need an operator."""
    plan, failure = task.run.plan.key, task.failure
    new = "; ".join(announcement.new)
    failed = failure.message if failure else ""
    fresh = new and f"{plan}: contracts that need attention: {announcement.new_total}; {new}"
    waiting = [item for item in task.planned.waiting if item.overdue]
    notices = [*(f"{item.month} waits: {item.reason}" for item in waiting), *announcement.notices]
    return Ended(
        months=months,
        due=task.planned.months,
        error=failure.error if failure else ATTENTION if new else "",
        cause="; ".join(filter(None, (failed, fresh)))[:_LONGEST_PART],
        reminds=announcement.reminds,
        notices=notices,
        details=[text for text in (failed[:_LONGEST_PART], *notices) if text],
        journal=journal,
    )


def _message(task: Finish, ended: Ended, announcement: Announcement) -> str:
    standing = "; ".join(announcement.standing)[:_LONGEST_PART]
    earlier = announcement.total - announcement.new_total
    texts = (
        ended.cause,
        *(item.would_send for item in ended.months if item.dry_run and not item.late),
        *(f"{item.month}: {item.reconciled}" for item in ended.months if item.reconciled),
        task.resolved.message if task.resolved else "",
        *ended.notices,
        f"contracts still open from earlier runs: {earlier}; {standing}" if earlier else standing,
        TO_SETTLE if announcement.total and (announcement.new or standing) else "",
        task.planned.why,
    )
    return ("; ".join(filter(None, texts)) or "nothing to report")[:_LONGEST_MESSAGE]


def _ending(task: Finish, ended: Ended, announcement: Announcement, version: str) -> Ending:
    run, planned, months = task.run, task.planned, ended.months
    return Ending(
        run=run,
        journal=version,
        succeeded=not ended.error,
        error=ended.error,
        cause=ended.cause,
        result={
            "plan": run.plan.key,
            "as_of": run.as_of,
            "dry_run": run.dry_run,
            "months": msgspec.to_builtins([month for month in months if not month.so_far]),
            "so_far": msgspec.to_builtins([month for month in months if month.so_far]),
            "waiting": msgspec.to_builtins(planned.waiting),
            "why": planned.why,
            "resolved": msgspec.to_builtins(task.resolved),
            "unresolved": announcement.total,
            "open_contracts": announcement.new + announcement.standing,
            "to_settle": TO_SETTLE if announcement.total else "",
            "message": _message(task, ended, announcement),
        },
    )
