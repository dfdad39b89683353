"""A month's totals per dimension, against the months before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from functions.domain.formula import exact_text
from functions.domain.months.report_rows import Row

_COLUMNS = ("usage", "carried_in", "due", "billed", "open", "waived", "remainder")
_MONTHS = 12


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All contracts' rows of one dimension, added up exactly. `contracts`: how many have one."""

    dimension: str
    contracts: int
    usage: str
    carried_in: str
    due: str
    billed: str
    open: str
    waived: str
    remainder: str


class Dues(msgspec.Struct, frozen=True, kw_only=True):
    """What was due in a month, by dimension; kept with those of the months before it."""

    month: str
    due: dict[str, str]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was due in up to twelve months, the oldest first."""

    months: list[Dues] = []

    def followed_by(self, month: str, totals: Iterable[Total]) -> History:
        """Return the history with one more month; one that is there is replaced."""
        due = Dues(month=month, due={total.dimension: total.due for total in totals})
        return History(months=[*self.before(month).months, due][-_MONTHS:])

    def before(self, month: str) -> History:
        """Return the months before one."""
        return History(months=[known for known in self.months if known.month < month])

    def at(self, month: str) -> Dues | None:
        """Return what was due in a month, if it is known."""
        return next((known for known in self.months if known.month == month), None)

    def of(self, dimension: str) -> list[Fraction]:
        """Return what was due of a dimension, a value per month."""
        return [Fraction(known.due.get(dimension, "0")) for known in self.months]


def totals(rows: Iterable[Row]) -> list[Total]:
    """Add the rows up; a row without numbers, of a formula without a value, adds nothing."""
    sums: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    contracts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        contracts[row.dimension].add(row.contract_id)
        for column in _COLUMNS if row.due else ():
            sums[row.dimension][column] += Fraction(getattr(row, column))
    return [_total(name, sums[name], len(found)) for name, found in sorted(contracts.items())]


def _total(name: str, sums: Mapping[str, Fraction], contracts: int) -> Total:
    texts = {column: exact_text(sums.get(column, Fraction(0))) for column in _COLUMNS}
    return Total(dimension=name, contracts=contracts, **texts)


def change(due: Fraction, before: Fraction | None) -> str:
    """Return how a total compares with the month before: a percentage, new, or gone."""
    if before is None or (not before and not due):
        return ""
    if not before:
        return "new"
    if not due:
        return "gone"
    return f"{float((due - before) / before):+.1%}"
