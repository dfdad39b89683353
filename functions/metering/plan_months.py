"""PlanMonths: which months are owed, which wait, and why."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial

import msgspec

from functions.adapters import clock, keys, owners, wiring
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.month import Month, parse_instant
from functions.domain.months import months_due
from functions.domain.months.journal import Journal, observe
from functions.domain.months.months_due import Waiting
from functions.domain.months.run import Run
from functions.domain.months.state_file import PlanState
from functions.domain.plan import Plan
from functions.domain.usage import usage_files
from functions.domain.wording import some, suggestion
from functions.errors import BadInput, BadUsage
from functions.metering.payloads import MonthItem, Planned, Purpose, RunTask
from functions.payloads import task_handler

Known = tuple[PlanState, Journal]
_NAMESAKE = (
    "a plan with the same id. If {} is its new name, move its books to that name (runbook, A plan "
    "is renamed) and start again; if it is another plan, keep it configured with its usage files"
)


@task_handler
def handler(task: RunTask, _context: object) -> Planned:
    """Return the months to work on and those that wait."""
    return plan_months(task.run, wiring.books(task.run.plan), wiring.usage_bucket())


def plan_months(run: Run, books: Books, usage: Objects) -> Planned:
    """Choose months from the state file, the journal, the input and the export's progress.

    Billing goes first, so that late usage never blocks it. A run without anything due reads the
    days of the next month that are over, so that little is left to read when it is.
    """
    state = books.read_state()
    observed = partial(observe, state=state, at=run.as_of)  # so that removing an error is noticed
    journal = observed(books.read_journal()) if run.dry_run else books.change_journal(observed)
    months_due.check(run.plan, state, journal, clock.now())  # of a dry run nobody else does
    if run.reconcile:
        return _to_reconcile(run, Month.parse(run.reconcile), (state, journal), books)
    as_of = parse_instant(run.as_of)
    if run.until is not None:
        planned = _final(run, parse_instant(run.until), (state, journal), books, usage)
    else:
        planned = _due(run, state, journal, usage)
    months = [Month.parse(text) for text in planned.months]
    if billed := owners.earlier_name(books, usage, months, run.plans):
        raise BadInput(f"{billed}, {_NAMESAKE.format(run.plan.key)}")
    work = [_item("bill", month, month.window_end(run.until)) for month in months]
    closed = months_due.closed_lately(run.plan, state, journal)
    work += _to_compare([month for month in closed if month not in months], books)
    if not (months or run.until or run.months or run.contracts):
        work += _running(run, months_due.first_month(run.plan, state, journal, as_of), usage)
    return msgspec.structs.replace(planned, work=work[: months_due.MOST_MONTHS])


def _to_reconcile(run: Run, month: Month, known: Known, books: Books) -> Planned:
    """Return the one month whose records are compared, with the names of its contracts."""
    if months_due.last_closed(*known) is None:
        return Planned([], [], "no month has been closed yet: there is nothing to reconcile")
    if not months_due.is_closed(month, *known):
        again = msgspec.json.encode({"plan": run.plan.key, "reconcile": str(month)}).decode()
        raise BadInput(f"reconcile: {month} is not closed; once it is, start {again}")
    contracts = sorted(books.contracts_in_ledger(month))
    if not contracts:
        return Planned([], [], f"{month}: the ledger has no entry to reconcile")
    key = f"{keys.run(run.plan, month, run.name, dry_run=False)}contracts.json"
    books.objects.put(key, msgspec.json.encode(contracts))
    return Planned([], [], work=[MonthItem(str(month), "reconcile", [], key)])


def _item(purpose: Purpose, month: Month, end: datetime) -> MonthItem:
    return MonthItem(str(month), purpose, usage_files.days(month, end))


def _to_compare(closed: list[Month], books: Books) -> Iterator[MonthItem]:
    """Yield closed months; one without a manifest was closed by other means."""
    for month in closed:
        if billed := books.manifest(month).value():
            item = _item("compare", month, month.end)
            yield msgspec.structs.replace(item, duplicates=billed.duplicates)


def _running(run: Run, month: Month, usage: Objects) -> Iterator[MonthItem]:
    """Yield the days of a month that are over. Without a marker it is the bill that says so."""
    with suppress(BadUsage):
        exported_to = _exported_to(run.plan, usage)
        end = months_due.finished(month, run.plan, exported_to, parse_instant(run.as_of))
        if end > month.start:
            yield _item("fold", month, end)


def _final(run: Run, until: datetime, known: Known, books: Books, usage: Objects) -> Planned:
    """Return the month of final usage once its last hour is there."""
    exported_to = _exported_to(run.plan, usage)
    final, waiting = months_due.final_month(until, run.plan, exported_to, parse_instant(run.as_of))
    if final and months_due.is_closed(month := final[0], *known):
        # What was asked for of all contracts before their month was closed may still be finished.
        begun = {entry.contract_id for entry in books.entries(month, run.contracts) if entry.until}
        if begun != set(run.contracts or ()):
            raise BadInput(f"until: {month} is closed; give months and contracts instead")
    return Planned([str(month) for month in final], waiting)


def _due(run: Run, state: PlanState, journal: Journal, usage: Objects) -> Planned:
    """Return the months that are over and to be billed, as far as the export has passed them."""
    as_of, left = parse_instant(run.as_of), list[Waiting]()
    if run.months is None:
        reopened = months_due.to_do_again(journal, state, retry_errors=run.retry_errors)
        first = months_due.first_month(run.plan, state, journal, as_of)
        months, left = months_due.candidates(first, as_of, run.max_months, sorted(reopened))
        if run.retry_errors:  # a month that is held keeps back none before it
            months = months_due.to_retry(months, state, run.contracts or ())
    else:
        months = months_due.requested_months(run.months, as_of)
    exported_to = _exported_to(run.plan, usage) if months else None
    complete, waiting = months_due.complete_months(months, run.plan, exported_to, as_of)
    why = "" if complete else months_due.nothing_due(run.plan, state, journal, as_of)
    early = [item for item in waiting if why and not item.overdue]  # the others are notices
    why += "".join(f"; {item.month} waits: {item.reason}" for item in early)
    if why and run.contracts:
        why += f"; nothing was done for the contracts {', '.join(some(run.contracts, 10))}"
    return Planned([str(month) for month in complete], [*waiting, *left], why)


def _exported_to(plan: Plan, usage: Objects) -> datetime | None:
    """Return how far Omnistrate's export has come; BadUsage where it does not say."""
    if plan.completeness == "calendar":
        return None
    way_out = 'or set the plan\'s "completeness" to "calendar" to go by the calendar instead'
    stored = usage.read(keys.EXPORT_MARKER)
    if stored is None:
        raise BadUsage(f"{keys.EXPORT_MARKER} is missing; put it there, {way_out}")
    try:
        marker = msgspec.json.decode(stored.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadUsage(f"{keys.EXPORT_MARKER} is not JSON: {error}") from error
    entries = marker if isinstance(marker, Mapping) else {}
    if plan.key not in entries:
        found = suggestion([plan.key], entries)
        raise BadUsage(f"{keys.EXPORT_MARKER} has no entry for {plan.key}; {found}; {way_out}")
    entry, where = entries[plan.key], f"{keys.EXPORT_MARKER}, {plan.key}"
    if not isinstance(entry, Mapping):
        shown = msgspec.json.encode(entry).decode()[:80]
        raise BadUsage(f"{where}: {shown} is not an object with last_processed_to")
    try:
        return parse_instant(entry.get("last_processed_to"))
    except ValueError as error:
        raise BadUsage(f"{where}, last_processed_to: {error}") from error
