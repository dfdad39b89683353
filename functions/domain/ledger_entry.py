"""An entry of the ledger: one contract's month, what is to be sent, what was, what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

# AWS takes 25 records per batch; Clazar's own limit is not published.
BATCH = 25
DUPLICATE = "DUPLICATE"

LineState = Literal["unsure", "open", "sent", "present", "accepted", "refused", "waived"]


class Line(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One dimension of the month.

    `unsure`: to be sent once the receiver was asked, if it can be: somebody else may have sent it.
    `open`: not sent, may be sent. `sent`: a request is or was under way, its outcome is not known.
    `present`: the receiver says it holds a record for this window, or one that is not decided yet.
    `accepted`: billed. `refused`: not billed. `waived`: a person has decided not to bill it.

    `amount`: the exact usage that `quantity` was rounded from, without what was `carried` in.
    `billed`: the quantity that the receiver bills if it is another than ours.
    """

    dimension: str
    quantity: str
    amount: str = ""
    carried: str = ""
    billed: str = ""
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
    reason: str = ""
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


class Decision(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a person has decided about a contract's month, in which execution, and why."""

    what: Literal["reopened", "accepted", "not_accepted", "waived"]
    execution: str
    at: str
    reason: str


class Entry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One contract's month in the ledger.

    `unbilled`: exact amounts of dimensions that come to no whole unit. `withdrawn`: quantities that
    were refused and have no usage any more. `formulas`: what the amounts were computed with.
    `until`: where the window of a cancelled contract ends, if not with the month.
    """

    plan: str
    month: str
    contract_id: str
    execution: str
    claimed_at: str
    lines: tuple[Line, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    unbilled: dict[str, str] = {}
    withdrawn: dict[str, str] = {}
    formulas: dict[str, str] = {}
    until: str | None = None
    decisions: tuple[Decision, ...] = ()
    failure: Failure | None = None
    retries: int = 0
    hindered_by: str = ""
    settled_at: str | None = None

    @property
    def accepted(self) -> bool:
        """Every line is billed or waived (none at all: there is nothing to bill)."""
        return all(line.state in ("accepted", "waived") for line in self.lines)

    @property
    def waived(self) -> bool:
        """A person's last word is that nothing more is to be billed."""
        return bool(self.decisions) and self.decisions[-1].what == "waived"

    @property
    def amounts(self) -> dict[str, str]:
        """The exact usage of every dimension that it is known of, as it was when it was billed."""
        of_lines = {line.dimension: line.amount for line in self.lines if line.amount}
        return {**self.unbilled, **of_lines}

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
    def may_be_billed(self) -> tuple[Line, ...]:
        """Lines that the receiver bills, or may: one that was waived may have been sent before."""
        sent = {name for attempt in self.attempts for name in attempt.dimensions}
        return tuple(
            line
            for line in self.lines
            if line.state in ("sent", "present", "accepted")
            or (line.state == "waived" and line.dimension in sent)
        )

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
