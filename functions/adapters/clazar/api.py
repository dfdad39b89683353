"""Clazar's metering API: what its answers and listings say, in the words of the ledger."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from functions.adapters.clazar.answers import read_answers
from functions.adapters.clazar.http import TAKES_NONE, NoAnswer, Response, speaks_of_each
from functions.adapters.http_calls import as_json
from functions.adapters.receivers import ListingUnavailable, UsageReceiver
from functions.domain.conversion import unique
from functions.domain.envelope import says_not_all, totals
from functions.domain.ledger.listing_pages import PAGE_SIZE, Asked, turn
from functions.domain.ledger.submission import NOT_TAKEN, UNKNOWN, Answer, Outcome, Reply, Request
from functions.domain.month import Month
from functions.errors import ContractUnserved, CredentialsRefused, PartnerUnreachable, StorageBusy

_KEPT_RESPONSE, _SHOWN = 8_000, 200
_NOT_OFFERED = (404, 405, 501)  # if Clazar itself says so: a gateway's page is no JSON
_NO_SUCH_PAGE = (404, 416)
_LISTED = (HTTPStatus.OK, HTTPStatus.NO_CONTENT)
_UNSAID = (408, *range(300, 400))  # a redirection may come after the request was taken
# An error that says that there is no such page, and not that it could not be read.
_NO_PAGE = re.compile(
    r"(?i)(invalid|no such|empty|last) page|page .{0,20}(out of range|not found|does not exist)"
)
_BEHIND_THE_LAST_PAGE = (400, *_NO_SUCH_PAGE, 422)
# A page with its token and one repetition after a 401 fits in this.
_SECONDS_FOR_A_PAGE = 50.0


class Http(Protocol):
    """What is needed of a session.

    CredentialsRefused, PartnerUnreachable, StorageBusy (the secret): nothing has left.
    """

    def post(self, body: bytes) -> Response:
        """Send usage records."""

    def get(self, query: Mapping[str, str]) -> Response:
        """Ask for one page of the records."""


class Clazar(UsageReceiver):
    """One account."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def submit(self, request: Request) -> Reply:
        """Send one request, whose records are all of one contract."""
        names = [record["dimension"] for record in request.records]
        try:
            status, said, _ = self._http.post(request.body.encode())
        except (PartnerUnreachable, StorageBusy) as error:
            return Reply("unreachable", dict.fromkeys(names, NOT_TAKEN), response=str(error))
        except CredentialsRefused as error:
            return Reply("unauthorized", dict.fromkeys(names, NOT_TAKEN), response=str(error))
        except NoAnswer as error:
            return Reply("unknown", dict.fromkeys(names, UNKNOWN), response=str(error))
        if as_json(said) != as_json(said, object_pairs_hook=unique):  # two things of one record
            return Reply("unknown", dict.fromkeys(names, UNKNOWN), status, said[:_KEPT_RESPONSE])
        outcome, answer = _of_the_whole(status, said)
        read = read_answers(request.records, as_json(said) or said, status)
        of_all = dict.fromkeys(names, answer) if answer else read
        return Reply(outcome, of_all, status, said[:_KEPT_RESPONSE])

    def read_listing(
        self, asked: Asked, contract: str, month: Month, seconds_left: Callable[[], float]
    ) -> Asked:
        """Read what Clazar lists for a contract's month, as far as the time allows."""
        while asked.queries and seconds_left() >= _SECONDS_FOR_A_PAGE:
            try:
                response = self._http.get(asked.queries[0])
            except NoAnswer as error:
                raise PartnerUnreachable(f"GET /metering/: {error}") from error
            asked = turn(asked, _page(asked, response), contract, month)
        return asked


def _page(asked: Asked, response: Response) -> Mapping[str, Any]:
    """Return a page of the listing, {} behind the last one; raise if the answer is none."""
    status, said, paging = response
    body = as_json(said, object_pairs_hook=unique)
    if status in _NOT_OFFERED and not isinstance(body, dict):
        raise PartnerUnreachable(f"GET /metering/: HTTP {status}: {said[:_SHOWN]}")
    if asked.answered and status in _BEHIND_THE_LAST_PAGE:
        # After a full page a bad request need not be the end.
        is_end = status in _NO_SUCH_PAGE or asked.rows < PAGE_SIZE
        return {} if is_end else {"next": f"HTTP {status}"}
    if status in _NOT_OFFERED:
        raise ListingUnavailable(f"GET /metering/: HTTP {status}")
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        raise PartnerUnreachable(f"GET /metering/: HTTP {status}")
    if status == HTTPStatus.NO_CONTENT and not said:
        body = {"results": []}
    rows = body.get("results") if isinstance(body, dict) else None
    if rows is None and isinstance(body, dict) and asked.rows in totals(body, "results"):
        rows = []  # none are left, as its count says
    failed = says_not_all(body, "results") if isinstance(rows, list) else "no listing"
    if status == HTTPStatus.OK and rows == [] and asked.answered and _NO_PAGE.search(failed):
        return {} if asked.rows < PAGE_SIZE else {"next": failed}
    if status not in _LISTED or failed:
        what = f", but {failed}" if status in _LISTED else ""
        raise ContractUnserved(f"GET /metering/: HTTP {status}{what}: {said[:_SHOWN]}")
    return {**body, "headers": paging, "results": rows}


def _of_the_whole(status: int, text: str) -> tuple[Outcome, Answer | None]:
    """Return what a status alone says of all records of a request; no answer if the body does."""
    said = as_json(text)
    in_part = status in TAKES_NONE and speaks_of_each(text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _UNSAID or in_part:
        return "unknown", UNKNOWN
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "busy", NOT_TAKEN
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "unserved", NOT_TAKEN
    if status in _NOT_OFFERED and not isinstance(said, dict):
        return "unreachable", NOT_TAKEN
    if status == HTTPStatus.CONFLICT:
        return "answered", Answer(kind="present", code=f"HTTP_{status}", message=text[:500])
    return "answered", None
