"""What a failed HTTP request says about whether anything has left."""

from __future__ import annotations

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


def named(error: requests.RequestException) -> str:
    """Return a failure in a line."""
    return f"{type(error).__name__}: {str(error)[:200]}"


def never_connected(error: requests.RequestException) -> bool:
    """No connection was ever made, so no byte of the request has left."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
