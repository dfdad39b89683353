"""The Clazar adapter over real HTTP: what counts as sent, not sent, and not known."""

import socketserver
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.receivers import ListingUnavailable
from functions.domain.ledger import submission
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.listing_pages import ask
from functions.domain.month import Month
from functions.errors import ContractUnserved, CredentialsRefused, PartnerUnreachable
from infra.local.partners.clazar.server import ClazarServer
from infra.local.partners.http import LoopbackHttp, Reply, Request
from tests import builders
from tests.builders import AUGUST_2, JULY

BEGUN = AUGUST_2.isoformat()


class Secret:
    """A secret that can be rotated; remembers whether a fresh one was asked for."""

    def __init__(self) -> None:
        self.current = Credentials("local-client", "local-secret")
        self.cached: Credentials | None = None

    def __call__(self, fresh: bool) -> Credentials:  # noqa: FBT001
        if fresh or self.cached is None:
            self.cached = self.current
        return self.cached


@pytest.fixture
def server() -> Iterator[ClazarServer]:
    with ClazarServer() as server:
        yield server


@pytest.fixture
def secret() -> Secret:
    return Secret()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.adapters.clazar.http._TIMEOUT", (5.0, 0.5))


@pytest.fixture
def clazar(server: ClazarServer, secret: Secret) -> Clazar:
    return Clazar(Session(server.url, secret))


def an_entry(contract: str = "c-1", month: Month = JULY) -> Entry:
    return builders.an_entry(month=str(month), contract_id=contract, cloud="aws")


def a_request(*dimensions: str, contract: str = "c-1", quantity: str = "5") -> submission.Request:
    lines = [Line(dimension=name, quantity=quantity) for name in dimensions or ("cpu",)]
    return submission.request(an_entry(contract), lines)


def kinds(clazar: Clazar, *dimensions: str) -> dict[str, str]:
    reply = clazar.submit(a_request(*dimensions))
    return {name: answer.kind for name, answer in reply.answers.items()}


def listed(clazar: Clazar, contract: str = "c-1") -> Listing:
    """Return a whole listing; there is time enough."""
    asked = ask(contract, BEGUN)
    found = clazar.read_listing(asked, contract, JULY, lambda: 90.0)
    assert not found.queries
    return found.listing


def test_accepted_records_come_back_with_their_ids(server: ClazarServer, clazar: Clazar) -> None:
    reply = clazar.submit(a_request("cpu", "mem"))
    assert reply.outcome == "answered"
    assert {answer.kind for answer in reply.answers.values()} == {"accepted"}
    ids = {record["id"] for record in server.accepted}
    assert {answer.record_id for answer in reply.answers.values()} == ids


def test_one_token_serves_many_requests_and_once_expired_is_renewed_and_the_request_repeated(
    server: ClazarServer, clazar: Clazar
) -> None:
    for name in ("cpu", "disk"):
        clazar.submit(a_request(name))
    assert server.authentications == 1
    server.expire_tokens()
    assert kinds(clazar, "mem") == {"mem": "accepted"}
    assert server.authentications == 2


def test_a_rotated_secret_is_read_again(server: ClazarServer, secret: Secret) -> None:
    clazar = Clazar(Session(server.url, secret))
    secret.cached = Credentials("local-client", "old")
    assert kinds(clazar) == {"cpu": "accepted"}


def test_refused_credentials_are_nobodys_refused_usage(
    server: ClazarServer, secret: Secret
) -> None:
    secret.current = Credentials("local-client", "wrong")
    reply = Clazar(Session(server.url, secret)).submit(a_request())
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unauthorized", "not_taken")
    assert not server.posts


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("action", ["busy", "unavailable", "drop", "slow:20"])
def test_without_a_token_nothing_has_left(
    server: ClazarServer, clazar: Clazar, action: str
) -> None:
    server.authentication_script(action)
    reply = clazar.submit(a_request())
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unreachable", "not_taken")
    assert "POST /authenticate/" in reply.response
    assert not server.posts


class Answering(LoopbackHttp):
    """Answers every call under /metering/ with the same status and body; counts the calls."""

    def __init__(self, status: int, body: object = None, *, token: Reply | None = None) -> None:
        super().__init__()
        self.reply, self.asked = Reply(status, body), 0
        self.token = token or Reply(200, {"access_token": "t"})
        self.queries: list[dict[str, str]] = []
        self.caching = ""

    def answer(self, request: Request) -> Reply:
        if request.path == "/authenticate/":
            return self.token
        self.asked += 1
        self.queries.append(dict(request.query))
        self.caching = request.headers.get("cache-control", "")
        return self.page(dict(request.query)) if request.method == "GET" else self.reply

    def page(self, _query: dict[str, str]) -> Reply:
        return self.reply


@pytest.mark.parametrize(
    ("statuses", "outcome", "kind", "calls"),
    [
        ([401], "unserved", "not_taken", 2),  # once more with a new token
        ([403], "unserved", "not_taken", 1),
        ([429], "busy", "not_taken", 1),
        ([302, 308, 408, 500, 502, 504], "unknown", "unknown", 1),
        ([409], "answered", "present", 1),
        ([400, 404, 422], "answered", "refused", 1),
        ([200, 201], "answered", "unknown", 1),
    ],
)
def test_each_status_of_a_submission_means_one_thing(
    statuses: list[int], outcome: str, kind: str, calls: int, secret: Secret
) -> None:
    for status in statuses:
        with Answering(status, {"message": "what it says"}) as server:
            reply = Clazar(Session(server.url, secret)).submit(a_request("cpu", "mem"))
        assert (reply.outcome, reply.status) == (outcome, status)
        assert "what it says" in reply.response
        found = {name: answer.kind for name, answer in reply.answers.items()}
        assert found == {"cpu": kind, "mem": kind}
        assert server.asked == calls


def test_a_page_of_a_gateway_that_knows_no_such_path_refuses_no_contract(secret: Secret) -> None:
    with Answering(404, b"<html>nginx</html>") as server:
        reply = Clazar(Session(server.url, secret)).submit(a_request("cpu"))
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unreachable", "not_taken")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, CredentialsRefused) for status in (400, 401, 403, 422)),
        *((status, PartnerUnreachable) for status in (200, 302, 404, 405, 408, 429, 500)),
    ],
)
def test_without_a_token_no_contract_is_asked_about_or_sent(
    status: int, error: type[Exception], secret: Secret
) -> None:
    with Answering(200, {"results": []}, token=Reply(status, {"message": "no"})) as server:
        clazar = Clazar(Session(server.url, secret))
        reply = clazar.submit(a_request())
        assert (reply.answers["cpu"].kind, reply.status) == ("not_taken", None)
        assert f"HTTP {status}" in reply.response
        with pytest.raises(error, match=f"HTTP {status}"):
            listed(clazar)
    assert server.asked == 0


@pytest.mark.parametrize(("status", "times"), [(308, 1), (404, 1), (429, 0), (500, 0)])
def test_an_address_at_which_nobody_gives_tokens_is_to_be_checked(
    status: int, times: int, secret: Secret
) -> None:
    with Answering(200, token=Reply(status, {"detail": "Not found."})) as server:
        reply = Clazar(Session(server.url, secret)).submit(a_request())
        assert reply.response.count(f"; check the URL {server.url}") == times


@pytest.mark.parametrize(
    ("status", "lifetime"), [(201, "60"), (200, "1e999"), (200, f"1{'0' * 400}"), (202, "NaN")]
)
def test_a_token_is_taken_with_any_success_and_whatever_its_lifetime(
    status: int, lifetime: str, secret: Secret
) -> None:
    token = Reply(status, b'{"access_token": "t", "expires_in": %s}' % lifetime.encode())
    with Answering(200, {"results": []}, token=token) as server:
        clazar = Clazar(Session(server.url, secret))
        assert [clazar.submit(a_request()).outcome for _ in range(2)] == ["answered"] * 2
        assert len(server.exchanges) == 3, "one token for both"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "action",
    [
        *("unavailable", "gateway-timeout", "drop", "lost", "garbage", "unavailable:accepted"),
        "slow-answer:20",
    ],
)
def test_an_answer_that_did_not_arrive_is_unknown(
    server: ClazarServer, clazar: Clazar, action: str
) -> None:
    server.script("c-1", action)
    reply = clazar.submit(a_request())
    assert reply.outcome == ("answered" if action == "garbage" else "unknown")
    assert reply.answers["cpu"].kind == "unknown"
    assert len(server.posts) == 1, "it is not sent again by the adapter"


def test_without_a_connection_nothing_has_left_and_nothing_is_known(secret: Secret) -> None:
    with ClazarServer() as server:
        clazar = Clazar(Session(server.url, secret))
        assert listed(clazar) == Listing()
    reply = clazar.submit(a_request("mem"))
    assert (reply.outcome, reply.answers["mem"].kind) == ("unreachable", "not_taken")
    with pytest.raises(PartnerUnreachable, match="GET /metering/"):
        listed(clazar)


def test_a_duplicate_has_to_be_looked_up(clazar: Clazar) -> None:
    clazar.submit(a_request("cpu"))
    assert kinds(clazar, "cpu", "mem") == {"cpu": "present", "mem": "accepted"}


def a_stored_record(number: int, **fields: Any) -> dict[str, Any]:
    month = Month(2000, 1).plus(number)
    line = Line(dimension="cpu", quantity=str(number + 1))
    return {**submission.records(an_entry(month=month), [line])[0], **fields}


def records(names: str) -> list[dict[str, Any]]:
    """Return billed records of July whose ids are letters."""
    return [a_stored_record(306, id=name, status="success") for name in names]


def test_the_listing_is_read_to_its_last_page(secret: Secret) -> None:
    with ClazarServer(page_limit=7) as server:
        server.preload(*(a_stored_record(number) for number in range(307)))
        (found,) = listed(Clazar(Session(server.url, secret))).of("cpu")
        assert (found.quantity, found.status) == ("307", "billed")
        gets = [exchange for exchange in server.exchanges if exchange.method == "GET"]
        asked_for = {"contract_id": "c-1", "page": "45", "page_size": "100"}
        assert (len(gets), dict(gets[-1].query)) == (45, asked_for)


def test_a_listing_that_is_cut_short_by_time_is_continued_where_it_was(secret: Secret) -> None:
    with ClazarServer(page_limit=7) as server:
        server.preload(*(a_stored_record(number) for number in range(307)))
        clazar = Clazar(Session(server.url, secret))
        asked, invocations = ask("c-1", BEGUN), 0
        while asked.queries:
            left = iter([90.0] * 10)
            asked = clazar.read_listing(asked, "c-1", JULY, partial(next, left, 49.9))
            invocations += 1
            assert invocations <= 5, "it advances"
            assert asked.rows == (min(invocations * 70, 307) if asked.queries else 0)
        assert (invocations, asked.begun) == (5, BEGUN)
        assert [record.quantity for record in asked.listing.of("cpu")] == ["307"]
        assert sum(exchange.method == "GET" for exchange in server.exchanges) == 45, "none twice"


def test_without_time_for_a_page_nothing_is_asked(server: ClazarServer, clazar: Clazar) -> None:
    asked = ask("c-1", BEGUN)
    assert clazar.read_listing(asked, "c-1", JULY, lambda: 49.9) == asked
    assert not server.exchanges
    assert not clazar.read_listing(asked, "c-1", JULY, lambda: 50.0).queries


_HEADERS = {"link header": ("Link", '<{}>; rel="next"'), "total header": ("X-Total-Count", "3")}


class Paging(Answering):
    """Three records, one to a page, in a dialect of its own."""

    def __init__(self, by: str) -> None:
        super().__init__(200)
        self.by = by

    def page(self, query: dict[str, str]) -> Reply:
        start = int(query["page"]) - 1 if self.by == "404" else int(query.get("cursor", "0"))
        if start > 2:
            return Reply(404, {"message": "Invalid page."})
        more = str(start + 1) if start < 2 else None
        address = f"http://elsewhere.example/metering/?cursor={more}" if more else None
        said: dict[str, dict[str, Any]] = {
            "404": {"count": 3},
            "cursor": {"next_cursor": more},
            "address": {"links": {"next": address}},
            "hidden": {"paging": {"has_more": True}},
        }
        if self.by in _HEADERS:
            name, value = _HEADERS[self.by]
            headers = ((name, value.format(address)),) if more else ()
            return Reply(200, {"results": [records("abc")[start]]}, headers)
        return Reply(200, {"results": [records("abc")[start]], **said[self.by]})


@pytest.mark.parametrize("by", ["404", "cursor", "address", "link header"])
def test_every_way_of_paging_is_followed_on_the_same_host(by: str, secret: Secret) -> None:
    with Paging(by) as server:
        found = listed(Clazar(Session(server.url, secret)))
    assert [record.record_id for record in found.of("cpu")] == ["a", "b", "c"]
    assert found.doubt("cpu") == ""
    assert 3 <= server.asked <= 4


@pytest.mark.parametrize(
    ("by", "said"), [("hidden", "has_more is True"), ("total header", "total-count is 3")]
)
def test_pages_that_cannot_be_reached_are_a_doubt(by: str, said: str, secret: Secret) -> None:
    with Paging(by) as server:
        found = listed(Clazar(Session(server.url, secret)))
    assert [record.record_id for record in found.of("cpu")] == ["a"]
    assert found.doubt("cpu") == f"the listing ends after 1 records although {said}"


class OnePage(Answering):
    """A listing whose first page is followed by something else."""

    def page(self, query: dict[str, str]) -> Reply:
        return Reply(200, {"results": records("a")}) if query["page"] == "1" else self.reply


def an_error(text: str) -> dict[str, Any]:
    """Return a page that says so although its status is 200."""
    return {"results": [], "error": text}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((status, {"message": "Invalid page."}) for status in (400, 404, 416, 422)),
        *((200, an_error(text)) for text in ("page 2 is out of range", "Invalid page.")),
        (200, an_error("no such page")),
    ],
)
def test_an_error_behind_the_last_page_is_its_end_and_on_the_first_it_is_none(
    status: int, said: object, secret: Secret
) -> None:
    with OnePage(status, said) as server:
        found = listed(Clazar(Session(server.url, secret)))
        assert [record.record_id for record in found.of("cpu")] == ["a"]
        assert found.doubt("cpu") == ""
    with (
        Answering(status, {"detail": "no"}) as first,
        pytest.raises((ContractUnserved, ListingUnavailable)),
    ):
        listed(Clazar(Session(first.url, secret)))


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        *(((status,), ContractUnserved, f"HTTP {status}") for status in (403, 500)),
        ((429,), PartnerUnreachable, "HTTP 429"),
        *(
            ((200, an_error(text)), ContractUnserved, f"HTTP 200, but error is {text}")
            for text in ("backend timeout", "could not load page 2", "failed to fetch page: no")
        ),
    ],
)
def test_a_page_that_fails_later_is_not_taken_for_the_end(
    reply: tuple[Any, ...], error: type[Exception], said: str, secret: Secret
) -> None:
    with OnePage(*reply) as server, pytest.raises(error, match=said):
        listed(Clazar(Session(server.url, secret)))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ContractUnserved) for status in (206, 302, 400, 401, 403, 500, 503)),
        *((status, ListingUnavailable) for status in (404, 405, 501)),
        *((status, PartnerUnreachable) for status in (408, 429)),
    ],
)
def test_each_status_of_a_listing_means_one_thing(
    status: int, error: type[Exception], secret: Secret
) -> None:
    """An error about one contract is that contract's; the run decides it if others get through."""
    with Answering(status, {"message": "what it says"}) as server:
        with pytest.raises(error, match=f"^GET /metering/: HTTP {status}"):
            listed(Clazar(Session(server.url, secret)))
        assert server.asked == 1 + (status == 401)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (204, None),
        (200, {"results": None, "count": 0}),
        (200, {"total": 0}),
        (200, {"results": [], "headers": None}),
    ],
)
def test_a_listing_without_records_is_empty_in_every_form(
    status: int, body: object, secret: Secret
) -> None:
    with Answering(status, body) as server:
        assert listed(Clazar(Session(server.url, secret))) == Listing()
    assert server.caching == "no-cache", "what a cache has kept may be old"


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_request_that_was_not_taken_as_a_whole_may_have_been_in_part(
    status: int, secret: Secret
) -> None:
    said = {"results": [{"dimension": "cpu", "status": "success", "id": "r-1"}]}
    with Answering(status, said) as server:
        reply = Clazar(Session(server.url, secret)).submit(a_request("cpu", "mem"))
    assert (reply.outcome, server.asked) == ("unknown", 1)
    assert {answer.kind for answer in reply.answers.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("twice", "kind"),
    [('"id": "1", "id": "1"', "accepted"), ('"status": "fail", "status": "success"', "unknown")],
)
def test_an_answer_to_a_post_that_says_two_things_of_a_record_says_nothing(
    twice: str, kind: str, secret: Secret
) -> None:
    said = f'{{"results": [{{"dimension": "cpu", "status": "success", {twice}}}]}}'.encode()
    with Answering(200, said) as server:
        reply = Clazar(Session(server.url, secret)).submit(a_request())
    assert reply.answers["cpu"].kind == kind


_TWICE = b'{"results": [{"id": "r-1"}], "results": []}'


_NO_LISTING: tuple[object, ...] = (
    b"<html>",
    [],
    {},
    {"results": None},
    {"results": {"a": 1}},
    "x",
    _TWICE,
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        *((body, "no listing: ") for body in _NO_LISTING),
        ({"results": [], "errors": ["backend timeout"]}, r"errors is \['backend timeout'\]: "),
    ],
)
def test_an_answer_that_is_no_listing_or_failed_is_of_no_use_and_not_an_empty_one(
    body: object, said: str, secret: Secret
) -> None:
    with (
        Answering(200, body) as server,
        pytest.raises(ContractUnserved, match=f"HTTP 200, but {said}"),
    ):
        listed(Clazar(Session(server.url, secret)))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("action", "error"),
    [
        *((action, PartnerUnreachable) for action in ("busy", "drop", "slow:20")),
        *((action, ContractUnserved) for action in ("unavailable", "garbage")),
    ],
)
def test_a_listing_that_does_not_answer_is_asked_again_later(
    server: ClazarServer, clazar: Clazar, action: str, error: type[Exception]
) -> None:
    server.listing_script(action)
    with pytest.raises(error, match="GET /metering/"):
        listed(clazar)


class CutOff(socketserver.StreamRequestHandler):
    """Answers each request with a status, and cuts its body."""

    status = 200

    def handle(self) -> None:
        head = list(iter(self.rfile.readline, b"\r\n"))
        lengths = [line.split(b":")[1] for line in head if line.lower().startswith(b"content-len")]
        self.rfile.read(int(lengths[0]) if lengths else 0)
        body = b'{"access_token": "t", "expires_in": 3600}'
        whole = head[0].startswith(b"POST /authenticate/")
        length, status = (len(body), 200) if whole else (4_000, self.status)
        answer = f"HTTP/1.1 {status} S\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        self.wfile.write(answer.encode() + body)


@pytest.mark.parametrize(
    ("status", "outcome", "kind"), [(200, "answered", "unknown"), (503, "unknown", "unknown")]
)
def test_an_answer_that_is_cut_after_its_status_is_an_answer(
    status: int, outcome: str, kind: str, secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered with a 2xx has been received: it gets the time to be listed."""
    monkeypatch.setattr(CutOff, "status", status)
    with socketserver.TCPServer(("127.0.0.1", 0), CutOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clazar = Clazar(Session(f"http://127.0.0.1:{server.server_address[1]}", secret))
        reply = clazar.submit(a_request())
        assert (reply.outcome, reply.status, reply.answers["cpu"].kind) == (outcome, status, kind)
        assert f"HTTP {status}, then " in reply.response
        with pytest.raises(PartnerUnreachable, match="GET /metering/: HTTP"):
            listed(clazar)
        server.shutdown()


def test_a_listing_that_ignores_its_parameters_counts_each_record_once(secret: Secret) -> None:
    foreign = {**records("c")[0], "contract_id": "c-2"}
    with Answering(200, {"results": [*records("ab"), foreign]}) as server:
        found = listed(Clazar(Session(server.url, secret)))
    assert [stored.record_id for stored in found.of("cpu")] == ["a", "b"]
    assert server.asked == 2


@pytest.mark.parametrize("token", ["t0k\nen", "t0k\u2026en", "t0k\u00e9en"])
def test_a_token_that_no_header_can_hold_is_not_sent_or_repeated_and_the_next_one_counts(
    token: str, secret: Secret
) -> None:
    with Answering(200, {"results": []}, token=Reply(200, {"access_token": token})) as server:
        clazar = Clazar(Session(server.url, secret))
        reply = clazar.submit(a_request())
        assert (reply.outcome, reply.answers["cpu"].kind) == ("unauthorized", "not_taken")
        assert "a character that no header can hold" in reply.response
        assert "t0k" not in reply.response
        assert server.asked == 0
        server.token = Reply(200, {"access_token": "a-token"})
        assert clazar.submit(a_request()).outcome == "answered"


class Echo(ClazarServer):
    """A proxy that answers a submission with the request's own headers."""

    status = 200
    token = ""

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if (request.method, request.path) != ("POST", "/metering/"):
            return reply
        self.token = request.headers["authorization"].removeprefix("Bearer ")
        return Reply(self.status, {"message": f"you sent: {dict(request.headers)}"})


@pytest.mark.parametrize("status", [200, 400, 409, 429, 502])
def test_an_answer_that_repeats_the_token_is_kept_without_it(status: int, secret: Secret) -> None:
    with Echo() as server:
        server.status = status
        reply = Clazar(Session(server.url, secret)).submit(a_request("cpu"))
        assert "you sent: " in reply.response
        assert "Bearer (token)" in f"{reply.response} {reply.answers}"
        assert server.token
        assert server.token not in f"{reply.response} {reply.answers}"


@pytest.mark.parametrize("token", ["a-token\n", " a-token\r\n", "t", "1", "c-1", "p"])
def test_a_token_is_sent_without_its_line_end_and_changes_no_answer_that_has_it_in_other_words(
    token: str, secret: Secret
) -> None:
    signed = Reply(200, {"access_token": token})
    with Answering(200, {"results": records("p")}, token=signed) as server:
        (record,) = listed(Clazar(Session(server.url, secret))).of("cpu")
        assert (record.record_id, record.quantity) == ("p", "307")
