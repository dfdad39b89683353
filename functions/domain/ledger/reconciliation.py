"""Whether the receiver stores exactly what the ledger holds: the one rule, dimension by dimension.

What is missing is never zero, and what could not be compared is not equal.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.listing_pages import Asked
from functions.domain.ledger.owner import Owner, others_of
from functions.domain.ledger.reading import read_quantity
from functions.domain.wording import counted, grouped, some
from functions.partners import RECEIVER

MISSING, NONE, UNREADABLE = "missing", "none", "not understood"


class Held(NamedTuple):
    """What the receiver lists of a dimension, and where that is not what the ledger holds."""

    quantity: str
    differs: list[str]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension that the receiver does not store as the ledger holds it."""

    contract: str
    dimension: str
    ledger: str
    listed: str
    differs: list[str]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's month. `not_compared`: why not; `asked`: how far the listing was read."""

    contract: str
    differences: list[Difference] = []
    not_compared: str = ""
    asked: Asked | None = None


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's month. `not_compared`: contracts that nothing can be said of, each with why."""

    plan: str
    month: str
    execution: str
    generated_at: str
    contracts: int
    equal: int
    differences: list[Difference]
    not_compared: dict[str, str]

    @property
    def differing(self) -> int:
        """How many contracts differ."""
        return len({one.contract for one in self.differences})

    @property
    def summary(self) -> str:
        """The month in one line."""
        return (
            f"{counted(self.contracts, 'contract')} compared with {RECEIVER}'s records: "
            f"{self.equal:,} equal, {self.differing:,} different, "
            f"{len(self.not_compared):,} not compared"
        )

    def texts(self, report: str) -> list[str]:
        """Return what an operator has to hear of; nothing of a month that is equal."""
        pairs = [
            (one.contract, f"{one.dimension}: {', '.join(one.differs)}") for one in self.differences
        ]
        found = [
            (f"differs from {RECEIVER}'s records", pairs),
            (f"not compared with {RECEIVER}'s records", list(self.not_compared.items())),
        ]
        return [
            f"{self.month}: {what}, see {report}: {'; '.join(grouped(which, 20))}"
            for what, which in found
            if which
        ]


def held(listing: Listing, dimension: str, line: Line | None, owners: Iterable[Owner]) -> Held:
    """Compare the records of a dimension with a line, and with what other plans have sent."""
    differs: list[str] = []
    records = listing.of(dimension)
    if doubt := listing.doubt(dimension) or (not records and listing.unclear):
        differs.append(f"{RECEIVER}: {doubt}")
    numbers = [read_quantity(record.quantity) for record in records]
    total = Fraction(sum(Fraction(number) for number in numbers if number is not None))
    undecided = sum(record.status != "billed" for record in records)
    if undecided:
        differs.append(f"{RECEIVER} has not decided on {undecided} of {len(records)} records")
    expected = [line.taken] if line and line.state == "accepted" and line.taken != "0" else []
    others = others_of(owners, dimension, listing)
    expected += [one.quantity for one in others if one.certain]
    wanted = Fraction(sum(map(Fraction, expected)))
    none = UNREADABLE if doubt else MISSING if expected else NONE
    text = exact_text(total) if records else none
    if text == MISSING:
        differs.append(f"{RECEIVER} lists no record")
    elif len(records) > len(expected):
        ids = ", ".join(some([record.record_id or "without id" for record in records], 10))
        what = counted(len(records), "record")
        differs.append(f"{RECEIVER} lists {what}, expected {len(expected)}: {ids}")
    if expected and records and total != wanted:
        differs.append(f"{RECEIVER} bills {text}, the ledger {exact_text(wanted)}")
    unsure = sorted({one.plan for one in others if not one.certain})
    if differs and unsure:
        differs.append(f"plan {', '.join(unsure)} may account for it")
    return Held(text, differs)


def by_all(listing: Listing, known: Iterable[str], owners: Iterable[Owner]) -> Listing:
    """Return the listing by a contract's dimensions and those of other plans."""
    return listing.by({*known, *(owner.dimension for owner in owners)} - {""})


def unknown(listing: Listing, dimensions: Iterable[str]) -> list[str]:
    """Return the dimensions that only the receiver knows."""
    known = set(dimensions)
    return sorted(
        (listing.stored.keys() | (listing.doubts.keys() - ({""} if known else set()))) - known
    )


def compare(entry: Entry, listing: Listing, owners: Sequence[Owner]) -> Comparison:
    """Compare a contract's entry with what is listed for it."""
    name, lines = entry.contract_id, {line.dimension: line for line in entry.lines}
    known = sorted(lines.keys() | entry.unbilled.keys())
    listing = by_all(listing, known, owners)
    open_ones = [f"{line.dimension} is {line.state}" for line in entry.to_look_up]
    # Who has settled a line by other means knows what is there; what failed was never billed.
    waived = [line for line in entry.lines if line.state == "waived"]
    left_out = {line.dimension for line in (*entry.to_look_up, *waived)}
    differences = [
        Difference(
            contract=name,
            dimension=dimension,
            ledger=_ledger(dimension, lines, entry),
            listed=found.quantity,
            differs=found.differs,
        )
        for dimension in [*known, *unknown(listing, known)]
        if (found := held(listing, dimension, lines.get(dimension), owners)).differs
        and dimension not in left_out
    ]
    reasons = [
        open_ones and f"open in the ledger: {', '.join(open_ones)}",
        waived and f"waived: {', '.join(line.dimension for line in waived)}",
        entry.failure and not entry.lines and f"not billed: {entry.failure.code}",
    ]
    why = "; ".join(reason for reason in reasons if isinstance(reason, str))
    return Comparison(contract=name, differences=differences, not_compared=why)


def _ledger(dimension: str, lines: Mapping[str, Line], entry: Entry) -> str:
    if dimension in lines:
        line = lines[dimension]
        return line.taken if line.state == "accepted" else f"{line.quantity} {line.state}"
    return "0" if dimension in entry.unbilled else MISSING


def reconcile(
    contracts: Sequence[str], compared: Iterable[Comparison], by_hand: Iterable[str], **of: str
) -> Reconciliation:
    """Return a month of comparisons; a contract without one was not compared."""
    found = {one.contract: one for one in compared}
    left = {name: found[name].not_compared for name in contracts if name in found}
    left |= dict.fromkeys(set(contracts) - found.keys(), "its comparison was interrupted")
    left |= dict.fromkeys(by_hand, "settled in the state file, without a ledger entry")
    differences = [one for name in contracts if name in found for one in found[name].differences]
    not_compared = {name: why for name, why in sorted(left.items()) if why}
    unequal = {one.contract for one in differences} | not_compared.keys()
    return Reconciliation(
        **of,
        contracts=len(left),
        equal=len(left.keys() - unequal),
        differences=differences,
        not_compared=not_compared,
    )
