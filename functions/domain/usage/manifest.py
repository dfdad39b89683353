"""What a month was billed from: the digests of its days, so that a later change is noticed."""

from collections.abc import Collection
from typing import Self

import msgspec


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digests of a month's days as they were billed; a day without files has none.

    `reported`: those of the last change that was reported. `recheck`: a contract has been settled
    since, so that its usage can be compared now. `duplicates`: how they were counted. `by_hand`:
    contracts with usage that only the state file said to be settled. `carries`: remainders count.
    """

    execution: str
    days: dict[str, str]
    duplicates: str = ""
    by_hand: tuple[str, ...] = ()
    carries: bool = False
    reported: dict[str, str] | None = None
    recheck: bool = False

    def is_of(self, found: dict[str, str], done: Collection[str]) -> bool:
        """Return True if there is nothing to report of days with these digests.

        `done`: the contracts that the state file says to be settled.
        """
        known = self.days if self.reported is None else self.reported
        return found == known and not self.recheck and set(self.by_hand) <= set(done)

    def changed(self, found: dict[str, str]) -> list[str]:
        """Return the days whose files came, changed or went since the month was billed."""
        names = sorted(self.days.keys() | found.keys())
        return [name for name in names if self.days.get(name) != found.get(name)]

    def as_reported(self, found: dict[str, str], done: Collection[str]) -> Self:
        """Return the manifest once these days have been reported."""
        left = tuple(name for name in self.by_hand if name in done)
        return msgspec.structs.replace(self, reported=found, recheck=False, by_hand=left)
