"""What a metering run mails: what is billed, what is not, until when, and what to type next."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from functions.domain.ledger.entry import BILLED_OTHERWISE
from functions.domain.ledger.failures import OUTCOME_UNKNOWN
from functions.domain.ledger.resolution import OUTCOMES
from functions.domain.mails import Place, execution_link, object_link, start, subject
from functions.domain.month import Month
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.journal import Journal, by_code
from functions.domain.months.run import Run
from functions.domain.templates import render
from functions.domain.usage.marketplace import deadline, taken_until, time_left
from functions.domain.wording import counted, some
from functions.errors import MonthHeld

_DECIDED = (OUTCOME_UNKNOWN, *BILLED_OTHERWISE)


class Ended(NamedTuple):
    """How a run has ended. `details`: all that it reports, a sentence each.

    `cause`: what failed, with the contracts that are new; `notices`: the details but what failed.
    """

    months: Sequence[ClosedMonth]
    due: Sequence[str]
    error: str
    reminds: bool
    details: Sequence[str]
    journal: Journal
    cause: str = ""
    notices: Sequence[str] = ()


def is_mailed(ended: Ended, *, if_closed: bool) -> bool:
    """Return True if an operator has to hear of it, or wants to hear of months that were closed."""
    closed = any(month.closed and not month.late for month in ended.months)
    return bool(ended.error or ended.reminds or ended.details) or (if_closed and closed)


def mail(run: Run, ended: Ended, place: Place, at: datetime) -> tuple[str, str]:
    """Return subject and body of a run's mail."""
    head = _head(run, ended, at)
    unbilled = list(_not_billed(ended.journal))
    body = render(
        Path(__file__).with_name("mail.txt"),
        head=head,
        environment=place.environment,
        plan=run.plan.key,
        run=run.name,
        status=f"FAILED with {ended.error}" if ended.error else "SUCCEEDED",
        months=[_month(run, month, place, at) for month in ended.months if not month.so_far],
        not_billed=unbilled,
        details=ended.details,
        steps=list(_steps(run, ended, place)),
        link=execution_link(run.execution),
    )
    return subject(f"[{place.environment}] {head}"), body


def _head(run: Run, ended: Ended, at: datetime) -> str:
    """Say in one line which month of which service, what is not billed, and how long is left."""
    billed = [month for month in ended.months if not month.late and not month.so_far]
    open_ones = [month for month in billed if month.errors or month.open]
    one = next(iter(open_ones or billed), None)
    text = _month_of(ended, billed, open_ones)
    name = f"{run.plan.service} {Month.parse(text).start:%B %Y}" if text else run.plan.service
    total = sum(len(contracts) for contracts in ended.journal.unresolved.values())
    if one and open_ones:
        unbilled = one.errors + one.open
        said = f"{unbilled:,} of {counted(one.contracts, 'contract')} not billed"
    elif ended.error and total and not ended.due:
        said = f"{counted(total, 'contract')} not billed"
    elif ended.error == MonthHeld.__name__:
        said = "held"
    elif ended.error:
        is_open = text > (ended.journal.last_closed_month or "")
        said = f"not billed, {ended.error}" if is_open else ended.error
    elif ended.reminds and total:
        said = f"{counted(total, 'contract')} still not billed"
    elif one and one.closed and not ended.details:
        said = f"closed, {counted(one.contracts, 'contract')}"
    else:
        said = "needs review"
    dated = text and ended.error and not run.until  # marketplaces take final usage for an hour
    until = deadline(run.plan.cloud, Month.parse(text)) if dated else None
    left = time_left(until, at) if until else ""
    return f"{name}: {said}{f', {left}' if left else ''}"


def _month_of(ended: Ended, billed: Sequence[ClosedMonth], open_ones: Sequence[ClosedMonth]) -> str:
    """Return the month that a mail is about: one that is not billed, else the first."""
    if open_ones:
        return open_ones[0].month
    if ended.error:
        closed = {month.month for month in billed if month.closed}
        return next((month for month in ended.due if month not in closed), "")
    return billed[0].month if billed else next(iter(ended.due), "")


def _month(run: Run, month: ClosedMonth, place: Place, at: datetime) -> dict[str, str]:
    of = Month.parse(month.month)
    return {
        "name": f"{of.start:%B %Y} ({month.month})",
        "said": _said(month),
        "deadline": "" if month.late or run.until else taken_until(run.plan.cloud, of, at),
        "report": object_link(place.bucket, month.report, place.region) if month.report else "",
    }


def _said(month: ClosedMonth) -> str:
    if month.reconciled:
        return month.reconciled
    if month.late:
        changed = "its files have changed since it was billed; no difference in usage is billed"
        return changed if month.changed else "compared with its files again: nothing differs"
    state = "closed" if month.closed else "not closed"
    billed = month.contracts - month.errors - month.open
    return (
        f"{state}; {billed:,} of {counted(month.contracts, 'contract')} billed or settled, "
        f"{counted(month.errors, 'error')}, {month.open:,} open; "
        f"{counted(month.submitted_records, 'record')} of this run accepted"
    )


def _not_billed(journal: Journal) -> Iterator[str]:
    """Name open contracts with reason and quantity, the newest month first, each reason once."""
    room = 40
    for month, contracts in sorted(journal.unresolved.items(), reverse=True):
        for reason, found in by_code(contracts):
            of = found[0][0] if len(found) == 1 else counted(len(found), "contract")
            named = some((f"{name} {seen.due}".rstrip() for name, seen in found), max(room, 0))
            due = f": {found[0][1].due}" if found[0][1].due else ""
            more = due if len(found) == 1 else f": {'; '.join(named)}"
            yield f"{month}: {of} ({reason}){more}"
            room -= len(found)
    yield from journal.forgotten


def _steps(run: Run, ended: Ended, place: Place) -> Iterator[str]:
    for month in sorted(text for text, held in ended.journal.held.items() if not held.approval):
        preview = {"plan": run.plan.key, "months": [month], "dry_run": True}
        yield f"see what would be sent of {month}:\n  {start(run.execution, preview)}"
        approval = {"plan": run.plan.key, "approve": month, "reason": "..."}
        yield (
            f"bill {month} as it is, by one of these:\n  billing approve {month} "
            f'--reason "..." --env {place.environment} --plan {shlex.quote(run.plan.key)}\n'
            f"  {start(run.execution, approval)}"
        )
    newest = max(ended.journal.unresolved, default="")
    if newest:
        contracts = ended.journal.unresolved[newest]
        # The first that only a decision settles, if there is one.
        name = min(contracts, key=lambda name: (contracts[name].code not in _DECIDED, name))
        retry = {"plan": run.plan.key, "retry_errors": True, "reason": "..."}
        yield f"retry all:\n  {start(run.execution, retry)}"
        decision = {"contract": name, "month": newest, "outcome": "OUTCOME", "reason": "..."}
        command = start(run.execution, {"plan": run.plan.key, "resolve": decision})
        yield f"settle one; OUTCOME is {OUTCOMES}:\n  {command}"
    if ended.error:
        yield f"read {place.runbook}, section {ended.error}"
    elif newest or ended.journal.forgotten or ended.details:
        yield f"read {place.runbook}"
