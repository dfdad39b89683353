"""CloseMonth: ledger -> state file and report. A month with an unaccounted contract stays open."""

from datetime import datetime
from functools import partial

import msgspec

from functions import metrics
from functions.adapters import clock, keys, reports, wiring
from functions.adapters.books import Books
from functions.adapters.documents import Document, Version, read_run_file
from functions.domain.ledger.remainders import Remainders
from functions.domain.ledger.transitions import fail_if_open
from functions.domain.month import format_instant, parse_instant
from functions.domain.months import closing, report
from functions.domain.months.announcement import with_notices
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.closing import Closing, Seen
from functions.domain.months.journal import in_both
from functions.domain.months.late_usage import NOTHING_COMPARED, Compared, compare
from functions.domain.months.outcome import blamed, by_hand, explain_open
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.month_usage import MonthUsage
from functions.errors import MonthIncomplete
from functions.metering.payloads import MergedMonth
from functions.payloads import task_handler


@task_handler
def handler(task: MergedMonth, _context: object) -> ClosedMonth | None:
    """Return the month in numbers; None if it is left to the next run."""
    if task.merged.left:
        return None
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    closed = close_month(task, books, clock.now())
    metrics.MONTHS_CLOSED.add(int(closed.closed))
    metrics.RECORDS_ACCEPTED.add(closed.submitted_records)
    metrics.CONTRACTS_BILLED.add(closed.submitted)
    metrics.CONTRACTS_IN_ERROR.add(closed.errors)
    metrics.QUARANTINED.add(closed.quarantined)
    metrics.LATE_USAGE.add(int(closed.changed))
    return closed


def close_month(task: MergedMonth, books: Books, now: datetime) -> ClosedMonth:
    """Gather, decide, write; raise MonthIncomplete if a contract is unaccounted for."""
    at = format_instant(now)
    carried = books.remainders(task.of).read()  # before the ledger: an older look loses to a newer
    seen = _gather(task, books, at)
    decided = closing.decide(seen, _compare(task, seen, books))
    _write_findings(task, decided, carried, books, at)
    closed = _write_outcome(task, decided, books, at)
    if decided.open:
        raise MonthIncomplete(explain_open(task.month, decided.open, seen.ledger, seen.left_open))
    return closed


def _gather(task: MergedMonth, books: Books, at: str) -> Seen:
    """Read everything once; a contract that alone was not served becomes an error here."""
    run, month = task.run, task.of
    usage = read_run_file(books.objects, task.merged.bill_key, MonthUsage)
    ledger = {entry.contract_id: entry for entry in books.entries(month)}
    left_open = books.open_contracts(month, run.name)
    for name, failure in blamed(left_open, ledger, run.execution, at).items():
        document = books.entry(month, name)
        ledger[name] = document.change(partial(fail_if_open, ledger[name], failure)).value
    state, journal = books.read_state(), books.read_journal()
    shown, known = state.at(month), in_both(journal, month)
    ledger |= books.waive(month, by_hand(ledger.values(), shown, known), run.execution, at)
    given = (shown.done - known) & set(usage.processed)
    # What the first try saw: a later one of this execution sees its own successes.
    first = Document(books.objects, f"{task.root}settled-by-hand.json", frozenset[str]).change(
        lambda found: given if found is None else found
    )
    return Seen(run, month, usage, ledger, state, journal, first.value, left_open)


def _compare(task: MergedMonth, seen: Seen, books: Books) -> Compared:
    """Find where today's usage is not what was billed: late or corrected files.

    In an open month a contract without an entry is not late, it was not billed yet. Final usage
    looks at a part of its month only and says nothing of the rest.
    """
    if task.run.until:
        return NOTHING_COMPARED
    names = frozenset(bill.contract_id for bill in seen.usage.bill.contracts)
    by_hand = (seen.shown.done if seen.closed else names) - seen.ledger.keys()
    billed = books.manifest(task.of).value() if seen.closed else None
    return compare(
        seen.usage,
        seen.ledger,
        billed,
        formulas=task.run.plan.dimensions,
        by_hand=by_hand,
        failed=seen.shown.failed,
    )


def _write_findings(
    task: MergedMonth, decided: Closing, carried: Version[Remainders] | None, books: Books, at: str
) -> None:
    """Write what the state file must not be ahead of: after it the month is not looked at again."""
    run, plan, month, usage = task.run, task.run.plan, task.of, decided.usage
    left, compared, key = decided.remainders, decided.compared, task.late_usage_key
    carries = carried is not None or books.carries(month, decided.seen.ledger.values())
    if carries and (carried is None or left != carried.value):
        books.remainders(month).write(left, carried)
    if usage.warnings:
        books.change_journal(lambda old: with_notices(old, usage.warnings))
    if compared.differences or (run.until is None and books.objects.read(key)):
        reports.write_late_usage(books.objects, key, task.late_usage(usage, compared, at))
    if decided.outcome.complete and run.until is None:
        names = {bill.contract_id for bill in usage.bill.contracts}
        by_hand = tuple(sorted(names & decided.seen.shown.done - decided.seen.ledger.keys()))
        billed = Manifest(
            execution=run.execution,
            days=usage.days,
            duplicates=plan.duplicates,
            by_hand=by_hand,
            carries=carries,
        )
        books.manifest(month).change(lambda _: billed)


def _write_outcome(task: MergedMonth, decided: Closing, books: Books, at: str) -> ClosedMonth:
    """Write report and state file; the journal comes last and forgets that it was underway."""
    run, plan, month = task.run, task.run.plan, task.of
    final = run.name if run.until else ""
    earlier = reports.read_earlier(books, decided.usage.before)
    written = reports.write_report(books, month, report.build(decided, at, earlier), final)
    as_of = parse_instant(run.as_of)
    state = books.change_state(
        lambda found: closing.in_state_file(decided, found, as_of=as_of, at=at)
    )
    last = state.last_processed_month
    books.change_journal(lambda old: closing.in_journal(decided, old, last))
    closed = ClosedMonth.of(
        task.month,
        decided.usage,
        closed=decided.counts,
        changed=bool(decided.compared.differences),
        report=written,
        ledger=keys.ledger_month(plan, month),
        **decided.numbers,
    )
    books.objects.put(keys.closed(plan, month, run.name), msgspec.json.encode(closed))
    return closed
