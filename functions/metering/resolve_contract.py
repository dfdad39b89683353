"""ResolveContract: settle a parked contract as an operator decided, in ledger and state file."""

import json
from datetime import datetime
from functools import partial

from functions.adapters import clock, wiring
from functions.adapters.books import Books
from functions.domain.ledger import transitions
from functions.domain.ledger.entry import Decision, Entry
from functions.domain.ledger.resolution import resolve
from functions.domain.month import Month, format_instant
from functions.domain.months import state_file
from functions.domain.months.journal import watched
from functions.domain.months.outcome import error_record
from functions.domain.months.run import Resolve, Run
from functions.domain.plan import Plan
from functions.errors import BadInput, OutcomeUnknown
from functions.metering.payloads import Resolved, RunTask
from functions.partners import RECEIVER
from functions.payloads import task_handler


@task_handler
def handler(task: RunTask, _context: object) -> Resolved:
    """Return what became of the contract's month."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    return resolve_contract(task.run, books, clock.now(), wiring.settle_seconds())


def resolve_contract(run: Run, books: Books, now: datetime, settle_seconds: float) -> Resolved:
    """Write the decision into the ledger first; the state file and the journal follow from it."""
    asked = run.resolve
    if asked is None:
        raise BadInput("resolve: nothing to resolve was given")
    month, at = Month.parse(asked.month), format_instant(now)
    state = books.read_state().at(month)

    def decided(found: Entry | None) -> Entry:
        if found and not transitions.is_over(found, now, settle_seconds):
            raise OutcomeUnknown(f"the last request for {asked.contract} may still be underway")
        return _decided(asked, found, run.execution, at, by_hand=state.done - state.failed)

    entry = books.entry(month, asked.contract).change(decided).value
    settled = entry.accepted and entry.settled_at is not None
    # A month that is open shows the decision by itself.
    if asked.outcome == "not_accepted" and (settled or entry.failure):
        _reopen(books, month, entry, at)
    elif settled:
        books.show_settled(month, [entry], at)
    elif entry.failure:
        record = partial(state_file.record_month, plan_key=run.plan.key, month=month, at=at)
        books.change_state(partial(record, errors=[error_record(entry)]))
    return Resolved(
        contract=asked.contract,
        month=asked.month,
        outcome=asked.outcome,
        settled=settled,
        message=_message(asked, entry, settled=settled) + _rest(asked, entry, run.plan),
    )


def _decided(
    asked: Resolve, entry: Entry | None, execution: str, at: str, *, by_hand: frozenset[str]
) -> Entry:
    if entry is None:
        raise BadInput(f"resolve: the ledger has no {asked.contract} in {asked.month}")
    decision = Decision(what=asked.outcome, execution=execution, at=at, reason=asked.reason)
    try:
        resolved = resolve(entry, decision)
    except ValueError as error:
        raise BadInput(f"resolve: {error}") from error
    # No run would send what the state file lists as a success alone.
    if asked.outcome == "not_accepted" and asked.contract in by_hand:
        where = f"success_contracts of {asked.month}"
        raise BadInput(f"resolve: {asked.contract} is settled by hand, in {where}")
    return resolved


def _reopen(books: Books, month: Month, entry: Entry, at: str) -> None:
    """Take the error out of the state file, and note it in the journal.

    That is what a contract looks like that an operator has re-opened: the next run takes it up.
    """
    name, code = entry.contract_id, entry.failure.code if entry.failure else ""
    books.change_journal(lambda journal: watched(journal, month, name, code, at))
    record = partial(state_file.record_month, plan_key=books.plan.key, month=month, at=at)
    books.change_state(partial(record, reopened=[name]))


def _rest(asked: Resolve, entry: Entry, plan: Plan) -> str:
    """Say where the receiver bills another quantity than was due, and what becomes of the rest."""
    differ = [
        line for line in entry.lines if line.state == "accepted" and line.taken != line.quantity
    ]
    if not differ:
        return ""
    billed = ", ".join(f"{one.taken} of {one.quantity} {one.dimension}" for one in differ)
    off = f"unless {asked.month} was closed with carry_remainders off"
    carried = f"is carried to the next month with usage, {off}"
    rest = carried if plan.carry_remainders else "is not billed: carry_remainders is off"
    return f"; {RECEIVER} bills {billed}, and the difference {rest}"


def _message(asked: Resolve, entry: Entry, *, settled: bool) -> str:
    head = f"{asked.month}: {asked.contract} resolved as {asked.outcome}"
    if settled:
        given = json.dumps({"months": [asked.month], "contracts": [asked.contract]})
        return f"{head}; the report of {asked.month} shows it once {given} was started"
    if asked.outcome == "accepted" and entry.failure:
        return f"{head}; still to be looked at: {entry.failure.code} {entry.failure.message}"
    if entry.until:
        return (
            f"{head}; what {RECEIVER} does not list is sent by the month's own run, or sooner if "
            f"the same final usage is started again: contracts, and until {entry.until}"
        )
    return f"{head}; the next run asks {RECEIVER} and sends what it does not list"
