"""Calls over TLS: whom they trust, and that the authorities are read once."""

import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from functions.adapters import http_calls
from functions.adapters.http_calls import AnswerCut, send
from tests.unit.adapters.certificates import Quiet, served_over_tls

SOON = (5.0, 5.0)


class Partner(Quiet):
    protocol_version = "HTTP/1.1"
    clients: list[int]

    def do_GET(self) -> None:  # noqa: N802 (as http.server calls it)
        self.server.clients.append(self.client_address[1])  # type: ignore[attr-defined]
        if self.path.startswith("/trickle"):
            self.trickle()
            return
        if self.path.startswith("/moved"):
            self.close_connection = True
            self.send_response(302)
            self.send_header("Location", unquote(self.path).removeprefix("/moved/"))
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"moved")
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def trickle(self) -> None:
        """Answer at once, then send the body byte by byte, for longer than anybody waits."""
        self.close_connection = True
        self.send_response(200)
        if self.path == "/trickle/100":
            self.send_header("Content-Length", "100")
        self.end_headers()
        with suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HTTPServer]:
    with served_over_tls(Partner, tmp_path) as served:
        served.clients = []  # type: ignore[attr-defined]
        http_calls.adapter.cache_clear()
        yield served
        http_calls.adapter.cache_clear()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server's, which is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    return tmp_path / "cert.pem"


trusted = pytest.mark.usefixtures("certificate")


def url(server: HTTPServer) -> str:
    return f"https://127.0.0.1:{server.server_port}/"


def test_each_call_has_a_connection_of_its_own_and_the_authorities_are_read_once(
    server: HTTPServer, certificate: Path
) -> None:
    assert send("GET", url(server), SOON).text == "{}"
    certificate.unlink()
    assert send("GET", url(server), SOON).text == "{}"
    assert len(set(server.clients)) == 2  # type: ignore[attr-defined]


@trusted
@pytest.mark.parametrize("length", ["/trickle/100", "/trickle"])
def test_an_answer_that_trickles_is_cut_in_time_and_keeps_its_status(
    server: HTTPServer, length: str
) -> None:
    began = time.monotonic()
    with pytest.raises(AnswerCut, match=r"^HTTP 200, then ") as cut:
        send("GET", url(server).removesuffix("/") + length, (0.2, 0.3))
    assert cut.value.status == 200
    assert time.monotonic() - began < 1.0


def test_a_partner_that_nobody_vouches_for_gets_nothing(server: HTTPServer) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="self-signed"):
        send("GET", url(server), SOON)
    assert server.clients == []  # type: ignore[attr-defined]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    class Said:
        def info(self, message: str, **fields: Any) -> None:
            said.append({"message": message, **fields})

    monkeypatch.setattr(http_calls, "logger", Said())
    return said


@trusted
def test_a_call_is_logged_with_its_time_and_status_and_nothing_that_was_sent(
    server: HTTPServer, logged: list[Any]
) -> None:
    send("GET", url(server) + "metering/", SOON, params={"contract": "c-1"}, headers={"a": "key"})
    (call,) = logged
    assert 0 <= call.pop("milliseconds") < 5_000
    called = {"message": "partner called", "partner": "127.0.0.1", "method": "GET"}
    assert call == {**called, "path": "/metering/", "status": 200}


def test_a_call_that_nobody_answers_is_logged_as_such(
    server: HTTPServer, logged: list[dict[str, Any]]
) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        send("GET", url(server), SOON)
    assert [call["status"] for call in logged] == ["no answer"]


@trusted
@pytest.mark.parametrize("to", ["http://[::1", "//[", "http://a:b:c/", "/elsewhere", ""])
def test_a_redirection_is_an_answer_and_not_followed_wherever_it_leads(
    server: HTTPServer, to: str
) -> None:
    answer = send("GET", f"{url(server)}moved/{to}", SOON)
    assert (answer.status_code, answer.text) == (302, "moved")
    assert len(server.clients) == 1  # type: ignore[attr-defined]
