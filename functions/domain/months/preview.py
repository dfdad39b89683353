"""What a dry run shows: each contract as a real run would treat it now, and a draft invoice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from functions.domain.formula import exact_text
from functions.domain.month import Month
from functions.domain.months.hold import moves
from functions.domain.months.totals import Dues, change
from functions.domain.pages import Listing, Page, Table
from functions.domain.plan import Plan
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import counted

_WORTH_A_WARNING = Fraction(20, 100)
_TOTALS = ("dimension", "contracts", "to send", "due", "last month", "change")
_CONTRACTS = ("contract", "dimension", "to send", "carried in", "remainder")


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One contract as a real run would treat it now."""

    contract_id: str
    records: list[dict[str, str]]
    usage: dict[str, str]
    carried: dict[str, str]
    remainders: dict[str, str]
    failure: str | None


def warnings(month: Month, bill: MonthBill, before: Dues | None) -> list[str]:
    """Return what is new, gone, or a fifth more or less than in the month before."""
    found = moves(bill, before, _WORTH_A_WARNING) if before else ()
    return [f"{month}: {text}" for text in found]


def draft(
    month: Month,
    plan: Plan,
    previews: Sequence[Preview],
    usage: MonthUsage,
    before: Dues | None,
) -> Page:
    """Return the draft invoice: what would be sent, and what stands in the way."""
    sent = [preview for preview in previews if preview.records]
    records = counted(sum(len(preview.records) for preview in sent), "record")
    failing = [f"{item.contract_id}: {item.failure}" for item in previews if item.failure]
    return Page(
        title=f"{month.start:%B %Y}, {plan.key}: would send {records} of "
        f"{counted(len(sent), 'contract')}",
        lines=["This is a draft: it was a dry run, and nothing was sent."],
        lists=[Listing("What needs an operator", failing), Listing("Warnings", usage.warnings)],
        tables=[
            Table("Totals", _TOTALS, _TOTALS[1:], list(_totals(sent, usage.bill, before))),
            Table("Contracts", _CONTRACTS, _CONTRACTS[2:], list(_contracts(sent))),
        ],
    )


def _totals(
    sent: Sequence[Preview], bill: MonthBill, before: Dues | None
) -> Iterator[tuple[str, ...]]:
    records = [record for preview in sent for record in preview.records]
    contracts = Counter(record["dimension"] for record in records)
    for name, due in sorted(bill.due().items()):
        quantity = sum(int(each["quantity"]) for each in records if each["dimension"] == name)
        was = Fraction(before.due.get(name, "0")) if before else None
        last = "" if was is None else exact_text(was)
        numbers = (str(contracts[name]), str(quantity), exact_text(due), last)
        yield name, *numbers, change(due, was)


def _contracts(sent: Sequence[Preview]) -> Iterator[tuple[str, ...]]:
    for item in sent:
        for record in item.records:
            name = record["dimension"]
            carried, left = item.carried.get(name, ""), item.remainders.get(name, "")
            yield item.contract_id, name, record["quantity"], carried, left
