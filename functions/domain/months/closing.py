"""How a month is closed: a pure decision about all that was read, before anything is written."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from functions.domain.ledger.entry import Ledger
from functions.domain.ledger.remainders import Remainders, remainders_of
from functions.domain.month import Month
from functions.domain.months import months_due, state_file
from functions.domain.months.journal import Journal, Unresolved, ended, in_words, reopened, resolved
from functions.domain.months.late_usage import Compared
from functions.domain.months.late_usage import texts as late
from functions.domain.months.notices import noticed, overtaken, settled_before, unread, withdrawn
from functions.domain.months.outcome import Open, Outcome, account, error_record
from functions.domain.months.run import Run
from functions.domain.months.state_file import MonthState, PlanState
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import some


class Seen(NamedTuple):
    """A run, and what it has read before it closes a month.

    `by_hand`: contracts of this run that an operator has settled meanwhile. `left_open`: why this
    run has left contracts to the next one.
    """

    run: Run
    month: Month
    usage: MonthUsage
    ledger: Ledger
    state: PlanState
    journal: Journal
    by_hand: Collection[str]
    left_open: list[Open]

    @property
    def shown(self) -> MonthState:
        """What the state file says of the month."""
        return self.state.at(self.month)

    @property
    def closed(self) -> bool:
        """The month was closed before."""
        return months_due.is_closed(self.month, self.state, self.journal)


class Closing(NamedTuple):
    """What is true of the month. `counts`: it is closed, now or before.

    `open`: contracts of this run that are neither accepted nor errors; they keep the month open.
    """

    seen: Seen
    compared: Compared
    usage: MonthUsage
    outcome: Outcome
    remainders: Remainders
    counts: bool
    open: list[str]
    numbers: dict[str, Any]


def decide(seen: Seen, compared: Compared) -> Closing:
    """Account for every contract of the month, and say what else has to be reported."""
    plan, month, usage = seen.run.plan, seen.month, seen.usage
    left = reopened(seen.journal, seen.state, month) - set(usage.processed)
    outcome = account(
        usage, seen.ledger, seen.shown, left, formulas=plan.dimensions, closed=seen.closed
    )
    asked = outcome.unaccounted if seen.run.contracts is None else usage.processed
    return Closing(
        seen=seen,
        compared=compared,
        usage=replace(usage, warnings=[*_warnings(seen, compared, outcome)]),
        outcome=outcome,
        remainders=remainders_of(seen.ledger.values(), plan.dimensions, done=seen.shown.done),
        counts=seen.closed or (outcome.complete and seen.run.until is None),
        open=sorted(set(asked) & set(outcome.unaccounted)),
        numbers=_numbers(seen, outcome),
    )


def _warnings(seen: Seen, compared: Compared, outcome: Outcome) -> Iterator[str]:
    plan, month, usage, ledger = seen.run.plan, str(seen.month), seen.usage, seen.ledger
    yield from usage.warnings
    yield from unread(month, usage.bill.contracts, ledger, plan.dimensions)
    yield from withdrawn(usage.processed, ledger)
    processed = {*(seen.run.contracts or ())} & {*usage.processed}
    yield from settled_before(seen.run.execution, processed, ledger)
    yield from _not_asked_for(seen, outcome)
    yield from overtaken(month, seen.run.execution, seen.by_hand, ledger)
    yield from noticed(_named(seen, outcome), ledger)
    if compared.differences:
        yield from late(plan.key, month, compared, with_head=seen.closed)


def _not_asked_for(seen: Seen, outcome: Outcome) -> list[str]:
    left = sorted(set(outcome.unaccounted) - set(seen.run.contracts or outcome.unaccounted))
    is_open = left and seen.run.until is None and not seen.closed
    what = f"{seen.month} stays open, as only some contracts were asked for; not accounted for yet"
    return [f"{what}: {', '.join(some(left, 10))}"] if is_open else []


def _named(seen: Seen, outcome: Outcome) -> Collection[str]:
    """Return whose records are named: all, by the run that closes; others may have ended early."""
    closes = outcome.complete and not seen.closed and seen.run.until is None
    return seen.ledger.keys() if closes else seen.usage.processed


def _numbers(seen: Seen, outcome: Outcome) -> dict[str, Any]:
    """Count each contract once: submitted, an error that stands, open (or late), or skipped."""
    shown, waiting = seen.shown, set(outcome.unaccounted)
    failed = outcome.failed.keys() | (shown.failed - waiting).difference(outcome.accepted)
    of = {bill.contract_id for bill in seen.usage.bill.contracts} | {*seen.usage.processed}
    waiting |= of - failed - shown.done - seen.ledger.keys()
    known = of | failed | shown.done | seen.ledger.keys()
    of = of | waiting | failed if seen.run.until is None else set(seen.run.contracts or ())
    sent = {
        name: sum(line.state == "accepted" for line in entry.sent_by(seen.run.execution))
        for name, entry in seen.ledger.items()
    }
    return {
        "contracts": len(of),
        "submitted": sum(sent.get(name, 0) > 0 for name in of - failed - waiting),
        "submitted_records": sum(sent.values()),
        "errors": len(failed & of),
        "open": len(waiting & of),
        "unknown": [n for n, name in enumerate(seen.run.contracts or ()) if name not in known],
    }


def in_state_file(
    closing: Closing, document: state_file.Document, *, as_of: datetime, at: str
) -> state_file.Document:
    """Return the state file with the month's outcome.

    A contract that became a success since the ledger was read is not an error any more.
    """
    seen, outcome = closing.seen, closing.outcome
    plan, month = seen.run.plan, seen.month
    state = state_file.read_plan(document, plan.key, plan.state_file)
    done = state.at(month).done - seen.shown.done
    first = months_due.first_month(plan, state, seen.journal, as_of)
    failed = [entry for name, entry in outcome.failed.items() if name not in done]
    return state_file.record_month(
        document,
        plan.key,
        month,
        at=at,
        successes=outcome.accepted,
        errors=map(error_record, failed),
        closes=outcome.complete and month == first and seen.run.until is None,
    )


def in_journal(closing: Closing, journal: Journal, last_closed: Month | None) -> Journal:
    """Return the journal with the month's outcome. A month that is not closed comes again."""
    month, outcome = closing.seen.month, closing.outcome
    errors = {
        name: Unresolved(
            code=failure.code,
            since=failure.at,
            due=in_words((line.quantity, line.dimension) for line in entry.unsettled),
            retries=entry.retries,
        )
        for name, entry in outcome.failed.items()
        if (failure := entry.failure)
    }
    last = str(last_closed) if last_closed else journal.last_closed_month
    if outcome.complete or last is None or str(month) > last:
        journal = ended(journal, month)
    held = {text: hold for text, hold in journal.held.items() if text > (last or "")}
    journal = replace(journal, held=held, last_closed_month=last)
    return resolved(journal, month, outcome.accepted, errors)
