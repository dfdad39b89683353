"""A Clazar that does not answer: the request ends by itself, and its outcome is not guessed."""

from collections.abc import Iterator

import pytest

from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.domain.ledger import submission
from functions.domain.ledger.listing_pages import ask
from functions.errors import PartnerUnreachable
from infra.local.partners.clazar.server import ClazarServer
from tests.builders import JULY, a_line, an_entry

REQUEST = submission.request(an_entry(cloud="aws"), [a_line()])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClazarServer]:
    monkeypatch.setattr("functions.adapters.clazar.http._TIMEOUT", (5.0, 0.15))
    with ClazarServer() as server:
        yield server


@pytest.fixture
def clazar(server: ClazarServer) -> Clazar:
    return Clazar(Session(server.url, lambda _: Credentials("local-client", "local-secret")))


def test_a_request_without_an_answer_ends_in_time_with_an_unknown_outcome(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.script("c-1", "slow-answer:0.6")
    reply = clazar.submit(REQUEST)
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unknown", "unknown")
    assert len(server.posts) == 1, "it is not sent again by the adapter"


def test_a_listing_without_an_answer_ends_in_time_and_says_nothing(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.listing_script("slow:0.6")
    with pytest.raises(PartnerUnreachable, match="GET /metering/"):
        clazar.read_listing(ask("c-1", "2025-08-02T00:00:00+00:00"), "c-1", JULY, lambda: 90.0)


def test_a_token_without_an_answer_ends_in_time_and_nothing_has_left(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.authentication_script("slow:0.6")
    reply = clazar.submit(REQUEST)
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unreachable", "not_taken")
    assert "POST /authenticate/" in reply.response
    assert not server.posts
