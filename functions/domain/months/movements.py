"""Which contracts have moved most against the month before, and which are new or gone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain

import msgspec

from functions.domain.formula import ByDimension, exact_text
from functions.domain.months.report_rows import Row
from functions.domain.months.totals import History, change

_MOST_MOVED, _MOST_NAMED = 20, 10
_Usage = Mapping[str, ByDimension]


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

    def check(self) -> None:
        """Raise ValueError or ZeroDivisionError unless all usage is numbers: people open it."""
        for text in chain(*(month.usage.values() for month in self.history.months)):
            Fraction(text)
        for row in self.rows:
            Fraction(row.usage or "0")


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of one contract's dimension in both months, and what is between.

    `share`: the difference as a share of the dimension's larger total.
    """

    contract_id: str
    dimension: str
    before: str
    usage: str
    difference: str
    change: str
    share: str


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    """The largest change of each contract that both months have, and the others; some are named."""

    moved: list[Movement] = []
    more: int = 0
    new: int = 0
    new_contracts: list[str] = []
    gone: int = 0
    gone_contracts: list[str] = []


def usage_of(rows: Iterable[Row | UsageRow]) -> _Usage:
    """Return the usage of each contract by dimension."""
    found = defaultdict[str, dict[str, str]](dict)
    for row in rows:
        found[row.contract_id][row.dimension] = row.usage
    return found


def movements(earlier: _Usage, now: _Usage, history: History) -> Movements:
    """Compare usage with usage. A contract whose formula failed in either month is left out.

    Formulas often read the same usage, so of each contract one dimension is enough.

    Dimensions are of different units, so a change counts by its share of its dimension's total.
    """
    pairs = {name: (earlier.get(name, {}), now.get(name, {})) for name in earlier.keys() | now}
    known = {n: pair for n, pair in pairs.items() if all("" not in of.values() for of in pair)}
    kinds = {name: (_is_used(was), _is_used(usage)) for name, (was, usage) in known.items()}
    changes = sorted(_changes(known, _totals(history)))
    moved = dict[str, tuple[str, float]]()
    for share, name, dimension in changes:
        if all(kinds[name]):
            moved.setdefault(name, (dimension, -share))
    largest = list(moved.items())[:_MOST_MOVED]
    new, gone = (
        list(dict.fromkeys(name for _, name, _ in changes if kinds[name] == kind))
        for kind in ((False, True), (True, False))
    )
    return Movements(
        moved=[_movement(name, *of, *known[name]) for name, of in largest],
        more=len(moved) - len(largest),
        new=len(new),
        new_contracts=new[:_MOST_NAMED],
        gone=len(gone),
        gone_contracts=gone[:_MOST_NAMED],
    )


def _is_used(usage: ByDimension) -> bool:
    return any(text != "0" for text in usage.values())


def _totals(history: History) -> Mapping[str, Fraction]:
    """Return the larger total of the last two months by dimension."""
    found = defaultdict[str, Fraction](Fraction)
    for month in history.months[-2:]:
        for name, text in month.usage.items():
            found[name] = max(found[name], Fraction(text))
    return found


def _changes(
    known: Mapping[str, tuple[ByDimension, ByDimension]], totals: Mapping[str, Fraction]
) -> Iterator[tuple[float, str, str]]:
    """Yield the changed dimensions of contracts, each with a key that sorts the largest first."""
    for name, (was, usage) in known.items():
        for of in was.keys() | usage.keys():
            before, now = was.get(of, "0"), usage.get(of, "0")
            if before != now:
                share = abs(Fraction(now) - Fraction(before)) / (totals[of] or 1)
                yield -float(share), name, of


def _movement(name: str, of: str, share: float, was: ByDimension, usage: ByDimension) -> Movement:
    before, now = was.get(of, "0"), usage.get(of, "0")
    return Movement(
        contract_id=name,
        dimension=of,
        before=before,
        usage=now,
        difference=exact_text(Fraction(now) - Fraction(before)),
        change=change(Fraction(now), Fraction(before)),
        share=f"{share:.1%}",
    )
