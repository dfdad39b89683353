"""Clazar's metering API: HTTP translated into answers.

No retries and no waiting: that is the state machine's job, where it can be seen.

`POST /authenticate/`, `POST /metering/`, `GET /metering/` (developers.clazar.io).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import requests

from functions.adapters.http_errors import named, never_connected
from functions.domain import answers
from functions.domain.answers import Answer, Stored
from functions.errors import CredentialsRefused, PartnerBusy, PartnerUnreachable

# Connect and read. Together they stay well inside the function's timeout, so that a request that
# has left is over before Step Functions tries again.
_TIMEOUT = (5.0, 20.0)
_PAGE_SIZE = 100
_MOST_PAGES = 200
_KEPT_RESPONSE = 8_000
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
_NOT_OFFERED = (404, 405, 501)
_TIMED_OUT, _CONFLICT, _TOO_MANY, _SERVER_ERROR = 408, 409, 429, 500
_EARLY = 60.0
_UNSTATED_LIFETIME = 300.0


class Credentials(msgspec.Struct, frozen=True):
    """What the secret holds."""

    client_id: str
    client_secret: str


Outcome = Literal["answered", "busy", "unreachable", "unknown"]


class Reply(NamedTuple):
    """What came of one POST: an answer per dimension, and the evidence for the ledger."""

    outcome: Outcome
    answers: dict[str, Answer]
    status: int | None
    response: str


class ListingUnavailable(Exception):
    """The receiver does not offer to be asked what it holds."""


class Clazar:
    """One account. Keeps its token between calls and renews it when it is refused."""

    def __init__(self, url: str, credentials: Callable[[bool], Credentials]) -> None:
        self._url, self._credentials = url.rstrip("/"), credentials
        self._token, self._expires = "", 0.0

    def submit(self, body: bytes) -> Reply:
        """Send one request body (`{"request": [record, …]}`) of one contract.

        Raises CredentialsRefused or PartnerUnreachable only if the records have not left.
        """
        records = json.loads(body)["request"]
        headers = {"accept": "application/json", "content-type": "application/json"}
        try:
            response = self._call("POST", data=body, headers=headers)
        except requests.RequestException as error:
            if never_connected(error):
                return _reply("unreachable", records, answers.NOT_TAKEN, None, named(error))
            return _reply("unknown", records, answers.UNKNOWN, None, str(error))
        status, said = response.status_code, self._without_token(_text(response))
        text = said[:_KEPT_RESPONSE]
        if status == _TOO_MANY:
            return _reply("busy", records, answers.NOT_TAKEN, status, text)
        if status >= _SERVER_ERROR or status == _TIMED_OUT:
            return _reply("unknown", records, answers.UNKNOWN, status, text)
        if status == _CONFLICT:
            present = Answer(kind="present", code=f"HTTP_{status}", message=text[:500])
            return _reply("answered", records, present, status, text)
        body_of_answer = _json(said)
        read = answers.read_results(records, body_of_answer)
        if status >= 300:  # noqa: PLR2004
            read = answers.read_refusal(records, status, body_of_answer or said)
        return Reply("answered", read, status, text)

    def _without_token(self, text: str) -> str:
        """What an answer says is kept and shown; a proxy may repeat what it was sent."""
        return text.replace(self._token, "(token)") if self._token else text

    def stored(self, contract: str, start: datetime) -> dict[str, tuple[Stored, ...]]:
        """Return what Clazar lists for a contract's window, by dimension.

        Raises ListingUnavailable if there is no listing, PartnerUnreachable if there is no answer
        now, PartnerBusy if the answer is of no use.
        """
        rows: dict[str, Any] = {}
        for page in range(1, _MOST_PAGES + 1):
            found = {self._identity(row): row for row in self._page(contract, page)}
            if found.keys() <= rows.keys():  # the end, or a server that ignores `page`
                return answers.read_stored(list(rows.values()), contract=contract, start=start)
            rows |= found
        raise PartnerBusy(f"GET /metering/ has no end after {_MOST_PAGES} pages")

    @staticmethod
    def _identity(row: object) -> str:
        named = row.get("id") if isinstance(row, dict) else None
        return str(named or json.dumps(row, sort_keys=True))

    def _page(self, contract: str, page: int) -> list[Any]:
        query = {"contract_id": contract, "page": str(page), "page_size": str(_PAGE_SIZE)}
        try:
            response = self._call("GET", params=query, headers={"accept": "application/json"})
        except requests.RequestException as error:
            raise PartnerUnreachable(f"GET /metering/: {named(error)}") from error
        status = response.status_code
        unwell = status >= _SERVER_ERROR and status not in _NOT_OFFERED
        if unwell or status in (_TOO_MANY, _TIMED_OUT):
            raise PartnerUnreachable(f"GET /metering/: HTTP {status}")
        if response.status_code == _NOT_FOUND and page > 1:
            return []
        if response.status_code in _NOT_OFFERED:
            raise ListingUnavailable(f"GET /metering/: HTTP {response.status_code}")
        body = _json(_text(response))
        rows = body.get("results") if isinstance(body, dict) else None
        if response.status_code != _OK or not isinstance(rows, list):
            raise PartnerBusy(f"GET /metering/: HTTP {response.status_code} without a listing")
        return rows

    def _call(self, method: str, headers: dict[str, str], **request: Any) -> requests.Response:
        """Send with a token; if it is refused nothing was taken, so once more with a new one."""
        for fresh in (False, True):
            authorization = {"authorization": f"Bearer {self._authorize(fresh=fresh)}"}
            # A connection of its own: one kept alive while Lambda slept would make every first
            # request an unknown outcome.
            response = requests.request(
                method,
                f"{self._url}/metering/",
                headers=headers | authorization,
                timeout=_TIMEOUT,
                allow_redirects=False,
                **request,
            )
            if response.status_code != _UNAUTHORIZED:
                break
        if response.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            raise CredentialsRefused(f"Clazar refused a new token: HTTP {response.status_code}")
        return response

    def _authorize(self, *, fresh: bool) -> str:
        if fresh or time.monotonic() >= self._expires:
            self._token, seconds = self._new_token()
            self._expires = time.monotonic() + max(seconds - _EARLY, seconds / 2)
        return self._token

    def _new_token(self) -> tuple[str, float]:
        for again in (False, True):
            credentials = self._credentials(again)
            try:
                response = requests.post(
                    f"{self._url}/authenticate/",
                    json=msgspec.to_builtins(credentials),
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise PartnerUnreachable(f"POST /authenticate/: {named(error)}") from error
            status, body = response.status_code, _json(_text(response))
            if (
                status == _OK
                and isinstance(body, dict)
                and isinstance(body.get("access_token"), str)
            ):
                lifetime = body.get("expires_in")
                if not isinstance(lifetime, int | float) or lifetime <= 0:
                    lifetime = _UNSTATED_LIFETIME
                return body["access_token"], float(lifetime)
            if status in (_TOO_MANY, _TIMED_OUT) or status >= _SERVER_ERROR or status == _OK:
                raise PartnerUnreachable(f"POST /authenticate/: HTTP {status} without a token")
        raise CredentialsRefused(f"Clazar refused the credentials in the secret: HTTP {status}")


def _reply(
    outcome: Outcome,
    records: Sequence[dict[str, str]],
    answer: Answer,
    status: int | None,
    text: str,
) -> Reply:
    return Reply(outcome, {record["dimension"]: answer for record in records}, status, text)


def _text(response: requests.Response) -> str:
    """JSON is UTF-8, whatever a header says or does not say."""
    return response.content.decode("utf-8-sig", errors="replace")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
