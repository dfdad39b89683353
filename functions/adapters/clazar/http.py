"""An HTTP session with Clazar: one account, its token, one connection per request.

No retries and no waiting: that is the state machine's job, where it can be seen.

`POST /authenticate/`, `POST /metering/`, `GET /metering/` (developers.clazar.io).
"""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
import requests

from functions.adapters.http_calls import AnswerCut, as_json, named, never_connected, paging, send
from functions.errors import CredentialsRefused, PartnerUnreachable

# Connect and read. Together they stay well inside the function's timeout, so that a request that
# has left is over before Step Functions tries again.
_TIMEOUT = (5.0, 20.0)
_EARLY = 60.0
_UNSTATED_LIFETIME, _LONGEST_LIFETIME = 300.0, 86_400.0
_LONG = 16
_SUCCESS, _REDIRECTION = 2, 3  # hundreds
_REFUSED = (400, 401, 403, 422)
TAKES_NONE = (401, 403, 429)


class Credentials(msgspec.Struct, frozen=True):
    """What the secret holds."""

    client_id: str
    client_secret: str


class Response(NamedTuple):
    """An answer, without the token that a proxy may repeat in it.

    `paging`: what its headers may say of further pages.
    """

    status: int
    text: str
    paging: Mapping[str, str] = {}


class NoAnswer(Exception):
    """The request has left, or may have, and there is no answer."""


class Session:
    """Keeps its token between calls and renews it when it is refused."""

    def __init__(self, url: str, credentials: Callable[[bool], Credentials]) -> None:
        self._url, self._credentials = url.rstrip("/"), credentials
        self._token, self._expires = "", 0.0

    def post(self, body: bytes) -> Response:
        """Send `POST /metering/`."""
        return self._call("POST", data=body, headers={"content-type": "application/json"})

    def get(self, query: Mapping[str, str]) -> Response:
        """Send `GET /metering/`."""
        return self._call("GET", params=dict(query), headers={"cache-control": "no-cache"})

    def _call(self, method: str, headers: dict[str, str], **request: Any) -> Response:
        """Send with a token; if it is refused nothing was taken, so once more with a new one.

        CredentialsRefused, PartnerUnreachable: no token or no connection, so nothing has left.
        """
        for fresh in (False, True):
            token = self._authorize(fresh=fresh)
            given = {"accept": "application/json", **headers, "authorization": f"Bearer {token}"}
            try:
                response = send(
                    method, f"{self._url}/metering/", _TIMEOUT, headers=given, **request
                )
                answer = Response(response.status_code, _text(response), paging(response))
            except CredentialsRefused:
                self._expires = 0.0  # the next token may be better
                raise
            except AnswerCut as error:
                # What is listed, or was taken of a request that is rejected, is in the body.
                if method == "GET" or error.status in TAKES_NONE:
                    raise NoAnswer(str(error)) from error
                answer = Response(error.status, str(error))
            except requests.RequestException as error:
                if never_connected(error):
                    raise PartnerUnreachable(f"{method} /metering/: {named(error)}") from error
                raise NoAnswer(named(error)) from error
            if answer.status != HTTPStatus.UNAUTHORIZED or speaks_of_each(answer.text):
                break
        return answer._replace(text=self._without_token(answer.text))

    def _without_token(self, text: str) -> str:
        """Blank the token out; a short one may be a part of any word, and is in its header only."""
        before = "" if len(self._token) >= _LONG else "Bearer "
        return text.replace(f"{before}{self._token}", f"{before}(token)")

    def _authorize(self, *, fresh: bool) -> str:
        if fresh or time.monotonic() >= self._expires:
            self._token, seconds = self._new_token()
            self._expires = time.monotonic() + max(seconds - _EARLY, seconds / 2)
        return self._token

    def _new_token(self) -> tuple[str, float]:
        for again in (False, True):
            credentials = self._credentials(again)
            try:
                body = msgspec.to_builtins(credentials)
                response = send("POST", f"{self._url}/authenticate/", _TIMEOUT, json=body)
            except requests.RequestException as error:
                raise PartnerUnreachable(f"POST /authenticate/: {named(error)}") from error
            status, body = response.status_code, as_json(_text(response))
            token = body.get("access_token") if isinstance(body, dict) else None
            if status // 100 == _SUCCESS and isinstance(token, str) and token.strip():
                lifetime = body.get("expires_in")
                if not isinstance(lifetime, int | float) or lifetime <= 0:
                    lifetime = _UNSTATED_LIFETIME
                return token.strip(), float(min(_LONGEST_LIFETIME, lifetime))
            if status not in _REFUSED:
                moved = status // 100 == _REDIRECTION or status == HTTPStatus.NOT_FOUND
                check = f"; check the URL {self._url}" if moved else ""
                raise PartnerUnreachable(
                    f"POST /authenticate/: HTTP {status} without a token{check}"
                )
        raise CredentialsRefused(f"Clazar refused the credentials in the secret: HTTP {status}")


def speaks_of_each(text: str) -> bool:
    """Return True if an answer lists results, so that some records may have been taken."""
    body = as_json(text)
    return isinstance(body, dict) and bool(body.get("results"))


def _text(response: requests.Response) -> str:
    """JSON is UTF-8, whatever a header says or does not say."""
    return response.content.decode("utf-8-sig", errors="replace")
