"""HTTP requests to partners, and what a failed one says about whether anything has left."""

import json
import os
import ssl
import time
from functools import cache
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from aws_lambda_powertools import Logger
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from functions.errors import CredentialsRefused

logger = Logger()


class _TrustedOnce(HTTPAdapter):
    """Reads the certificate authorities once: that costs more than the rest of a request."""

    def __init__(self) -> None:
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
        self._context = ssl.create_default_context(cafile=bundle)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: object, cert: Any = None
    ) -> Any:
        return super().build_connection_pool_key_attributes(request, verify=bool(verify), cert=cert)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


class _WithoutRedirects(requests.Session):
    """Takes a redirection as the answer that it is, without reading where to or its body."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: even unfollowed, a malformed address would end in a ValueError."""


class AnswerCut(requests.RequestException):
    """The status of an answer came, its body did not, or cannot be decoded."""

    def __init__(self, status: int, error: requests.RequestException) -> None:
        self.status = status
        super().__init__(f"HTTP {status}, then {named(error)}")


adapter = cache(_TrustedOnce)
"""Returns what the calls of this container share."""


def send(method: str, url: str, timeout: tuple[float, float], **request: Any) -> requests.Response:
    """Send a request over a connection of its own, without following redirects.

    One kept alive while Lambda slept would make every first request an unknown outcome. Each is
    logged with its time and status, for the dashboard; never with its query, headers or body.
    AnswerCut if only the status came: what was answered with it is not nothing. `timeout`: to
    connect and to read; the whole answer has to come within both together, however it trickles.
    CredentialsRefused, without repeating it, if a key or token cannot stand in a header.
    """
    to, began = urlsplit(url), time.monotonic()
    for value in request.get("headers", {}).values():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            what = f"the key or token for {to.hostname} holds a character that no header can hold"
            raise CredentialsRefused(f"{what}: check the secret; nothing was sent")
    status: int | str = "no answer"
    try:
        with _WithoutRedirects() as session:
            session.mount("https://", adapter())
            request |= {"timeout": timeout, "stream": True}
            answer = session.request(method, url, **request)
            status = answer.status_code
            _receive(answer, began + sum(timeout))
        return answer
    finally:
        took = round((time.monotonic() - began) * 1000)
        call: dict[str, Any] = {"partner": to.hostname, "method": method, "path": to.path}
        logger.info("partner called", status=status, milliseconds=took, **call)


def _receive(answer: requests.Response, ends: float) -> None:
    """Read an answer's body; AnswerCut if it does not come, or not in time."""
    alarm = Timer(ends - time.monotonic(), answer.raw.shutdown)
    alarm.start()
    try:
        _ = answer.content
    except requests.RequestException as error:
        raise AnswerCut(answer.status_code, error) from error
    finally:
        alarm.cancel()
    if time.monotonic() >= ends:  # a body without a length ends like a whole one
        raise AnswerCut(answer.status_code, requests.ReadTimeout("the answer took too long"))


def paging(answer: requests.Response) -> dict[str, str]:
    """Return what headers may say of a listing: ranges, `X-...`, its age, links by relation."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = {
        name.removeprefix("x-"): value
        for name, value in headers.items()
        if name == "age" or name[:2] == "x-" or "range" in name
    }
    return kept | {name: link.get("url", "") for name, link in answer.links.items()}


def as_json(text: str | bytes, **hooks: Any) -> Any:
    """Return what a JSON text holds, None if it is none, or a hook refuses something of it."""
    try:
        return json.loads(text, **hooks)
    except (ValueError, ArithmeticError, RecursionError):
        return None


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
