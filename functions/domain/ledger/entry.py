"""An entry of the ledger: one contract's month, what is to be sent, what was, and the outcome."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import msgspec

from functions.domain.ledger.listing_pages import Asked
from functions.partners import RECEIVER

# AWS takes 25 records per batch; a receiver's own limit is not published.
BATCH = 25
DUPLICATE, OTHER_QUANTITY = "DUPLICATE", "OTHER_QUANTITY"
# The receiver bills it, but not as here: no retry changes that.
BILLED_OTHERWISE = (DUPLICATE, OTHER_QUANTITY)
TAKEN_OVER, NOT_ACCEPTED = f"taken over from {RECEIVER}'s records", "not accepted: operator"
BY_RESPONSE = "response"
# Two plans have sent the same quantity, and one record is billed: whose it is, an operator decides.
UNCLAIMED = "sent; the billed record may be this plan's or another's"

LineState = Literal["unsure", "sent", "present", "accepted", "refused", "waived"]


class Persisted(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is kept in the state bucket, without what says nothing."""


class Line(Persisted, frozen=True, kw_only=True):
    """One dimension of the month.

    `unsure`: may be sent once the receiver, asked at that moment, does not list it. `sent`: a
    request is or was under way, its outcome is not known. `present`: the receiver holds a record
    that is not decided, or that cannot be placed. `accepted`: billed. `refused`: not billed.
    `waived`: an operator has decided not to bill it.

    `amount`: the exact usage that `quantity` was rounded from, without what was `carried` in.
    `doubts`: how often its outcome was unknown and it was sent again. `billed`: what the receiver
    bills, if that is another quantity. `surplus`: records that it bills beyond all known ones.
    """

    dimension: str
    quantity: str
    amount: str = ""
    carried: str = ""
    state: LineState = "unsure"
    doubts: int = 0
    billed: str = ""
    surplus: str = ""
    evidence: str = ""
    record_id: str | None = None
    code: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()

    @property
    def taken(self) -> str:
        """What its usage is counted as billed with: what the receiver bills, or will in the end."""
        if self.billed and (self.state == "accepted" or Fraction(self.billed) > int(self.quantity)):
            return self.billed
        return self.quantity

    @property
    def is_fixed(self) -> bool:
        """Its quantity was accepted, or may have been."""
        return self.state != "unsure" or self.doubts > 0


class Attempt(Persisted, frozen=True, kw_only=True):
    """One POST: written before it leaves, completed with the answer."""

    id: str
    execution: str
    at: str
    dimensions: tuple[str, ...]
    request: str
    reason: str = ""
    outcome: str = "no answer yet"
    status: int | None = None
    response: str = ""

    @property
    def got_through(self) -> bool:
        """The receiver answered it with a 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


class Failure(Persisted, frozen=True, kw_only=True):
    """Why a contract's month needs an operator."""

    code: str
    message: str
    errors: tuple[str, ...]
    at: str


class Decision(Persisted, frozen=True, kw_only=True):
    """What an operator has decided about a contract's month, in which execution, and why."""

    what: Literal["approved", "reopened", "accepted", "not_accepted", "waived"]
    execution: str
    at: str
    reason: str


class Entry(Persisted, frozen=True, kw_only=True):
    """One contract's month in the ledger.

    `cloud`, `formulas`, `usage`: the configuration that its lines were computed with, and the usage
    by usage dimension. `unbilled`: exact amounts of dimensions that come to no whole unit.
    `withdrawn`: quantities that were refused and have no usage any more. `until`: where the window
    of a cancelled contract ends, if not with the month. `asked`: a listing that one invocation
    was too short for.
    """

    plan: str
    month: str
    contract_id: str
    execution: str
    claimed_at: str
    cloud: str = ""
    formulas: dict[str, str] = {}
    usage: dict[str, str] = {}
    lines: tuple[Line, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    unbilled: dict[str, str] = {}
    withdrawn: dict[str, str] = {}
    until: str | None = None
    decisions: tuple[Decision, ...] = ()
    failure: Failure | None = None
    retries: int = 0
    asked: Asked | None = None
    settled_at: str | None = None

    @property
    def accepted(self) -> bool:
        """Every line is billed or waived (none at all: there is nothing to bill)."""
        return not self.unsettled

    @property
    def unsettled(self) -> tuple[Line, ...]:
        """Lines that are neither billed nor waived."""
        return tuple(line for line in self.lines if line.state not in ("accepted", "waived"))

    @property
    def waived(self) -> bool:
        """An operator's last word is that nothing more is to be billed."""
        return self.last_word == "waived"

    @property
    def last_word(self) -> str:
        """What was decided last; empty if nothing was."""
        return self.decisions[-1].what if self.decisions else ""

    @property
    def amounts(self) -> dict[str, str]:
        """The exact usage of every dimension that it is known of, as it was when it was billed."""
        of_lines = {line.dimension: line.amount for line in self.lines if line.amount}
        return {**self.unbilled, **of_lines}

    @property
    def fixed(self) -> frozenset[str]:
        """The dimensions whose quantity was accepted, or may have been."""
        return frozenset(line.dimension for line in self.lines if line.is_fixed)

    @property
    def sent(self) -> frozenset[str]:
        """The dimensions that were ever in a request of this ledger."""
        return frozenset(name for attempt in self.attempts for name in attempt.dimensions)

    def sent_by(self, execution: str) -> tuple[Line, ...]:
        """Return the lines that an execution has sent."""
        sent = {n for a in self.attempts if a.execution == execution for n in a.dimensions}
        return tuple(line for line in self.lines if line.dimension in sent)

    @property
    def in_doubt(self) -> tuple[Line, ...]:
        """Lines that may or may not have been accepted."""
        return tuple(line for line in self.lines if line.state in ("sent", "present"))

    @property
    def may_be_billed(self) -> tuple[Line, ...]:
        """Lines that the receiver bills, or may: one that was waived may have been sent before."""
        return tuple(
            line
            for line in self.lines
            if line.state in ("sent", "present", "accepted")
            or (line.state == "waived" and line.dimension in self.sent)
            or (line.state == "refused" and line.evidence == UNCLAIMED)
        )

    @property
    def to_look_up(self) -> tuple[Line, ...]:
        """Lines about which the receiver has to be asked before anything is sent."""
        return tuple(line for line in self.lines if line.state in ("unsure", "sent", "present"))

    @property
    def refused(self) -> tuple[Line, ...]:
        """Lines that the receiver does not bill."""
        return tuple(line for line in self.lines if line.state == "refused")


Ledger = Mapping[str, Entry]
"""The entries of a month by contract."""
