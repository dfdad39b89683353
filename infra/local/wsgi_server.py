"""A WSGI server on loopback that keeps connections open, one thread for each."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from .http_wire import Connection, Message

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class WsgiServer:
    """Serves from construction on; `close` ends it and its connections."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut the open connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connected in list(self._open):
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connected)
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        try:
            connection = Connection(connected)
            while (message := connection.receive()) is not None:
                self._answer(connection, message)
        except OSError:
            # The client was killed in the middle: nobody is left to be told.
            return
        finally:
            self._open.discard(connected)
            connected.close()

    def _answer(self, connection: Connection, message: Message) -> None:
        answered: list[Any] = ["500 Internal Server Error", []]

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answered[:] = [status, headers]

        body = b"".join(self._application(self._environ(message), start_response))
        status, headers = answered
        if message.method == "HEAD":
            # The length that is stated is the object's, and no body follows.
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
            connection.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
            return
        kept = [pair for pair in headers if pair[0].lower() not in {"content-length", "connection"}]
        connection.send(status, kept, body)

    def _environ(self, message: Message) -> Environ:
        path, _, query = message.target.partition("?")
        environ: Environ = {
            "REQUEST_METHOD": message.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": message.target,
            "REQUEST_URI": message.target,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(message.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in message.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        environ["CONTENT_LENGTH"] = str(len(message.body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return environ
