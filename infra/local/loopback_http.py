"""HTTP plumbing for the stand-in partners: one loopback server, one function that answers.

It is separate from any partner's rules because the hard parts are the same for all of them:
connections are kept alive as a real client expects, an answer can be a cut connection, and
stopping really stops (open keep-alive connections and sleeping answers included).
"""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK = "127.0.0.1"
BODY_LIMIT = 10_000_000


@dataclass(frozen=True)
class Request:
    """One request as it arrived, body already read so that the connection stays usable."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to send back; a body of bytes goes out as it is, anything else as JSON."""

    status: int
    body: object = None

    def encoded(self) -> bytes:
        """Give the bytes of the body."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


CUT = Reply(0)
"""Not an answer: the connection is closed without a byte, as when a gateway dies."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # headers and body leave in one packet
    server: _Listener

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (name of the base class)
        """Stay silent: the servers keep what they received, tests read it there."""

    def _serve(self) -> None:
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._send(Reply(411, {"message": "a content-length is required"}), last=True)
            return
        if int(length) > BODY_LIMIT:
            self._send(Reply(413, {"message": "the body is too large"}), last=True)
            return
        target = urlsplit(self.path)
        query = parse_qsl(target.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client died in mid-request: nothing was submitted
            self.close_connection = True
            return
        self._send(self.server.answer(Request(self.command, target.path, query, headers, body)))

    def _send(self, reply: Reply, *, last: bool = False) -> None:
        if reply is CUT:
            self.close_connection = True
            return
        data = reply.encoded()
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if last:  # the body was not read, so the connection cannot be used again
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # the default of 5 refuses connections of a wide Distributed Map

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up of the base class, slow on some machines."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away; anything else is our own defect: show it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def cut_open_connections(self) -> None:
        with self._open_lock:
            still_open = list(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client closed it first
                continue


class LoopbackHttp(ABC):
    """A server on 127.0.0.1 that can be stopped and started again at the same address.

    Subclasses say what to answer. The port chosen by the first start is kept, so a test can take
    the partner away for a while and bring it back without telling the client.
    """

    def __init__(self, *, port: int = 0) -> None:
        """Remember the port; nothing is bound before `start`."""
        self._port = port
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request; called on one thread per connection."""

    @property
    def url(self) -> str:
        """The base address, without a trailing slash."""
        if not self._port:
            message = "the server has no address before start()"
            raise RuntimeError(message)
        return f"http://{LOOPBACK}:{self._port}"

    def begin(self) -> None:
        """Bind and serve on a background thread; does nothing when already running."""
        if self._listener:
            return
        self._stopping.clear()
        self._listener = _Listener(self._port, self.answer)
        self._port = self._listener.server_port
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, wake sleeping answers and cut open connections; safe to repeat."""
        if not self._listener or not self._thread:
            return
        self._stopping.set()
        self._listener.shutdown()
        self._listener.cut_open_connections()
        self._listener.server_close()
        self._thread.join()
        self._listener = self._thread = None

    def stopped_while_waiting(self, seconds: float) -> bool:
        """Wait, and say whether the server was stopped meanwhile (then nothing may be done)."""
        return seconds > 0 and self._stopping.wait(seconds)
