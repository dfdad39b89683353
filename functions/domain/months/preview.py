"""What a dry run shows: each contract as a real run would treat it now, and a draft invoice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from functions.domain.month import Month
from functions.domain.months.hold import moves
from functions.domain.months.totals import MonthTotals, change
from functions.domain.plan import Plan
from functions.domain.templates import Listing, Page, Table
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import counted, grouped

_TOTALS = ("dimension", "contracts", "to send", "usage")
_CONTRACTS = ("contract", "dimension", "to send", "carried in", "remainder")


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One contract as a real run would treat it now."""

    contract_id: str
    records: list[dict[str, str]]
    usage: dict[str, str]
    carried: dict[str, str]
    remainders: dict[str, str]
    failure: str | None


def warnings(now: MonthTotals, before: MonthTotals | None, said: str) -> list[str]:
    """Return what is new, gone, or a fifth more or less than in the month before.

    `said`: what else is said of the month; a hold names its moves, too.
    """
    found = moves(now, before, Fraction(1, 5)) if before else ()
    return [f"{now.month}: {text}" for text in found if text not in said]


def draft(
    plan: Plan,
    previews: Sequence[Preview],
    usage: MonthUsage,
    now: MonthTotals,
    before: MonthTotals | None,
) -> Page:
    """Return the draft invoice: what would be sent, and what stands in the way."""
    sent = [preview for preview in previews if preview.records]
    records = counted(sum(len(preview.records) for preview in sent), "record")
    failing = [(item.contract_id, item.failure) for item in previews if item.failure]
    columns = [*_TOTALS, f"usage in {before.month}" if before else "usage before", "change"]
    missing = [f"The usage of {m.month} is {m.missing}." for m in (now, before) if m and m.missing]
    return Page(
        title=f"{Month.parse(now.month).start:%B %Y}, {plan.key}: would send {records} of "
        f"{counted(len(sent), 'contract')}",
        lines=["This is a draft: it was a dry run, and nothing was sent.", *missing],
        lists=[
            Listing("What needs an operator", grouped(failing, 40)),
            Listing("Warnings", usage.warnings),
            Listing("Checked", usage.checks),
        ],
        tables=[
            Table("Totals", columns, columns[1:], list(_totals(sent, now, before))),
            Table("Contracts", _CONTRACTS, _CONTRACTS[2:], list(_contracts(sent))),
        ],
    )


def _totals(
    sent: Sequence[Preview], now: MonthTotals, before: MonthTotals | None
) -> Iterator[tuple[str, ...]]:
    contracts, quantities = Counter[str](), Counter[str]()
    for record in (record for preview in sent for record in preview.records):
        contracts[record["dimension"]] += 1
        quantities[record["dimension"]] += int(record["quantity"])
    for name in sorted(now.usage.keys() | (before.usage.keys() if before else ())):
        used = now.usage.get(name, "0")
        was = before.usage.get(name, "0") if before else ""
        numbers = (str(contracts[name]), str(quantities[name]), used, was)
        yield name, *numbers, change(Fraction(used), Fraction(was) if was else None)


def _contracts(sent: Sequence[Preview]) -> Iterator[tuple[str, ...]]:
    for item in sent:
        for record in item.records:
            name = record["dimension"]
            carried, left = item.carried.get(name, ""), item.remainders.get(name, "")
            yield item.contract_id, name, record["quantity"], carried, left
