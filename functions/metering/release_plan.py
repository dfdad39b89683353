"""ReleasePlan: give the lease back and say how the execution ends."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, leases, state_bucket
from functions.adapters.storage import Objects
from functions.domain.announcement import Announcement, announced, some, to_announce
from functions.domain.journal import Journal
from functions.domain.month import format_instant
from functions.metering.payloads import Finish
from functions.payloads import Finished, dump, mail_subject, parse

logger = Logger()
ATTENTION = "ContractsNeedAttention"
_MOST_NAMED = 40
# Everything that is told has room in a message, whatever else there is to say; SNS takes 256 KiB.
_LONGEST_CAUSE, _LONGEST_MESSAGE = 8_000, 40_000


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return how the execution is to end."""
    task = parse(event, Finish)
    objects = configuration.state_bucket()
    announcement = announce(task, objects)
    if not task.run.dry_run:
        lease = state_bucket.lease(objects, task.run.plan)
        leases.release(lease, task.run.execution, format_instant(clock.now()))
    finished = finish(task, announcement)
    logger.info("plan released", plan=task.run.plan.key, succeeded=finished.succeeded)
    return dump(finished)


def announce(task: Finish, objects: Objects) -> Announcement:
    """Take what has to be told from the journal, where it survives a run that stops early."""
    if task.run.dry_run:
        return Announcement([], [text for month in task.months for text in month.warnings], 0)
    name = task.run.name
    document = state_bucket.journal(objects, task.run.plan)
    read = document.read()
    if read is None or not any(to_announce(read.value, name)[:2]):
        return to_announce(read.value if read else Journal(), name)
    # What is said is what was written down to be said, whatever came between.
    written = document.change(lambda journal: announced(journal or Journal(), name))
    found = to_announce(written.value, name)
    mine = [notice.text for notice in written.value.notices if notice.announced_by == name]
    return found._replace(notices=[text for text in found.notices if text in mine])


def finish(task: Finish, announcement: Announcement) -> Finished:
    """Succeed only if nothing failed and no contract needs a person."""
    plan = task.run.plan.key
    waiting = task.planned.waiting if task.planned else []
    overdue = [f"{item.month} waits: {item.reason}" for item in waiting if item.overdue]
    contracts, causes = announcement.contracts, []
    if task.failure:
        causes.append(task.failure.message)
    if contracts:
        named = ", ".join(some(contracts, _MOST_NAMED))
        causes.append(f"{plan}: contracts that need attention: {len(contracts)}; {named}")
    cause = "; ".join(causes)[:_LONGEST_CAUSE]
    error = task.failure.error if task.failure else ATTENTION if contracts else ""
    standing = announcement.standing - len(contracts)
    earlier = [f"contracts in error_contracts from earlier runs: {standing}"] if standing else []
    resolved = [task.resolved.message] if task.resolved else []
    told = [*([cause] if cause else []), *resolved, *overdue, *announcement.notices, *earlier]
    message = "; ".join(told) or "nothing to report"
    notices = [*overdue, *announcement.notices]
    return Finished(
        succeeded=not error,
        notify=not task.run.dry_run and bool(error or notices),
        error=error,
        cause=cause,
        subject=mail_subject(f"Metering of {plan}: {error or 'something to look at'}"),
        result={
            "plan": plan,
            "as_of": task.run.as_of,
            "dry_run": task.run.dry_run,
            "months": msgspec.to_builtins(task.months),
            "waiting": msgspec.to_builtins(waiting),
            "resolved": msgspec.to_builtins(task.resolved),
            "unresolved": announcement.standing,
            "message": message[:_LONGEST_MESSAGE],
        },
    )
