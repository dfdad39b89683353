"""What an explanation consists of: sums down to records, and the equations that they are in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Self

import msgspec

from functions.domain.formula import exact_text
from infra.operator.trace import Leaf


class Sum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A total with what it is the sum of: days, their hours, their files, their records.

    `prices`: per unit, of the records of a name that count; empty for those that have none.
    """

    name: str
    total: str
    prices: list[str] = []
    parts: list["Sum"] = []
    records: list[Leaf] = []

    def leaves(self) -> Iterator[Leaf]:
        """Yield its records."""
        yield from self.records
        for part in self.parts:
            yield from part.leaves()


class Check(msgspec.Struct, kw_only=True):
    """Something that must be equal, and whether it is."""

    what: str
    found: str
    expected: str
    holds: bool

    @classmethod
    def of(cls, what: str, found: str, expected: str) -> Self:
        """Compare two texts of exact numbers."""
        return cls(what=what, found=found, expected=expected, holds=found == expected)


class Explained(msgspec.Struct, kw_only=True):
    """One dimension: usage -> formula -> amount + carried = quantity + remainder.

    `quantity`: empty where nothing could be computed. `reads`: the values of the formula's names.
    """

    dimension: str
    quantity: str
    state: str
    formula: str
    reads: dict[str, str]
    amount: str
    carried: str
    carried_from: dict[str, str]
    remainder: str
    usage: list[Sum]
    duplicates: list[Leaf]
    checks: list[Check]
    exact: bool


class Explanation(msgspec.Struct, kw_only=True):
    """A contract's month. `not_billed`: why an operator has to settle it, if one has to.

    `read_by`: where a name of the files was asked for, the billed dimensions that read it. `names`:
    what can be asked for.
    """

    plan: str
    contract: str
    month: str
    exact: bool
    not_billed: str
    files: int
    problems: list[str]
    dimensions: list[Explained]
    names: list[str]
    read_by: list[str] | None = None


def total_of(leaves: Iterable[Leaf]) -> str:
    """Add up the records that count."""
    counted = (Fraction(leaf.value) for leaf in leaves if not leaf.duplicate_of)
    return exact_text(sum(counted, Fraction(0)))


def tree_of(name: str, leaves: Sequence[Leaf]) -> Sum:
    """Return usage by day, hour and file; leaves come in the order of their hours and files."""
    days = list(_parts(leaves, _LEVELS))
    return Sum(name=name, total=total_of(leaves), parts=days, prices=_prices(leaves))


# What a level is grouped by, and the name of what is in no group.
_Level = tuple[Callable[[Leaf], str], str]
_LEVELS: tuple[_Level, ...] = (
    (lambda leaf: leaf.hour[:2], "beside the days"),
    (lambda leaf: leaf.hour, "in no hour folder"),
    (lambda leaf: leaf.file, ""),
)


def _parts(leaves: Iterable[Leaf], levels: Sequence[_Level]) -> Iterator[Sum]:
    (key, beside), *below = levels
    for name, found in groupby(leaves, key):
        of = list(found)
        parts, records = (list(_parts(of, below)), []) if below else ([], of)
        yield Sum(name=name or beside, total=total_of(of), parts=parts, records=records)


def _prices(leaves: Iterable[Leaf]) -> list[str]:
    found = {leaf.price for leaf in leaves if leaf.counts}
    return sorted(found, key=lambda price: Fraction(price or -1))
