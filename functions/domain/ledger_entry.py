"""An entry of the ledger: one contract's month, what is to be sent, what was, what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

# AWS takes 25 records per batch; Clazar's own limit is not published.
BATCH = 25
DUPLICATE = "DUPLICATE"

LineState = Literal["unsure", "open", "sent", "present", "accepted", "refused"]


class Line(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One dimension of the month.

    `unsure`: to be sent once the receiver was asked, if it can be: somebody else may have sent it.
    `open`: not sent, may be sent. `sent`: a request is or was under way, its outcome is not known.
    `present`: the receiver says it holds a record for this window, or one that is not decided yet.
    `accepted`: billed. `refused`: not billed.
    """

    dimension: str
    quantity: str
    state: LineState = "unsure"
    in_doubt_before: bool = False
    evidence: str = ""
    record_id: str | None = None
    code: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()
    computed_later: str | None = None


class Attempt(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One POST: written before it leaves, completed with the answer."""

    id: str
    execution: str
    at: str
    dimensions: tuple[str, ...]
    request: str
    digest: str
    outcome: str = "no answer yet"
    status: int | None = None
    response: str = ""


class Failure(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Why a contract's month needs a person."""

    code: str
    message: str
    errors: tuple[str, ...]
    at: str


class Entry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One contract's month in the ledger."""

    plan: str
    month: str
    contract_id: str
    execution: str
    claimed_at: str
    lines: tuple[Line, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    failure: Failure | None = None
    retries: int = 0
    hindered_by: str = ""
    settled_at: str | None = None

    @property
    def accepted(self) -> bool:
        """Every line is billed (none at all: there is nothing to bill)."""
        return all(line.state == "accepted" for line in self.lines)

    def sent_by(self, execution: str) -> tuple[Line, ...]:
        """Return the lines that an execution has sent."""
        sent = {
            dimension
            for attempt in self.attempts
            if attempt.execution == execution
            for dimension in attempt.dimensions
        }
        return tuple(line for line in self.lines if line.dimension in sent)

    @property
    def in_doubt(self) -> bool:
        """Some line may or may not have been accepted."""
        return any(line.state in ("sent", "present") for line in self.lines)

    @property
    def to_look_up(self) -> tuple[Line, ...]:
        """Lines about which the receiver has to be asked before anything is sent."""
        return tuple(line for line in self.lines if line.state in ("unsure", "sent", "present"))

    @property
    def sendable(self) -> tuple[Line, ...]:
        """The next lines to send, at most one batch."""
        return tuple(line for line in self.lines if line.state == "open")[:BATCH]

    @property
    def refused(self) -> tuple[Line, ...]:
        """Lines that the receiver does not bill."""
        return tuple(line for line in self.lines if line.state == "refused")
