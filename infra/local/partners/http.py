"""HTTP plumbing for the stand-in partners: one loopback server, one function that answers.

It is separate from any partner's rules because the hard parts are the same for all of them: an
answer can be a cut connection, and stopping really stops (open keep-alive connections and sleeping
answers included).
"""

import json
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http.client import responses
from typing import Self

from infra.local.aws.http_server import HttpServer
from infra.local.aws.http_wire import Connection, Request

__all__ = ["CUT", "GARBAGE", "Exchange", "LoopbackHttp", "Reply", "Request"]

BODY_LIMIT = 10_000_000


@dataclass(frozen=True)
class Reply:
    """What to send back; a body of bytes goes out as it is, anything else as JSON."""

    status: int
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self) -> bytes:
        """Give the bytes of the body."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


GARBAGE = Reply(200, b"<html>Please wait while we check your browser</html>")
CUT = Reply(0)
"""Not an answer: the connection is closed without a byte, as when a gateway dies."""


@dataclass(frozen=True)
class Exchange:
    """One request of any kind and the status it got; 0 is a connection cut without an answer.

    Bodies are left out: the one of an authentication holds the secret.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    status: int


class LoopbackHttp(ABC):
    """A server on 127.0.0.1 that can be stopped and started again at the same address.

    Subclasses say what to answer. The port chosen by the first start is kept, so a test can take
    the partner away for a while and bring it back without telling the client. `exchanges` holds
    every request of any kind with the status it got.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._port = port
        self._server: HttpServer | None = None
        self._stopping = threading.Event()
        self.exchanges: list[Exchange] = []

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request; called on one thread per connection."""

    @property
    def url(self) -> str:
        """The base address, without a trailing slash."""
        if not self._port:
            raise RuntimeError("the server has no address before start()")
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Serve on background threads, unless it already does; gives itself back."""
        if self._server is None:
            self._stopping.clear()
            self._server = HttpServer(self._serve, self._port)
            self._port = self._server.port
        return self

    def stop(self) -> None:
        """Stop listening, wake sleeping answers and cut open connections; safe to repeat."""
        if self._server is not None:
            self._stopping.set()
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        """Start for the length of a `with` block."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop whatever happened inside the block."""
        self.stop()

    def stopped_while_waiting(self, seconds: float) -> bool:
        """Wait, and say whether the server was stopped meanwhile (then nothing may be done)."""
        return seconds > 0 and self._stopping.wait(seconds)

    def _serve(self, connection: Connection, request: Request) -> bool:
        """Note what is answered before the client can see it."""
        reply = _unreadable(request) or self.answer(request)
        given = (request.method, request.path, request.query)
        self.exchanges.append(Exchange(*given, reply.status))
        if reply is CUT:
            return False
        status = f"{reply.status} {responses.get(reply.status, '')}"
        headers = [("Content-Type", "application/json"), *reply.headers]
        connection.send(status, headers, reply.encoded())
        return True


def _unreadable(request: Request) -> Reply | None:
    if request.method not in {"GET", "POST"}:
        return Reply(501, {"message": f"{request.method} is not supported"})
    if "transfer-encoding" in request.headers:
        return Reply(411, {"message": "a content-length is required"})
    if len(request.body) > BODY_LIMIT:
        return Reply(413, {"message": "the body is too large"})
    return None
