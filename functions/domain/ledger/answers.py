"""What the receiver answered, per record: the words in which the ledger keeps it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one record after a request or a look.

    `accepted`: billed. `refused`: not billed. `present`: the receiver holds a record for this
    window, and whether it is ours has to be looked up. `unknown`: no answer for this record.
    `not_taken`: the request did not reach it.
    """

    kind: Literal["accepted", "refused", "present", "unknown", "not_taken"]
    record_id: str | None = None
    code: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()


Outcome = Literal["answered", "busy", "unreachable", "unauthorized", "unserved", "unknown"]


class Reply(NamedTuple):
    """The outcome of one POST: an answer per dimension, and the evidence for the ledger."""

    outcome: Outcome
    answers: Mapping[str, Answer]
    status: int | None = None
    response: str = ""


UNKNOWN = Answer(kind="unknown")
NOT_TAKEN = Answer(kind="not_taken")
