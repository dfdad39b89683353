"""What is submitted for a contract's month, the same bytes for the same lines, and the answer."""

import json
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from functions.domain.ledger.entry import Entry, Line
from functions.domain.month import Month, format_instant


class Request(NamedTuple):
    """The body of one `POST /metering/`, and the records in it."""

    body: str
    records: list[dict[str, str]]


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


def request(entry: Entry, lines: Iterable[Line]) -> Request:
    """Return the request for some lines of an entry."""
    found = records(entry, lines)
    return Request(json.dumps({"request": found}, separators=(",", ":")), found)


def records(entry: Entry, lines: Iterable[Line]) -> list[dict[str, str]]:
    """Return one record per line; the window is the entry's month, or its part `until` then.

    A window includes its last second.
    """
    month = Month.parse(entry.month)
    return [
        {
            "cloud": entry.cloud,
            "contract_id": entry.contract_id,
            "dimension": line.dimension,
            "start_time": format_instant(month.start),
            "end_time": format_instant(month.last_second(entry.until)),
            "quantity": line.quantity,
        }
        for line in lines
    ]
