"""What is submitted for a contract's month: always the same bytes for the same lines."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from functions.domain.ledger.entry import Entry, Line
from functions.domain.month import Month, format_instant


class Request(NamedTuple):
    """The body of one `POST /metering/`, and the records in it."""

    body: str
    records: list[dict[str, str]]


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
            "end_time": format_instant(month.window_end(entry.until) - timedelta(seconds=1)),
            "quantity": line.quantity,
        }
        for line in lines
    ]
