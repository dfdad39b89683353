"""Who accounts for the records of a contract's month beside the line that is looked up. Pure."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.reading import same_dimension, same_quantity


class Owner(NamedTuple):
    """Another plan that may account for a record of this contract's month.

    Without a dimension it is any, without a quantity nobody knows which: that plan's month was
    settled elsewhere. `certain`: its ledger says that this quantity was accepted.
    """

    plan: str
    dimension: str = ""
    quantity: str = ""
    certain: bool = False

    def is_as_much(self, line: Line) -> bool:
        """Return True if its quantity is the line's, or is not known."""
        return not self.quantity or same_quantity(self.quantity, line.quantity)


def owners_of(entries: Iterable[Entry]) -> list[Owner]:
    """Return what other plans' entries account for."""
    return [
        Owner(entry.plan, line.dimension, line.taken, certain=line.state == "accepted")
        for entry in entries
        for line in entry.may_be_billed
    ]


def others_of(owners: Iterable[Owner], dimension: str, listing: Listing) -> list[Owner]:
    """Return who may account for a dimension too: in another spelling unless that is listed."""
    return [
        owner
        for owner in owners
        if owner.dimension in ("", dimension)
        or (same_dimension(owner.dimension, dimension) and owner.dimension not in listing.stored)
    ]


def nobodys(line: Line, listing: Listing, known: Collection[str], owners: Collection[Owner]) -> str:
    """Return a record of a line's quantity that is under another name and nobody's; empty if none.

    A name that is alike, or that no plan knows, may be how the receiver writes the line's.
    """
    for name in listing.stored.keys() - {line.dimension}:
        if name not in known or same_dimension(name, line.dimension):
            same = [one for one in listing.of(name) if same_quantity(one.quantity, line.quantity)]
            if len(same) > sum(one.dimension == name and one.is_as_much(line) for one in owners):
                return f"record {same[0].record_id} has this quantity, and the dimension {name!r}"
    return ""
