"""Clazar's metering API: what its answers and listings say, in the words of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from functions.adapters.clazar_http import NeverSent, NoAnswer, Response, as_json
from functions.domain import answers
from functions.domain.answers import Answer, Outcome, Reply
from functions.domain.listing_pages import PAGE_SIZE, Asked, turn
from functions.domain.month import Month
from functions.domain.submission import Request
from functions.errors import ContractUnserved, PartnerUnreachable

_KEPT_RESPONSE, _SHOWN = 8_000, 200
_OK = 200
_REFUSED = (401, 403)
_NOT_OFFERED = (404, 405, 501)
_NO_SUCH_PAGE = (404, 416)
_BEHIND_THE_LAST_PAGE = (400, *_NO_SUCH_PAGE, 422)
_TIMED_OUT, _CONFLICT, _TOO_MANY, _SERVER_ERROR = 408, 409, 429, 500
# A page with its token and one repetition after a 401 fits in this.
_SECONDS_FOR_A_PAGE = 50.0


class ListingUnavailable(Exception):
    """The receiver does not offer to be asked what it holds."""


class Http(Protocol):
    """What is needed of a session. CredentialsRefused, PartnerUnreachable: nothing has left."""

    def post(self, body: bytes) -> Response:
        """Send usage records."""

    def get(self, query: Mapping[str, str]) -> Response:
        """Ask for one page of the records."""


class Clazar:
    """One account."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def submit(self, request: Request) -> Reply:
        """Send one request, whose records are all of one contract.

        Raises CredentialsRefused or PartnerUnreachable only if the records have not left.
        """

        def reply(outcome: Outcome, answer: Answer, status: int | None, text: str) -> Reply:
            return Reply(outcome, {item["dimension"]: answer for item in records}, status, text)

        records = request.records
        try:
            status, said = self._http.post(request.body.encode())
        except NeverSent as error:
            return reply("unreachable", answers.NOT_TAKEN, None, str(error))
        except NoAnswer as error:
            return reply("unknown", answers.UNKNOWN, None, str(error))
        text = said[:_KEPT_RESPONSE]
        if whole := _of_the_whole(status, text):
            return reply(*whole, status, text)
        read = answers.read_answers(records, as_json(said) or said, status)
        return Reply("answered", read, status, text)

    def read_listing(
        self, asked: Asked, contract: str, month: Month, seconds_left: Callable[[], float]
    ) -> Asked:
        """Read what Clazar lists for a contract's month, as far as the time allows.

        Raises ListingUnavailable if there is no listing, PartnerUnreachable if there is no answer
        now, ContractUnserved if the answer to this contract's request is of no use.
        """
        while asked.queries and seconds_left() >= _SECONDS_FOR_A_PAGE:
            try:
                status, said = self._http.get(asked.queries[0])
            except (NeverSent, NoAnswer) as error:
                raise PartnerUnreachable(f"GET /metering/: {error}") from error
            if asked.answered and status in _BEHIND_THE_LAST_PAGE:
                # After a full page a bad request need not be the end.
                is_end = status in _NO_SUCH_PAGE or asked.rows < PAGE_SIZE
                page = {} if is_end else {"next": f"HTTP {status}"}
                asked = turn(asked, page, contract, month)
                continue
            if status in _NOT_OFFERED:
                raise ListingUnavailable(f"GET /metering/: HTTP {status}")
            if status in (_TOO_MANY, _TIMED_OUT):
                raise PartnerUnreachable(f"GET /metering/: HTTP {status}")
            body = as_json(said)
            rows = body.get("results") if isinstance(body, dict) else None
            if status != _OK or not isinstance(rows, list):
                what = "" if status != _OK else " without a listing"
                raise ContractUnserved(f"GET /metering/: HTTP {status}{what}: {said[:_SHOWN]}")
            asked = turn(asked, body, contract, month)
        return asked


def _of_the_whole(status: int, text: str) -> tuple[Outcome, Answer] | None:
    """Return what a status alone says of all records of a request; None if the body says it."""
    if status == _TOO_MANY:
        return "busy", answers.NOT_TAKEN
    if status in _REFUSED:
        return "unserved", answers.NOT_TAKEN
    if status >= _SERVER_ERROR or status == _TIMED_OUT:
        return "unknown", answers.UNKNOWN
    if status == _CONFLICT:
        return "answered", Answer(kind="present", code=f"HTTP_{status}", message=text[:500])
    return None
