"""The loopback server for WSGI applications, which is what moto is."""

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from infra.local.aws.http_server import HttpServer
from infra.local.aws.http_wire import Connection, Request

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class WsgiServer(HttpServer):
    """Serves one application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        super().__init__(self._respond)

    def _respond(self, connection: Connection, request: Request) -> bool:
        answered: list[Any] = ["500 Internal Server Error", []]

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answered[:] = [status, headers]

        body = b"".join(self._application(self._environ(request), start_response))
        status, headers = answered
        if request.method == "HEAD":
            # The length that is stated is the object's, and no body follows.
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
            connection.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
            return True
        kept = [pair for pair in headers if pair[0].lower() not in {"content-length", "connection"}]
        connection.send(status, kept, body)
        return True

    def _environ(self, request: Request) -> Environ:
        path, _, query = request.target.partition("?")
        environ: Environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": request.target,
            "REQUEST_URI": request.target,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        environ["CONTENT_LENGTH"] = str(len(request.body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return environ
