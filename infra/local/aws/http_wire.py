"""HTTP/1.1 requests on a loopback socket, with as few system calls as possible.

A month of 2,000 contracts makes some 30,000 requests on this machine. Servers from libraries need
twice the time for them, and werkzeug's closes the connection after every one: docs/decisions.md.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_CHUNK = 65536


@dataclass(frozen=True)
class Request:
    """A request as it came in, the body already read. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the target, in their order."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"content-length: {text!r}")
    return int(text)


class Connection:
    """One client's connection, kept open for as many requests as it makes."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self._read = b""

    def receive(self) -> Request | None:
        """Return the next request, None when the client has gone."""
        try:
            while (end := self._read.find(b"\r\n\r\n")) < 0:
                if not self._more():
                    return None
            head, self._read = self._read[:end].decode("latin-1"), self._read[end + 4 :]
            first, *lines = head.split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers: dict[str, str] = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect", "").lower() == "100-continue" and not self._read:
                self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if headers.get("transfer-encoding", "").lower() == "chunked":
                body = self._chunked()
            else:
                body = self._exactly(_length(headers.get("content-length", "0")))
            return None if body is None else Request(method, target, headers, body)
        except (ConnectionError, ValueError):
            return None

    def _more(self) -> bool:
        data = self.socket.recv(_CHUNK)
        self._read += data
        return bool(data)

    def _exactly(self, length: int) -> bytes | None:
        parts, missing = [self._read], length - len(self._read)
        while missing > 0:
            if not (data := self.socket.recv(min(missing, 1 << 20))):
                return None
            parts.append(data)
            missing -= len(data)
        whole = b"".join(parts)
        self._read = whole[length:]
        return whole[:length]

    def _chunked(self) -> bytes | None:
        body = b""
        while True:
            while (end := self._read.find(b"\r\n")) < 0:
                if not self._more():
                    return None
            length = int(self._read[:end].split(b";")[0], 16)
            self._read = self._read[end + 2 :]
            data = self._exactly(length + 2)
            if data is None or length == 0:
                return None if data is None else body
            body += data[:-2]

    def send(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Answer, in one packet if it fits. The headers must not state the length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.socket.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
