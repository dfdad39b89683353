"""CloudZero's AnyCost Stream API: HTTP translated into answers and the errors of a state machine.

No retries and no waiting: that is the state machine's job, where it can be seen.

`POST .../billing_drops`, `GET .../billing_drops/{month}` (docs.cloudzero.com, API V2).
No idempotency key: it would replay an old answer, whatever the body.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import requests

from functions.adapters.http_calls import as_json, bounded, named, never_connected, paging, send
from functions.adapters.receivers import Accepted, CreditsReceiver
from functions.domain.conversion import unique
from functions.domain.credits.cbf import plain_number
from functions.domain.envelope import says_failed, says_more, says_not_all
from functions.domain.month import Month, format_instant
from functions.domain.wording import counted
from functions.errors import (
    CredentialsRefused,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
)

# Connect and read. Two requests of one function stay inside its timeout, and that inside
# SETTLE_SECONDS.
_TIMEOUT = (5.0, 45.0)
_ROOT = "/v2/connections/billing/anycost"
_OK, _REDIRECTED = 200, 300
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
_TIMED_OUT, _SERVER_ERROR = 408, 500
_MOST_DIGITS = 18
_BUSY = (409, 425, 429)  # still processing what came before, or too many requests


class ApiKey(msgspec.Struct, frozen=True):
    """What the secret holds."""

    api_key: str


class CloudZero(CreditsReceiver):
    """One account, one API key. The key is read again when it is refused: it may be a new one."""

    seconds_for_a_request = 52.0

    def __init__(self, url: str, api_key: Callable[[bool], str]) -> None:
        self._url, self._api_key = url.rstrip("/"), api_key

    def stored(self, connection: str, month: Month) -> list[dict[str, Any]] | None:
        """Return the rows that a stream holds for a month; None if it holds no such month.

        The documentation writes the month in two ways. The second is tried before a month is taken
        for absent or empty: what is not seen would be replaced without a snapshot.
        """
        path = f"{_ROOT}/{connection}/billing_drops"
        rows, understood = None, False
        for name in (str(month), format_instant(month.start)):
            response = self._call("GET", f"{path}/{name}", None)
            status = response.status_code
            understood = understood or _is_not_found(response)
            if status in (_BAD_REQUEST, _NOT_FOUND) or (understood and status >= _BAD_REQUEST):
                continue
            rows, understood = _rows(response, f"GET {path}/{name}"), True
            if rows:
                break
        if not understood:
            _answer(response, f"GET {path}/{month}")  # a refusal
        return rows

    def post(self, connection: str, body: bytes) -> Accepted:
        """Send a drop: it replaces its month. OutcomeUnknown if it may or may not have arrived."""
        path = f"{_ROOT}/{connection}/billing_drops"
        response = self._call("POST", path, body)
        redirected = _REDIRECTED <= response.status_code < _BAD_REQUEST
        answer = None if redirected else _answer(response, f"POST {path}")
        failed = says_failed(answer, "data") if isinstance(answer, dict) else ""
        wrapped = answer.get("connection", answer) if isinstance(answer, dict) else None
        drop_id = wrapped.get("drop_id") if isinstance(wrapped, dict) else None
        known = str(drop_id) if isinstance(drop_id, str | int) else None
        return Accepted(known, _said(response), certain=not (redirected or failed))

    def _call(self, method: str, path: str, body: bytes | None) -> requests.Response:
        key = self._api_key(False)  # noqa: FBT003  # called with one positional flag
        response = self._send(method, path, body, key)
        if response.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            fresh = self._api_key(True)  # noqa: FBT003
            if fresh != key:
                response = self._send(method, path, body, fresh)
        if response.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            raise CredentialsRefused(f"{method} {path}: {_said(response)}")
        return response

    def _send(self, method: str, path: str, body: bytes | None, key: str) -> requests.Response:
        what = f"{method} {path}"
        headers = {"authorization": key, "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            response = send(method, f"{self._url}{path}", _TIMEOUT, headers=headers, data=body)
        except requests.RequestException as error:
            if never_connected(error):
                raise PartnerUnreachable(f"{what}: {named(error)}") from error
            raise OutcomeUnknown(f"{what}: {named(error)}") from error
        status = response.status_code
        if status in _BUSY:
            raise PartnerBusy(f"{what}: {_said(response)}")
        if status == _TIMED_OUT or status >= _SERVER_ERROR:
            raise OutcomeUnknown(f"{what}: {_said(response)}")
        return response


def _answer(response: requests.Response, what: str) -> Any:
    """Return the body of an answer that is not a refusal."""
    if response.status_code >= _REDIRECTED:
        raise PartnerRefused(f"{what}: {_said(response)}")
    numbers = {"parse_float": _decimal, "parse_int": _whole, "parse_constant": str}
    return as_json(response.content, object_pairs_hook=unique, **numbers)


def _rows(response: requests.Response, what: str) -> list[dict[str, Any]]:
    if _OK < response.status_code < _REDIRECTED:  # still worked out, or only a part
        raise PartnerBusy(f"{what}: the month is not shown as a whole: {_said(response)}")
    body = _answer(response, what)
    rows = body.get("billing_drop") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PartnerBusy(f"{what}: HTTP {response.status_code} without the rows of the month")
    if failed := says_not_all(body, "billing_drop"):
        raise PartnerBusy(f"{what}: the month is not shown as a whole: {failed}")
    said = {"headers": paging(response), **body}
    if more := says_more(said, "billing_drop", len(rows)):
        raise PartnerRefused(
            f"{what}: {counted(len(rows), 'row')} shown although {more}; a month that is shown in "
            "part is neither replaced nor verified. Ask CloudZero how to read the whole month in "
            "one request, then start again"
        )
    return rows


def _is_not_found(response: requests.Response) -> bool:
    """Return True if CloudZero itself says so, in its documented form: a gateway says it, too."""
    body = as_json(response.content)
    return response.status_code == _NOT_FOUND and isinstance(body, dict) and "error" in body


def _decimal(number: str) -> str:
    """Return a number as text that still shows that it was no text and no whole number."""
    plain = plain_number(number)
    return f"{plain}.0" if plain.lstrip("-").isdigit() else plain


def _whole(digits: str) -> int | str:
    """Return a whole number; one that no 64 bits hold could not be kept in a snapshot."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _said(response: requests.Response) -> str:
    """Return an answer in a line; a gateway that repeats our headers must not pass on the key."""
    key = response.request.headers.get("authorization", "")
    text = response.text.replace(key, "(the API key)") if key else response.text
    return f"HTTP {response.status_code} {bounded(text)}"
