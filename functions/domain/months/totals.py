"""A month's totals per dimension, against the months before it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Self

import msgspec

from functions.domain.formula import exact_sums, exact_text
from functions.domain.months.report_rows import Row
from functions.domain.usage.bill import MonthBill
from functions.domain.wording import counted

_COLUMNS = ("usage", "carried_in", "due", "billed", "open", "waived", "remainder")


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All contracts' rows of one dimension, added up exactly.

    `contracts`: how many are in the sums; `not_computed`: how many are not, for want of a value.
    """

    dimension: str
    contracts: int = 0
    not_computed: int = 0
    usage: str = "0"
    carried_in: str = "0"
    due: str = "0"
    billed: str = "0"
    open: str = "0"
    waived: str = "0"
    remainder: str = "0"


class MonthTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A month's usage by dimension, which is what months are compared by.

    What is due would count a remainder twice: in its month, and in the one that takes it in.
    `failed`: how many contracts are missing because their formula had no value.
    """

    month: str
    usage: dict[str, str]
    failed: int = 0

    @classmethod
    def of(cls, month: str, bill: MonthBill) -> Self:
        """Return the totals of a bill."""
        return cls(
            month=month,
            usage=exact_sums(used for of in bill.contracts for used in of.amounts.items()),
            failed=sum(contract.failure is not None for contract in bill.contracts),
        )

    @property
    def missing(self) -> str:
        """Say which contracts are not in the totals; empty if all are."""
        whose = f"{counted(self.failed, 'contract')} whose formula failed"
        return f"without {whose}" if self.failed else ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of up to twelve months, the oldest first."""

    months: list[MonthTotals] = []

    def followed_by(self, month: str, totals: Collection[Total]) -> Self:
        """Return the history with one more month; one that is there is replaced."""
        found = MonthTotals(
            month=month,
            usage={total.dimension: total.usage for total in totals},
            failed=max((total.not_computed for total in totals), default=0),
        )
        return type(self)(months=[*self.before(month).months, found][-12:])

    def before(self, month: str) -> Self:
        """Return the months before one."""
        return type(self)(months=[known for known in self.months if known.month < month])

    def at(self, month: str) -> MonthTotals | None:
        """Return the totals of a month, if they are known."""
        return next((known for known in self.months if known.month == month), None)

    def of(self, dimension: str) -> list[Fraction]:
        """Return the usage of a dimension, a value per month."""
        return [Fraction(known.usage.get(dimension, "0")) for known in self.months]


def totals(rows: Iterable[Row]) -> list[Total]:
    """Add the rows up; a row without numbers, of a formula without a value, adds nothing."""
    sums: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    contracts, not_computed = Counter[str](), Counter[str]()
    for row in rows:
        (contracts if row.due else not_computed)[row.dimension] += 1
        for column in _COLUMNS if row.due else ():
            sums[row.dimension][column] += Fraction(getattr(row, column))
    return [
        Total(
            dimension=name,
            contracts=contracts[name],
            not_computed=not_computed[name],
            **{column: exact_text(sums[name][column]) for column in _COLUMNS},
        )
        for name in sorted(contracts | not_computed)
    ]


def change(now: Fraction, before: Fraction | None) -> str:
    """Return how usage compares with the month before: a percentage, new, or gone."""
    if before is None or (not before and not now):
        return ""
    if not before:
        return "new"
    if not now:
        return "gone"
    return f"{float((now - before) / before):+,.1%}"
