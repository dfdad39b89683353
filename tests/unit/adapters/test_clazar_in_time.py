"""A Clazar that does not answer: the request ends by itself, and its outcome is not guessed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from functions.adapters.clazar import Clazar, Credentials
from functions.domain import submission
from functions.domain.ledger_entry import Line
from functions.domain.month import Month
from functions.errors import PartnerUnreachable
from infra.local.clazar import ClazarServer

BODY = submission.request("aws", "c-1", Month(2025, 7), [Line(dimension="cpu", quantity="5")])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClazarServer]:
    monkeypatch.setattr("functions.adapters.clazar._TIMEOUT", (5.0, 0.15))
    with ClazarServer() as server:
        yield server


@pytest.fixture
def clazar(server: ClazarServer) -> Clazar:
    return Clazar(server.url, lambda _: Credentials("local-client", "local-secret"))


def test_a_request_without_an_answer_ends_in_time_with_an_unknown_outcome(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.script("c-1", "slow-answer:0.6")
    reply = clazar.submit(BODY.body.encode())
    assert (reply.outcome, reply.answers["cpu"].kind) == ("unknown", "unknown")
    assert len(server.posts) == 1, "it is not sent again by the adapter"


def test_a_listing_without_an_answer_ends_in_time_and_says_nothing(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.listing_script("slow:0.6")
    with pytest.raises(PartnerUnreachable, match="GET /metering/"):
        clazar.stored("c-1", datetime(2025, 7, 1, tzinfo=UTC))


def test_a_token_without_an_answer_ends_in_time_and_nothing_has_left(
    server: ClazarServer, clazar: Clazar
) -> None:
    server.authentication_script("slow:0.6")
    with pytest.raises(PartnerUnreachable, match="POST /authenticate/"):
        clazar.submit(BODY.body.encode())
    assert not server.posts
