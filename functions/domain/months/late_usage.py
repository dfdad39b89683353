"""Usage that came, changed or went after its month was billed: found and reported, never sent.

The receiver takes one record per contract, dimension and month, so a difference cannot be billed.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import msgspec

from functions.domain.formula import ByDimension, exact_text
from functions.domain.ledger.entry import Entry, Ledger
from functions.domain.month import Month
from functions.domain.templates import Listing, Page, Table
from functions.domain.usage.bill import ContractBill, Quarantined
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import counted, some

_COLUMNS = ("contract", "dimension", "billed", "now", "difference")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension of a contract: exact usage when it was billed, today, and what is between."""

    contract_id: str
    dimension: str
    billed: str
    now: str
    difference: str

    def __str__(self) -> str:
        sign = "" if self.difference.startswith("-") else "+"
        now = f"usage now comes to {self.now} ({sign}{self.difference})"
        return f"{self.contract_id} {self.dimension}: billed {self.billed}, {now}"


class Compared(NamedTuple):
    """Files and usage of today against those that were billed.

    `days`: those whose files came, changed or went. `not_compared`: contracts, with the reason.
    `never_billed`: contracts of which nothing was ever sent for the month.
    """

    days: list[str]
    differences: list[Difference]
    not_compared: list[str]
    never_billed: list[str]


NOTHING_COMPARED = Compared([], [], [], [])


class LateUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The report: files of which days, and what they would change."""

    plan: str
    month: str
    execution: str
    generated_at: str
    days: list[str]
    differences: list[Difference]
    not_compared: list[str]
    never_billed: list[str]
    quarantined: list[Quarantined]

    def page(self) -> Page:
        """Return what would change, for those who settle it with the customer."""
        rows = [msgspec.structs.astuple(item) for item in self.differences]
        held = list(map(str, self.quarantined))
        found = f"None of it is billed. Found by {self.execution} at {self.generated_at}."
        return Page(
            title=f"{Month.parse(self.month).start:%B %Y}, {self.plan}: "
            f"{counted(len(rows), 'difference')} to what was billed",
            lines=[
                f"Days whose files came, changed or went: {', '.join(self.days) or 'none'}.",
                found,
                *filter(None, [to_bill(self.plan, self.month, self.never_billed)]),
            ],
            lists=[
                Listing("Not compared", self.not_compared),
                Listing("Usage without a payer, not billed", held),
            ],
            tables=[Table("Differences", _COLUMNS, _COLUMNS[2:], rows)],
        )


def compare(
    usage: MonthUsage,
    ledger: Ledger,
    billed: Manifest | None,
    *,
    formulas: ByDimension,
    by_hand: frozenset[str],
    failed: Collection[str],
) -> Compared:
    """Compare today's bill with ledger and manifest. Nobody knows what those `by_hand` were.

    `failed`: those that the state file shows as errors, which are settled in other ways.
    """
    days = billed.changed(usage.days) if billed else []
    found, left_out = compare_usage(usage.bill.contracts, ledger, formulas, by_hand=by_hand)
    unbilled = {difference.contract_id for difference in found} - ledger.keys() - set(failed)
    return Compared(days, found, left_out, sorted(unbilled))


def compare_usage(
    bills: Iterable[ContractBill], ledger: Ledger, formulas: ByDimension, *, by_hand: frozenset[str]
) -> tuple[list[Difference], list[str]]:
    """Compare today's usage with what each contract was billed for, like with like.

    A contract that was computed with other formulas is compared by what was measured. One whose
    month is not settled, or was settled by an operator, has nothing to compare with.
    """
    today = {bill.contract_id: bill for bill in bills}
    found: list[Difference] = []
    left_out: list[str] = []
    for name in sorted(today.keys() | ledger.keys()):
        entry, bill = ledger.get(name), today.get(name)
        if name in by_hand or (entry and (entry.failure or entry.waived or not entry.settled_at)):
            by_operator = entry is None or entry.waived
            reason = "settled by an operator" if by_operator else "not settled yet"
            code = entry.failure.code if entry and entry.failure else reason
            left_out.append(f"{name} ({code})")
            continue
        found += _of_contract(name, entry, bill, formulas)
    # The largest first: a message has room for some only.
    found.sort(key=lambda of: (-abs(Fraction(of.difference)), of.contract_id, of.dimension))
    return found, left_out


def _of_contract(
    name: str, entry: Entry | None, bill: ContractBill | None, formulas: ByDimension
) -> Iterator[Difference]:
    before, now = entry.amounts if entry else {}, bill.amounts if bill else {}
    if (bill and bill.failure) or (entry and entry.formulas != formulas):
        before, now = entry.usage if entry else {}, bill.usage if bill else {}
    for dimension in sorted(before.keys() | now.keys()):
        billed, today = before.get(dimension, "0"), now.get(dimension, "0")
        if difference := Fraction(today) - Fraction(billed):
            yield Difference(
                contract_id=name,
                dimension=dimension,
                billed=billed,
                now=today,
                difference=exact_text(difference),
            )


def to_bill(plan: str, month: str, unbilled: Iterable[str]) -> str:
    """Say what bills contracts of which nothing was sent; empty if there are none."""
    names = ", ".join(some(unbilled, 10))
    given = json.dumps({"plan": plan, "months": [month]})
    how = f"start {given} to bill them, if nobody has"
    return f"{month}: never billed: {names}; {how}" if names else ""


def texts(plan: str, month: str, compared: Compared, *, with_head: bool = True) -> list[str]:
    """Report what is not billed, the largest differences first; the head says which files."""
    days = f"changed days: {', '.join(compared.days)}" if compared.days else "the same files"
    head = f"{month}: usage changed after it was billed and is not billed: {days}"
    found = some(f"{month}: {difference}" for difference in compared.differences)
    found += filter(None, [to_bill(plan, month, compared.never_billed)])
    if not with_head:
        return found
    if not found:
        what = "no other contract's" if compared.not_compared else "no contract's"
        head = f"{head}; {what} usage differs"
    names = ", ".join(some(compared.not_compared))
    return [head, *found, *([f"{month}: not compared with the files: {names}"] if names else [])]
