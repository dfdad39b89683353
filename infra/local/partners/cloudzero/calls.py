"""Which calls the AnyCost Stream API has, and who may make them."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from infra.local.partners.cloudzero.contract import parse_month

_BASE = "/v2/connections/billing/anycost"
_STREAM = re.compile(rf"{_BASE}/([^/]+)/billing_drops(?:/([^/]+))?")


@dataclass(frozen=True)
class Call:
    """One call of a stream; `month`: that of a reading."""

    kind: Literal["post", "list", "read"]
    connection_id: str
    month: str = ""


def parse_call(method: str, path: str) -> Call | None:
    """Understand a request line; nothing for what CloudZero does not have."""
    found = _STREAM.fullmatch(path)
    if not found:
        return None
    connection_id, month = found[1], found[2]
    if month is None:
        return Call("post" if method == "POST" else "list", connection_id)
    known = parse_month(unquote(month)) if method == "GET" else None
    return Call("read", connection_id, known) if known else None


def allows(authorization: str, api_key: str | None) -> bool:
    """Check the header: the bare key, which is any word when none is configured."""
    if api_key is not None:
        return authorization == api_key != ""
    return bool(re.fullmatch(r"\S+", authorization)) and authorization.lower() != "bearer"
