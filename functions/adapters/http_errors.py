"""What a failed HTTP request says about whether anything has left."""

from __future__ import annotations

import json

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


def bounded(text: str, most: int = 600) -> str:
    """Cut a text so that it stays small in a state's output, where it is escaped as JSON."""
    while len(json.dumps(text)) > most:
        text = text[: len(text) * 3 // 4]
    return text


def named(error: requests.RequestException) -> str:
    """Return a failure in a line, without the layers around its reason."""
    return f"{type(error).__name__}: {str(_reason(error) or error)[-200:]}"


def never_connected(error: requests.RequestException) -> bool:
    """No connection was ever made, so no byte of the request has left."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    return isinstance(_reason(error), NewConnectionError | ConnectTimeoutError)


def _reason(error: requests.RequestException) -> object:
    return getattr(error.args[0], "reason", None) if error.args else None
