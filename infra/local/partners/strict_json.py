"""What both stand-in partners are strict about: JSON, its content type, and times."""

import json
import re
from datetime import datetime
from typing import Any

from infra.local.aws.http_wire import Request

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


class ShapeError(ValueError):
    """The request as a whole is not one that the partner takes: HTTP 400."""


def json_body(request: Request) -> bytes:
    """Return the body of a request that says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ShapeError(f"the content type must be application/json, got {kind!r}")
    return request.body


def parse_json(body: bytes) -> object:
    """Read JSON without the leniencies of the standard parser that hide a client's defect."""
    try:
        document: object = json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_repeats, parse_constant=_no_constant
        )
    except ShapeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ShapeError("the body is not JSON") from error
    return document


def is_time(value: object, *, fraction: bool = True) -> bool:
    """Return True for a moment in UTC such as 2025-06-01T00:00:00Z."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[1] and not fraction):
        return False
    try:
        datetime.fromisoformat(found[0])
    except ValueError:
        return False
    return True


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ShapeError("the body repeats a key in one object")
    return dict(pairs)


def _no_constant(name: str) -> object:
    raise ShapeError(f"{name} is not JSON")
