"""What was last posted for a month of a stream: which upload it came from, and how far it got."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec

from functions.domain.cbf import Contents
from functions.domain.month import parse_instant


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a month's rows come from: an upload (one version of an object), or a snapshot.

    `at`: when the upload was stored, or the restoring execution started.
    """

    kind: Literal["upload", "snapshot"]
    key: str
    version: str
    at: str

    @property
    def rank(self) -> tuple[datetime, bool, bool, str]:
        """Sources in order: the later one counts.

        S3 tells whole seconds. Within one, an upload outranks a restore, the file of one month a
        back-fill, and then the name decides, so that every order of events ends the same.
        """
        return (parse_instant(self.at), self.kind == "upload", "_" not in self.key, self.key)


State = Literal["open", "posting", "posted", "verified"]


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one stream.

    `open`: the receiver did not take it. `posting`: a request has left, its outcome is not known.
    `posted`: accepted. `verified`: read back and equal. `digest` is that of the lines. `before`:
    what was, or may have been, accepted before this one.
    """

    month: str
    source: Source
    digest: str
    rows: int
    total_credit_usd: str
    state: State
    drop_id: str | None
    execution: str
    at: str
    before: Drop | None = None

    @property
    def counts(self) -> Drop | None:
        """The last drop that was, or may have been, accepted: a refused one changed nothing."""
        return self.before if self.state == "open" else self


class MonthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream held for a month before it was replaced, row by row as it was read."""

    connection: str
    month: str
    taken_at: str
    execution: str
    last_posted: Drop | None = None
    rows: list[dict[str, Any]]


def outdated(source: Source, last: Drop | None) -> Source | None:
    """Return the newer source that a month already has; None if this one is the newest.

    What an object holds now is never older than what it held before, whatever its time says: a
    person may have taken a version back.
    """
    newest = last.counts.source if last and last.counts else None
    if newest is None or newest.key == source.key or source.rank >= newest.rank:
        return None
    return newest


def is_stored(last: Drop | None, wanted: Contents, stored: Contents) -> bool:
    """Say whether nothing has to be posted: it was the last thing accepted, and it is there.

    Being there is not enough: something else that was accepted later may not be visible yet.
    """
    if last is None or last.state not in ("posted", "verified"):
        return False
    return last.digest == wanted.digest and stored.same_as(wanted)


def reason_to_hold(wanted: Contents, stored: Contents, last: Drop | None, limit: Decimal) -> str:
    """Say why replacing the stored rows needs a person's word; nothing if it does not.

    `limit`: the share of the stored rows, and of the stored total, that must be left. What was
    posted last counts as well while it is not what is seen: CloudZero may still ingest it.
    """
    reasons = _shrinking(wanted, stored.rows, stored.credit, limit)
    posted = last.counts if last else None
    seen = posted is not None and posted.digest == stored.digest
    if posted and not seen:
        unseen = _shrinking(wanted, posted.rows, Decimal(posted.total_credit_usd), limit)
        reasons += [f"{reason}, posted at {posted.at} and not to be seen now" for reason in unseen]
    if stored.foreign and not (posted and seen and posted.source.kind == "upload"):
        reasons.append(f"{stored.foreign} stored rows that are no AWS credits would be erased")
    if stored.unreadable:
        reasons.append(f"{stored.unreadable} stored rows have a cost that is no number")
    return "; ".join(reasons)


def _shrinking(wanted: Contents, rows: int, credit: Decimal, limit: Decimal) -> list[str]:
    reasons = []
    if wanted.rows < rows * limit:
        reasons.append(f"{wanted.rows} rows would replace {rows}")
    sign = 1 if credit >= 0 else -1
    least = Fraction(credit) * sign * Fraction(limit)
    if credit and Fraction(wanted.credit) * sign < least:
        reasons.append(f"{wanted.credit} USD of credits would replace {credit} USD")
    return reasons
