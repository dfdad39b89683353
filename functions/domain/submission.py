"""What is sent to Clazar for a contract's month: always the same bytes for the same lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from functions.domain.ledger_entry import Line
from functions.domain.month import Month, format_instant


class Request(NamedTuple):
    """A request body, the records in it, and the digest it is known by."""

    body: str
    digest: str
    records: list[dict[str, str]]


def records(
    cloud: str, contract: str, month: Month, lines: Iterable[Line], until: str | None = None
) -> list[dict[str, str]]:
    """Return one record per line; the window is the month, or its part until then.

    Clazar's windows include their last second.
    """
    end = month.window_end(until)
    return [
        {
            "cloud": cloud,
            "contract_id": contract,
            "dimension": line.dimension,
            "start_time": format_instant(month.start),
            "end_time": format_instant(end - timedelta(seconds=1)),
            "quantity": line.quantity,
        }
        for line in lines
    ]


def request(
    cloud: str, contract: str, month: Month, lines: Iterable[Line], until: str | None = None
) -> Request:
    """Return the body of one `POST /metering/`."""
    content = records(cloud, contract, month, lines, until)
    body = json.dumps({"request": content}, separators=(",", ":"))
    return Request(body, hashlib.sha256(body.encode()).hexdigest(), content)
