"""One HTTP server on loopback for everything here: it keeps connections open, a thread for each."""

import contextlib
import socket
import threading
from collections.abc import Callable

from infra.local.aws.http_wire import Connection, Request


class HttpServer:
    """Serves from construction on; `close` ends it and its connections.

    `answer` sends the answer to a request; False: the connection is closed after it, or without it.
    """

    def __init__(self, answer: Callable[[Connection, Request], bool], port: int = 0) -> None:
        self._answer = answer
        # Fewer in the queue would refuse connections of a wide Distributed Map.
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening and cut the open connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(timeout=1.0)
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
            while (request := connection.receive()) is not None:
                if not self._answer(connection, request):
                    return
        except OSError:
            # The client was killed in the middle: nobody is left to answer.
            return
        finally:
            self._open.discard(connected)
            connected.close()
