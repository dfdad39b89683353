"""Which contracts have moved most against the month before, and which are new or gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

import msgspec

from functions.domain.formula import exact_text
from functions.domain.months.report_rows import Row
from functions.domain.months.totals import History, change

_MOST_MOVED, _MOST_NAMED = 20, 10
_NOTHING = ("0", "")
_Usage = Mapping[str, Mapping[str, str]]


class UsageRow(msgspec.Struct, frozen=True):
    """What is compared of a row of a report; `usage` is empty where a formula had no value."""

    contract_id: str
    dimension: str
    usage: str = ""


class EarlierReport(msgspec.Struct, frozen=True):
    """What is compared of the report of the month before; nothing at all if there is none."""

    month: str = ""
    rows: list[UsageRow] = []
    history: History = History()


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of one contract's dimension in both months, and what is between."""

    contract_id: str
    dimension: str
    before: str
    usage: str
    difference: str
    change: str


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    """The largest changes first. `new` and `gone`: how many contracts; the largest are named."""

    moved: list[Movement] = []
    more: int = 0
    new: int = 0
    new_contracts: list[str] = []
    gone: int = 0
    gone_contracts: list[str] = []


class _Change(NamedTuple):
    contract: str
    dimension: str
    before: str
    now: str

    @property
    def difference(self) -> Fraction:
        return Fraction(self.now or 0) - Fraction(self.before or 0)


def movements(rows: Iterable[Row], earlier: _Usage, history: History) -> Movements:
    """Compare usage with usage. A contract whose formula failed in either month is left out.

    Dimensions are of different units, so a change counts by its share of its dimension's total.
    """
    now = usage_of(rows)
    known = {name for name in now.keys() | earlier.keys() if _is_known(name, now, earlier)}
    new = {name for name in known if not _used(earlier.get(name)) and _used(now.get(name))}
    gone = {name for name in known if _used(earlier.get(name)) and not _used(now.get(name))}
    totals = _totals(history)
    changes = sorted(
        (_size(each, totals), each) for name in known for each in _changes(name, now, earlier)
    )
    moved = [each for _, each in changes if each.contract not in new | gone]
    return Movements(
        moved=list(map(_movement, moved[:_MOST_MOVED])),
        more=max(0, len(moved) - _MOST_MOVED),
        new=len(new),
        new_contracts=_largest(changes, new),
        gone=len(gone),
        gone_contracts=_largest(changes, gone),
    )


def usage_of(rows: Iterable[Row | UsageRow]) -> _Usage:
    """Return the usage of each contract by dimension."""
    found = defaultdict[str, dict[str, str]](dict)
    for row in rows:
        found[row.contract_id][row.dimension] = row.usage
    return found


def _is_known(name: str, *months: _Usage) -> bool:
    return not any("" in month.get(name, {}).values() for month in months)


def _used(usage: Mapping[str, str] | None) -> bool:
    return any(text not in _NOTHING for text in (usage or {}).values())


def _changes(name: str, now: _Usage, earlier: _Usage) -> Iterator[_Change]:
    here, there = now.get(name, {}), earlier.get(name, {})
    for dimension in here.keys() | there.keys():
        before, today = there.get(dimension, "0"), here.get(dimension, "0")
        if before != today:
            yield _Change(name, dimension, before, today)


def _totals(history: History) -> dict[str, Fraction]:
    """Return the larger total of both months by dimension."""
    found = defaultdict[str, Fraction](Fraction)
    for month in history.months[-2:]:
        for name, text in month.usage.items():
            found[name] = max(found[name], Fraction(text))
    return found


def _size(found: _Change, totals: Mapping[str, Fraction]) -> float:
    """Return the sort key of a change: the larger ones first."""
    return -float(abs(found.difference) / (totals[found.dimension] or 1))


def _largest(changes: Iterable[tuple[float, _Change]], chosen: Collection[str]) -> list[str]:
    names = dict.fromkeys(each.contract for _, each in changes if each.contract in chosen)
    return list(names)[:_MOST_NAMED]


def _movement(found: _Change) -> Movement:
    return Movement(
        contract_id=found.contract,
        dimension=found.dimension,
        before=found.before,
        usage=found.now,
        difference=exact_text(found.difference),
        change=change(Fraction(found.now), Fraction(found.before)),
    )
