"""What a month was billed from: the digests of its days, so that a later change is noticed."""

from __future__ import annotations

import msgspec


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digests of a month's days as they were billed; a day without files has none.

    `reported`: those of the last change that was reported. `recheck`: a contract has been settled
    since, so that its usage can be compared now.
    """

    execution: str
    days: dict[str, str]
    reported: dict[str, str] | None = None
    recheck: bool = False

    def is_of(self, found: dict[str, str]) -> bool:
        """Return True if there is nothing to report of days with these digests."""
        known = self.days if self.reported is None else self.reported
        return found == known and not self.recheck

    def changed(self, found: dict[str, str]) -> list[str]:
        """Return the days whose files came, changed or went since the month was billed."""
        names = sorted(self.days.keys() | found.keys())
        return [name for name in names if self.days.get(name) != found.get(name)]

    def as_reported(self, found: dict[str, str]) -> Manifest:
        """Return the manifest once these days have been reported."""
        return msgspec.structs.replace(self, reported=found, recheck=False)
