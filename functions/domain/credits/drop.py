"""What was last posted for a month of a stream: which upload it came from, and how far it got."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import msgspec

from functions.domain.credits.contents import Contents, Totals, read_rows
from functions.domain.month import parse_instant
from functions.domain.wording import counted

Kind = Literal["upload", "snapshot"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a month's rows come from: an upload (one version of an object), or a snapshot.

    `at`: when the upload was stored, or the restoring execution started.
    """

    kind: Kind
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

    @property
    def again(self) -> str:
        """What to do to have it posted once more."""
        if self.kind == "snapshot":
            return f'start an execution with {{"restore": "{self.key}"}}'
        return f"upload {self.key} (version {self.version}) again"


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One month of one stream: what was last accepted for it, or may have been.

    `posting`: a request has left, the outcome of one attempt at least is not known. `posted`:
    accepted. `verified`: read back and equal. `digest` is that of the rows. `attempt` makes two
    records of the same moment different. `answer`: the receiver's words where it accepted.
    `snapshot`: where the rows are that it replaced.
    """

    month: str
    source: Source
    digest: str
    totals: Totals
    state: Literal["posting", "posted", "verified"]
    drop_id: str | None = None
    execution: str
    attempt: str
    at: str
    answer: str = ""
    snapshot: str = ""

    def is_of(self, execution: str, source: Source) -> bool:
        """Return True if this execution posted, or tried to post, this source."""
        return (self.execution, self.source) == (execution, source)


class MonthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream held for a month before it was replaced, row by row as it was read."""

    connection: str
    month: str
    taken_at: str
    execution: str
    last_posted: Drop | None = None
    rows: list[dict[str, Any]]

    @property
    def unseen(self) -> Drop | None:
        """What had been posted last, if the rows do not show it: then they are no way back."""
        last = self.last_posted
        return None if last is None or read_rows(self.rows).holds(last.digest) else last


class Limits(NamedTuple):
    """Between which shares of what is stored an upload's rows and total replace it unasked."""

    shrink: Decimal
    growth: Decimal


def outdated(source: Source, last: Drop) -> bool:
    """Return True if a month already has something newer than this source.

    What an object holds now is never older than what it held before, whatever its time says: an
    operator may have taken a version back.
    """
    return last.source.key != source.key and last.source.rank > source.rank


def is_stored(last: Drop | None, wanted: Contents, stored: Contents) -> bool:
    """Return True if nothing has to be posted: it was the last thing accepted, and it is there.

    Being there is not enough: something else that was accepted later may not be visible yet.
    """
    if last is None or last.state == "posting":
        return False
    same = (last.digest, last.totals.row_count) == (wanted.digest, wanted.rows)
    return same and stored.shows(wanted)


def reasons_to_hold(
    wanted: Contents, stored: Contents, last: Drop | None, limits: Limits
) -> list[str]:
    """Explain why replacing the stored rows needs an operator's word; nothing if it does not.

    What was posted last counts as well while it is not seen: the receiver may still ingest it.
    """
    reasons = _jumps(wanted, stored.totals, limits)
    seen = last is not None and stored.holds(last.digest)
    if last and not seen:
        perhaps = "perhaps " if last.state == "posting" else ""
        unseen = f", {perhaps}posted at {last.at} and not to be seen now"
        reasons += [f"{reason}{unseen}" for reason in _jumps(wanted, last.totals, limits)]
    if wanted.credit < 0:
        reasons.append(
            f"the total credit of {wanted.credit} USD is below zero and would be a charge"
        )
    return reasons + others_erased(stored, last, "upload")


def others_erased(stored: Contents, last: Drop | None, kind: Kind) -> list[str]:
    """Name the rows of others, which a restore may have put there, that would be erased."""
    if not stored.foreign:
        return []
    # The digest leaves rows of 0.00 out: others' may be beside ours, or in the place of ours.
    known = last and last.digest == stored.digest and stored.rows <= last.totals.row_count
    alike = last and (last.source.kind == "snapshot" or stored.foreign == stored.rows)
    if last and known and alike and kind in (last.source.kind, "snapshot"):
        return []
    return [f"{counted(stored.foreign, 'stored row')} other than AWS credits would be erased"]


def _jumps(wanted: Contents, stored: Totals, limits: Limits) -> list[str]:
    shrink, growth = map(Fraction, limits)
    reasons, rows, credit = [], stored.row_count, Fraction(stored.total_credit_usd)
    if rows and not rows * shrink <= wanted.rows <= rows * growth:
        reasons.append(f"{counted(wanted.rows, 'row')} would replace {rows:,}")
    if credit and not shrink <= Fraction(wanted.credit) / credit <= growth:
        reasons.append(
            f"{wanted.credit} USD of credits would replace {stored.total_credit_usd} USD"
        )
    return reasons


def is_named(reasons: Sequence[str], held: Sequence[str]) -> bool:
    """Return True if a hold has named the reasons; of a row that is at fault, that there is one."""
    kinds, named = ({text.partition(": ")[0] for text in some} for some in (reasons, held))
    return kinds <= named
