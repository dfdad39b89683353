"""ReportLateUsage: what changed in a month since it was billed, and by how much. Sends nothing."""

import msgspec

from functions import metrics
from functions.adapters import clock, month_days, reports, wiring
from functions.adapters.books import Books
from functions.domain.month import format_instant
from functions.domain.months.announcement import with_notices
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.late_usage import Compared, compare, texts
from functions.domain.months.state_file import MonthState
from functions.domain.usage import billing
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.month_usage import MonthUsage
from functions.metering.payloads import DaysTask
from functions.payloads import task_handler


@task_handler
def handler(task: DaysTask, _context: object) -> ClosedMonth | None:
    """Return the month in numbers, None if it is as it was billed or reported."""
    run, at = task.run, format_instant(clock.now())
    books = wiring.books(run.plan, held_by="" if run.dry_run else run.execution)
    reported = report_late_usage(task, books, at)
    alarmed = reported is not None and reported.changed and not run.dry_run
    metrics.LATE_USAGE.add(int(alarmed))
    return reported


def report_late_usage(task: DaysTask, books: Books, at: str) -> ClosedMonth | None:
    """Compare files and usage, write it down, and see that it is reported once."""
    run, month, days = task.run, task.of, task.of_days
    document = books.manifest(month)
    billed, shown = document.read(), books.read_state().at(month)
    sound = not any(read.error or read.problems for read in days.read.values())
    if billed is None or (sound and billed.value.is_of(days.digests, shown.done)):
        return None  # without a manifest it was closed by an earlier program or by other means
    usage, compared = _compare(task, books, billed.value, shown)
    key = task.late_usage_key
    reports.write_late_usage(books.objects, key, task.late_usage(usage, compared, at))
    changed = bool(compared.differences or compared.days)
    warnings = [*texts(run.plan.key, task.month, compared), *usage.warnings] if changed else []
    if not changed and billed.value.reported is not None and not billed.value.recheck:
        warnings = [f"{month}: its files are again those that it was billed from"]
    if not run.dry_run:
        books.change_journal(lambda old: with_notices(old, warnings))
        document.change(lambda before: (before or billed.value).as_reported(usage.days, shown.done))
    usage = msgspec.structs.replace(usage, warnings=warnings)
    return ClosedMonth.of(task.month, usage, closed=True, late=True, changed=changed, report=key)


def _compare(
    task: DaysTask, books: Books, billed: Manifest, shown: MonthState
) -> tuple[MonthUsage, Compared]:
    plan, month, days = task.run.plan, task.of, task.of_days
    total = month_days.add_up(days, books.objects)
    ledger = {entry.contract_id: entry for entry in books.entries(month)}
    known = [*sorted(ledger), *sorted(shown.done | shown.failed)]
    exported = books.read_journal().dimensions
    bill = billing.bill(plan, total.groups.items(), {}, exported, known)
    usage = MonthUsage.of(days, total, bill)
    # Nobody knows what was billed for those that an operator or the earlier script has settled.
    by_hand = shown.done - ledger.keys()
    of = {"formulas": plan.dimensions}
    return usage, compare(usage, ledger, billed, **of, by_hand=by_hand, failed=shown.failed)
