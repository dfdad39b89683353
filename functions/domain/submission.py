"""What is sent to Clazar for a contract's month: always the same bytes for the same lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from functions.domain.ledger_entry import Line
from functions.domain.month import Month, format_instant


class Request(NamedTuple):
    """A request body and the digest it is known by."""

    body: str
    digest: str


def records(cloud: str, contract: str, month: Month, lines: Iterable[Line]) -> list[dict[str, str]]:
    """Return one record per line; the window is the whole month, to the last second."""
    return [
        {
            "cloud": cloud,
            "contract_id": contract,
            "dimension": line.dimension,
            "start_time": format_instant(month.start),
            "end_time": format_instant(month.last_second),
            "quantity": line.quantity,
        }
        for line in lines
    ]


def request(cloud: str, contract: str, month: Month, lines: Iterable[Line]) -> Request:
    """Return the body of one `POST /metering/`."""
    body = json.dumps({"request": records(cloud, contract, month, lines)}, separators=(",", ":"))
    return Request(body, hashlib.sha256(body.encode()).hexdigest())
