"""PreviewMonth: what a real run would send, written nowhere but into the dry run's own folder."""

import msgspec

from functions.adapters import wiring
from functions.adapters.books import Books
from functions.adapters.documents import read_run_file
from functions.adapters.pages import put_json, put_page
from functions.domain.ledger import submission
from functions.domain.ledger.claim import ContractItem, claim
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.preview import Preview, draft, warnings
from functions.domain.months.totals import MonthTotals
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.month_usage import MonthUsage
from functions.metering.payloads import MergedMonth
from functions.payloads import task_handler


@task_handler
def handler(task: MergedMonth, _context: object) -> ClosedMonth:
    """Claim every contract as a real run would, without writing it, and show what is open then."""
    books = wiring.books(task.run.plan)
    usage = read_run_file(books.objects, task.merged.bill_key, MonthUsage)
    held = {entry.contract_id: entry for entry in books.entries(task.of)}
    found = read_run_file(books.objects, task.merged.contracts_key, list[ContractItem])
    items = {item.contract_id: item for item in found}
    # The ledger holds what is to be sent of those whose usage has gone.
    bills = {name: ContractBill(contract_id=name) for name in items}
    bills |= {bill.contract_id: bill for bill in usage.bill.contracts}
    previews = [_preview(task, bills[name], items[name], held.get(name)) for name in items]
    usage, key = _write(task, books, usage, previews)
    asked, known = task.run.contracts or (), bills.keys() | held.keys()
    return ClosedMonth.of(
        task.month,
        usage,
        contracts=len(bills),
        unknown=[number for number, name in enumerate(asked) if name not in known],
        to_submit=sum(bool(preview.records) for preview in previews),
        to_submit_records=sum(len(preview.records) for preview in previews),
        errors=sum(preview.failure is not None for preview in previews),
        report=key,
        dry_run=True,
        checks=usage.checks,
    )


def _write(
    task: MergedMonth, books: Books, usage: MonthUsage, previews: list[Preview]
) -> tuple[MonthUsage, str]:
    """Write the previews and their page; return the usage with what has moved, and the key."""
    before = books.totals(Month.parse(usage.before)) if usage.before else None
    now, key = MonthTotals.of(task.month, usage.bill), f"{task.root}preview.json"
    moved = warnings(now, before, "; ".join(usage.warnings))
    shown = msgspec.structs.replace(usage, warnings=[*usage.warnings, *moved])
    put_json(books.objects, key, previews)
    plan = task.run.plan
    put_page(books.objects, key, lambda: draft(plan, previews, shown, now, before).html())
    return shown, key


def _preview(
    task: MergedMonth, bill: ContractBill, item: ContractItem, entry: Entry | None
) -> Preview:
    claimed = claim(entry, item, task.terms(task.run.as_of))
    open_lines = claimed.entry.unsettled if claimed.action == "submit" else ()
    return Preview(
        contract_id=bill.contract_id,
        records=submission.records(claimed.entry, open_lines),
        usage=bill.usage,
        carried=bill.carried,
        remainders=bill.remainders,
        failure=claimed.cause or None,
    )
