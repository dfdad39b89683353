"""MergeUsage: add up the days, work out the bill, list the contracts still to process."""

from functools import partial
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from functions.adapters import clock, keys, month_days, wiring
from functions.adapters.books import Books
from functions.adapters.documents import read_run_file
from functions.adapters.objects import Objects
from functions.domain.formula import names_in
from functions.domain.ledger.claim import ContractItem
from functions.domain.ledger.entry import Decision
from functions.domain.ledger.remainders import Carried
from functions.domain.month import format_instant
from functions.domain.months.contracts_due import Known, check_spelling, contracts_due
from functions.domain.months.hold import compared, explain, moves
from functions.domain.months.journal import Journal, beginning, holding, reopened
from functions.domain.months.months_due import HAND_OVER, is_closed, month_before
from functions.domain.months.state_file import PlanState
from functions.domain.months.totals import MonthTotals
from functions.domain.usage import billing
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import some
from functions.errors import MonthHeld
from functions.metering.payloads import DaysTask, Merged, MonthTask
from functions.payloads import task_handler

_NOBODYS = "success without usage or a record"
_SETTLED = "settled before, so nothing was sent"


class Seen(NamedTuple):
    """What the books say before a month is billed.

    `exported`: the names of all usage of earlier months. `known`: what they say of its contracts.
    """

    state: PlanState
    state_version: str
    journal: Journal
    known: Known
    carried: Carried
    exported: set[str]


@task_handler
def handler(task: DaysTask, _context: object) -> Merged:
    """Return where the bill and the contracts to process are."""
    books = wiring.books(task.run.plan)
    if not task.run.dry_run:
        began = books.check_lease(task.run.execution)
        if clock.now() - began > HAND_OVER:
            return Merged(left=True)
    return merge_usage(task, books, wiring.usage_bucket())


def merge_usage(task: DaysTask, books: Books, usage: Objects) -> Merged:
    """Turn all days into one bill; nothing of a month with a problem goes any further."""
    run, plan, month = task.run, task.run.plan, task.of
    total = month_days.add_up(task.of_days, books.objects)
    # Final usage is billed soon after its last hour, so that one has to be there as well.
    hours = month_days.uncovered(task.of_days, total, usage, to_the_end=run.until is not None)
    seen = gather(task, books)
    shown = seen.known.state
    known = [*sorted(seen.known.in_ledger), *sorted(shown.done | shown.failed)]
    bill = billing.bill(plan, total.groups.items(), seen.carried.balance, seen.exported, known)
    where = f"state file {plan.state_file}, {plan.key}, {month}"
    unknown = check_spelling(bill.contracts, seen.known, where)
    items = contracts_due(task.month, bill.contracts, seen.known, run)
    approval, said = hold(task, bill, seen, books)
    processed = [item.contract_id for item in items]
    done = sorted(shown.done.intersection(run.contracts or ()).difference(processed))
    for what, names in ((_NOBODYS, unknown), (_SETTLED, done)):
        said += [f"{month}: {what}: {', '.join(some(names))}"] if names else []
    items = [replace(item, approval=approval) for item in items]
    if items and not run.dry_run:
        exported = {name for _, name, *_ in total.groups}
        books.change_journal(partial(beginning, month=month, exported=exported))
    before = None if run.until else month_before(month, seen.state, seen.journal)
    left_out = (f"{month}: {text}" for text in seen.carried.left_out)
    found = MonthUsage.of(task.of_days, total, bill, [*hours, *left_out])
    warnings = [*found.warnings, *said]
    found = replace(found, warnings=warnings, processed=processed, before=str(before or ""))
    return _write(task, found, items, seen.state_version, books.objects)


def _write(
    task: DaysTask, found: MonthUsage, items: list[ContractItem], version: str, objects: Objects
) -> Merged:
    merged = Merged(
        bill_key=f"{task.root}bill.json",
        contracts_key=f"{task.root}contracts.json",
        to_process=len(items),
        state_version=version,
    )
    objects.put(merged.bill_key, msgspec.json.encode(found))
    objects.put(merged.contracts_key, msgspec.json.encode(items))
    return merged


def gather(task: MonthTask, books: Books) -> Seen:
    """Read state file, journal and ledger once."""
    month = task.of
    state, version = books.read_state_version()
    state, journal = state or PlanState(), books.read_journal()
    shown = state.at(month)
    again = books.entries(month, sorted(shown.failed - shown.done))
    return Seen(
        state=state,
        state_version=version,
        journal=journal,
        known=Known(
            state=shown,
            reopened=reopened(journal, state, month),
            # Shown as errors; a run has begun to try them again, and has not ended.
            interrupted=frozenset(entry.contract_id for entry in again if not entry.failure),
            in_ledger=frozenset(books.contracts_in_ledger(month)),
            closed=is_closed(month, state, journal),
        ),
        carried=books.balance_of_other_months(month, state, journal),
        exported=_exported(task, journal, books.objects),
    )


def hold(
    task: MonthTask, bill: MonthBill, seen: Seen, books: Books
) -> tuple[Decision | None, list[str]]:
    """Return who has approved the bill, and warnings; MonthHeld if it waits for that.

    The whole bill of a month that was never closed is compared, whatever part of it is asked for.
    Final usage before the end of its month reads only a part of it.
    """
    run, plan, month, journal = task.run, task.run.plan, task.of, seen.journal
    share = plan.approve_share
    if seen.known.closed or (run.until and month.window_end(run.until) < month.end):
        return None, []
    last = month_before(month, seen.state, journal)
    before, now = books.totals(last) if last else None, MonthTotals.of(str(month), bill)
    gone = moves(now, before, None) if before and not now.failed else ()
    said = [f"{month}: {text}" for text in gone]
    if share is None:
        return None, said
    if not before:
        of = f"{last}, the last closed month," if last else "an earlier month"
        return None, [f"{month} is not held: there are no totals of {of} to compare it with"]
    found = compared(bill, now, before, share, format_instant(clock.now()))
    change = partial(holding, month=month, held=found)
    journal = change(journal) if run.dry_run else books.change_journal(change)
    held = journal.held.get(str(month))
    if held is None:
        return None, said
    if held.approval or run.dry_run:
        return held.approval, said if held.approval else [explain(month, held, plan, dry_run=True)]
    raise MonthHeld(explain(month, held, plan))


def _exported(task: MonthTask, journal: Journal, objects: Objects) -> set[str]:
    """Return the names of usage of earlier months; a dry run adds those of its month before.

    What a part of a month lacks may come in the rest of it.
    """
    run = task.run
    if run.until:
        return {name for text in run.plan.dimensions.values() for name in names_in(text)}
    known = set(journal.dimensions)
    key = f"{keys.run(run.plan, task.of.plus(-1), run.name, dry_run=True)}bill.json"
    if run.dry_run and objects.read(key):
        known.update(read_run_file(objects, key, MonthUsage).bill.dimensions)
    return known
