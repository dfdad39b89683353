"""ReconcileState: make state file and ledger agree again, whoever came between them."""

from collections.abc import Iterator
from functools import partial

import msgspec
from msgspec.structs import replace

from functions.adapters import clock, owners, wiring
from functions.adapters.books import Books
from functions.domain.ledger.entry import Decision, Entry
from functions.domain.ledger.remainders import remainders_of
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.months import months_due
from functions.domain.months.announcement import with_notices
from functions.domain.months.journal import (
    Journal,
    ended,
    in_both,
    observe,
    resolved,
    settled_by_hand,
)
from functions.domain.months.months_due import MOST_MONTHS
from functions.domain.months.outcome import by_hand, is_shown
from functions.domain.months.run import Run
from functions.domain.months.state_file import PlanState
from functions.domain.plan import Plan
from functions.domain.wording import some
from functions.errors import BadInput
from functions.metering.payloads import RunTask
from functions.payloads import task_handler


@task_handler
def handler(task: RunTask, _context: object) -> None:
    """Return nothing."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    reconcile_state(task.run, books, format_instant(clock.now()))


def reconcile_state(run: Run, books: Books, at: str) -> None:
    """Waive what an operator has moved to the successes; show as one what the ledger has settled.

    The second is what an execution leaves that has settled a contract and ended before it could
    write that into the state file. An entry that cannot be read is reported and blocks nothing.
    """
    state, journal = books.read_state(), books.read_journal()
    months_due.check(run.plan, state, journal, parse_instant(at))
    if run.approve:
        _approve(run, Month.parse(run.approve), state, books, at)
    skipped = _note_skipped(run, state, journal, books)
    unreadable: list[str] = []
    entries_of = partial(books.entries, unreadable=unreadable)
    waive = partial(_waive, books, run, at)
    for month, names in settled_by_hand(journal, state):
        before = len(unreadable)
        waive(month, entries_of(month, names))
        if len(unreadable) == before:  # what could not be read is waived once it can
            books.change_journal(partial(resolved, month=month, settled=names))
    for month, failed in sorted(state.errors.items()):
        entries = entries_of(month, sorted(failed.keys() - state.at(month).done))
        if settled := [entry for entry in entries if entry.settled_at and not entry.failure]:
            books.show_settled(month, settled, at)
    for month in map(Month.parse, journal.underway):
        names = sorted(books.contracts_in_ledger(month))
        entries = entries_of(month, names)
        waive(month, by_hand(entries, state.at(month), in_both(journal, month)))
        if months_due.is_closed(month, state, journal) and len(entries) == len(names):
            _end_if_settled(books, month, state, entries, at)
    _report(sorted(unreadable), (*skipped, *owners.forgotten(books, run.plans)), journal, books)


def _waive(books: Books, run: Run, at: str, month: Month, entries: list[Entry]) -> None:
    waived = books.waive(month, entries, run.execution, at)
    # Also of those waived before: an execution may have ended right behind that.
    books.renew_remainders(month, waived.values())


def _report(
    unreadable: list[str], forgotten: tuple[str, ...], journal: Journal, books: Books
) -> None:
    if unreadable or forgotten != journal.forgotten:
        books.change_journal(
            lambda old: with_notices(replace(old, forgotten=forgotten), unreadable)
        )


def _approve(run: Run, month: Month, state: PlanState, books: Books, at: str) -> None:
    """Let the bill through that is held; BadInput if none is.

    The journal remembers it until the month is closed, so whichever execution comes to that bill
    continues with it.
    """
    approval = Decision(what="approved", execution=run.execution, at=at, reason=run.reason)

    def approved(journal: Journal) -> Journal:
        held = journal.held.get(str(month))
        if held is None or months_due.is_closed(month, state, journal):
            raise BadInput(f"approve: {month} is not held, so there is nothing to approve")
        if held.changed and held.since > run.started:  # nobody can have read that mail
            raise BadInput(f"approve: the bill of {month} has changed since this was started")
        return replace(journal, held={**journal.held, str(month): replace(held, approval=approval)})

    books.change_journal(approved)


def _end_if_settled(
    books: Books, month: Month, state: PlanState, entries: list[Entry], at: str
) -> None:
    """End a closed month in which a run got stuck, once operators have settled all that is open.

    Else it would be worked on until its usage can be read again, which may be never. What this
    execution itself has just shown goes through CloseMonth once more. The journal learns of the
    errors in the same write: behind it nothing else remembers one that an operator removes.
    """
    shown = state.at(month)
    if not all(is_shown(entry, shown) for entry in entries):
        return
    if books.remainders(month).read() or books.carries(month, entries):
        left = remainders_of(entries, books.plan.dimensions, done=shown.done)
        books.remainders(month).change(lambda _: left)
    books.change_journal(lambda old: ended(observe(old, state, at), month))


def _note_skipped(run: Run, state: PlanState, journal: Journal, books: Books) -> list[str]:
    """Name skipped months that this run was not asked for."""
    last = state.last_processed_month
    skipped = list(_skipped(run.plan, state, months_due.last_closed(state, journal), books))
    if skipped and last and journal.last_closed_month != str(last):
        moved = [f"last_processed_month was moved to {last} by hand"]
        texts = moved if journal.last_closed_month else []
        books.change_journal(
            lambda old: with_notices(replace(old, last_closed_month=str(last)), texts)
        )
    if not (months := [str(month) for month in skipped if str(month) not in (run.months or ())]):
        return []
    given = msgspec.json.encode({"plan": run.plan.key, "months": months[:MOST_MONTHS]}).decode()
    what = f"not closed by this pipeline and not billed in full: {', '.join(some(months))}"
    return [f"{what}; start {given} to bill them, or set start_month behind them"]


def _skipped(plan: Plan, state: PlanState, last: Month | None, books: Books) -> Iterator[Month]:
    """Yield months from the first one on, up to the last, that were never closed.

    A month of an earlier program has no entries, or successes without one: it was not skipped.
    """
    if last is None:
        return
    closed = books.closed_months()
    first = months_due.first_month(plan, PlanState(), Journal(), last.start)
    month = first if plan.start_month or not closed else closed[0]
    while month <= last:
        if month not in closed:
            shown, names = state.at(month), books.contracts_in_ledger(month)
            untouched = plan.start_month and not (shown.done or shown.failed or names)
            begun = untouched or (month > closed[0] if closed else names)
            if begun and shown.done <= names:
                yield month
        month = month.plus(1)
