"""The Clazar adapter over real HTTP: what counts as sent, not sent, and not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.adapters.clazar import Clazar, Credentials, ListingUnavailable
from functions.domain import submission
from functions.domain.ledger_entry import Line
from functions.domain.month import Month
from functions.errors import CredentialsRefused, PartnerBusy, PartnerUnreachable
from infra.local.clazar import ClazarServer
from infra.local.loopback_http import LoopbackHttp, Reply, Request

JULY = Month(2025, 7)
START = datetime(2025, 7, 1, tzinfo=UTC)


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
def clazar(server: ClazarServer, secret: Secret) -> Clazar:
    return Clazar(server.url, secret)


def body(*dimensions: str, contract: str = "c-1", quantity: str = "5") -> bytes:
    lines = [Line(dimension=name, quantity=quantity) for name in dimensions or ("cpu",)]
    return submission.request("aws", contract, JULY, lines).body.encode()


def kinds(clazar: Clazar, *dimensions: str) -> dict[str, str]:
    return {name: answer.kind for name, answer in clazar.submit(body(*dimensions)).answers.items()}


def test_a_request_holds_what_clazar_documents_and_nothing_else() -> None:
    assert json.loads(body("cpu")) == {
        "request": [
            {
                "cloud": "aws",
                "contract_id": "c-1",
                "dimension": "cpu",
                "start_time": "2025-07-01T00:00:00Z",
                "end_time": "2025-07-31T23:59:59Z",
                "quantity": "5",
            }
        ]
    }


def test_accepted_records_come_back_with_their_ids(server: ClazarServer, clazar: Clazar) -> None:
    reply = clazar.submit(body("cpu", "mem"))
    assert reply.outcome == "answered"
    assert {answer.kind for answer in reply.answers.values()} == {"accepted"}
    ids = {record["id"] for record in server.accepted}
    assert {answer.record_id for answer in reply.answers.values()} == ids


def test_one_token_serves_many_requests(server: ClazarServer, clazar: Clazar) -> None:
    for name in ("cpu", "mem", "disk"):
        clazar.submit(body(name))
    assert server.authentications == 1


def test_an_expired_token_is_renewed_once_and_the_request_repeated(
    server: ClazarServer, clazar: Clazar
) -> None:
    clazar.submit(body("cpu"))
    server.expire_tokens()
    assert kinds(clazar, "mem") == {"mem": "accepted"}
    assert server.authentications == 2


def test_a_rotated_secret_is_read_again(server: ClazarServer, secret: Secret) -> None:
    clazar = Clazar(server.url, secret)
    secret.cached = Credentials("local-client", "old")
    assert kinds(clazar) == {"cpu": "accepted"}


def test_refused_credentials_are_nobodys_refused_usage(
    server: ClazarServer, secret: Secret
) -> None:
    secret.current = Credentials("local-client", "wrong")
    with pytest.raises(CredentialsRefused):
        Clazar(server.url, secret).submit(body())
    assert not server.posts


@pytest.mark.parametrize("action", ["busy", "unavailable", "drop"])
def test_without_a_token_nothing_has_left(
    server: ClazarServer, clazar: Clazar, action: str
) -> None:
    server.authentication_script(action)
    with pytest.raises(PartnerUnreachable):
        clazar.submit(body())
    assert not server.posts


def test_a_rate_limit_means_not_taken(server: ClazarServer, clazar: Clazar) -> None:
    server.script("c-1", "busy")
    reply = clazar.submit(body())
    assert (reply.outcome, reply.answers["cpu"].kind) == ("busy", "not_taken")


@pytest.mark.parametrize(
    "action", ["unavailable", "gateway-timeout", "drop", "lost", "garbage", "unavailable:accepted"]
)
def test_an_answer_that_did_not_arrive_is_unknown(
    server: ClazarServer, clazar: Clazar, action: str
) -> None:
    server.script("c-1", action)
    assert kinds(clazar) == {"cpu": "unknown"}


def test_no_connection_means_that_nothing_has_left(secret: Secret) -> None:
    with ClazarServer() as server:
        clazar = Clazar(server.url, secret)
        clazar.submit(body("cpu"))
    reply = clazar.submit(body("mem"))
    assert (reply.outcome, reply.answers["mem"].kind) == ("unreachable", "not_taken")


def test_a_request_refused_as_a_whole_is_refused(clazar: Clazar) -> None:
    reply = clazar.submit(body(*(f"d{n}" for n in range(26))))
    assert reply.status == 400
    assert {answer.kind for answer in reply.answers.values()} == {"refused"}


def test_a_duplicate_has_to_be_looked_up(clazar: Clazar) -> None:
    clazar.submit(body("cpu"))
    assert kinds(clazar, "cpu", "mem") == {"cpu": "present", "mem": "accepted"}


def a_stored_record(number: int, **fields: Any) -> dict[str, Any]:
    month = Month(2000, 1).plus(number)
    line = Line(dimension="cpu", quantity=str(number + 1))
    return {**submission.records("aws", "c-1", month, [line])[0], **fields}


def test_the_listing_is_read_to_its_last_page(secret: Secret) -> None:
    with ClazarServer(page_limit=7) as server:
        server.preload(*(a_stored_record(number) for number in range(307)))
        (found,) = Clazar(server.url, secret).stored("c-1", START)["cpu"]
        assert (found.quantity, found.status) == ("307", "success")
        assert sum(exchange.method == "GET" for exchange in server.exchanges) == 45


def test_what_is_not_listed_is_not_there(clazar: Clazar) -> None:
    assert clazar.stored("c-1", START) == {}


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("busy", PartnerUnreachable),
        ("unavailable", PartnerUnreachable),
        ("drop", PartnerUnreachable),
        ("garbage", PartnerBusy),
    ],
)
def test_a_listing_that_does_not_answer_is_asked_again_later(
    server: ClazarServer, clazar: Clazar, action: str, error: type[Exception]
) -> None:
    server.listing_script(action)
    with pytest.raises(error):
        clazar.stored("c-1", START)


def test_a_listing_that_is_not_offered_says_nothing(secret: Secret) -> None:
    with ClazarServer(listing=False) as server, pytest.raises(ListingUnavailable):
        Clazar(server.url, secret).stored("c-1", START)


class SamePage(LoopbackHttp):
    """A listing that ignores filters and paging: every page is the same."""

    def answer(self, request: Request) -> Reply:
        if request.path == "/authenticate/":
            return Reply(200, {"access_token": "t"})
        rows = [{**a_stored_record(306), "id": name, "status": "success"} for name in "ab"]
        foreign = {**rows[0], "id": "c", "contract_id": "c-2"}
        return Reply(200, {"results": [*rows, foreign]})


def test_a_listing_that_ignores_its_parameters_counts_each_record_once(secret: Secret) -> None:
    server = SamePage()
    server.begin()
    found = Clazar(server.url, secret).stored("c-1", START)
    server.stop()
    assert [stored.record_id for stored in found["cpu"]] == ["a", "b"]


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
        reply = Clazar(server.url, secret).submit(body("cpu"))
        assert "you sent: " in reply.response
        assert "Bearer (token)" in f"{reply.response} {reply.answers}"
        assert server.token
        assert server.token not in f"{reply.response} {reply.answers}"
