"""One execution environment of a function: a process under AWS's own runtime client.

The runtime client asks for work over HTTP (the Lambda Runtime API). Every process has a listener of
its own, and the thread that invokes speaks to it directly: one request at a time is all that a
Lambda execution environment ever handles, and so no thread has to hand anything to another one.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from infra.local.aws.http_wire import Connection, Request
from infra.local.lambdas.fork_server import NO_ACCOUNT, start

INIT_SECONDS = 60.0
"""Lambda allows 10 s for the first import; a busy laptop gets more: it proves nothing about AWS."""

_JSON = [("Content-Type", "application/json")]


@dataclass(frozen=True)
class Function:
    """What the template says about one function, and the folder with its unpacked code."""

    name: str
    arn: str
    handler: str
    code: Path
    environment: dict[str, str] = field(hash=False)
    timeout: float = 3.0
    memory: int = 128


@dataclass(frozen=True)
class Outcome:
    """What Lambda answers to an invocation: the function's own payload, or an error object."""

    payload: bytes
    failed: bool = False


class _Ended(Exception):
    """The process has ended; carries how, in Lambda's words."""


class _TooLate(Exception):
    """The deadline passed first."""


class LambdaProcess:
    """A process that waits for invocations. After an outcome that ends it, `usable` is False."""

    def __init__(self, function: Function, log: IO[bytes]) -> None:
        self.function = function
        self.usable = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        runtime_api = f"127.0.0.1:{self._listener.getsockname()[1]}"
        environment = _environment(function, runtime_api)
        self._process = start(function.handler, function.code, environment, log)

    def invoke(self, payload: bytes) -> Outcome:
        """Run the handler once. What the function does is an outcome, never an exception."""
        request_id = str(uuid.uuid4())
        timeout = self.function.timeout
        try:
            connection, asked = self._receive(time.monotonic() + INIT_SECONDS)
            if asked.target.endswith("/init/error"):
                connection.send("202 Accepted", _JSON, b"{}")
                return self._unusable(Outcome(asked.body, failed=True))
            connection.send("200 OK", self._headers(request_id), payload)
            connection, answer = self._receive(time.monotonic() + timeout)
            connection.send("202 Accepted", _JSON, b"{}")
            return Outcome(answer.body, failed=answer.target.endswith("/error"))
        except _TooLate:
            said = f"Task timed out after {timeout:.2f} seconds"
            return self._unusable(_fault("Sandbox.Timedout", request_id, said))
        except (_Ended, OSError):
            said = f"Runtime exited with error: {self._how_it_ended()}"
            return self._unusable(_fault("Runtime.ExitError", request_id, said))

    def _headers(self, request_id: str) -> list[tuple[str, str]]:
        deadline = int((time.time() + self.function.timeout) * 1000)
        return [
            *_JSON,
            ("Lambda-Runtime-Aws-Request-Id", request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", self.function.arn),
        ]

    def _unusable(self, outcome: Outcome) -> Outcome:
        self.close()
        return outcome

    def _receive(self, deadline: float) -> tuple[Connection, Request]:
        """The next whole request of the process, on whichever connection it comes."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _TooLate
            # Short waits matter until the first connection: later its end tells of the process's.
            for key, _ in self._selector.select(min(left, 0.1)):
                if key.data is None:
                    connected, _ = self._listener.accept()
                    self._selector.register(connected, selectors.EVENT_READ, Connection(connected))
                    continue
                connection: Connection = key.data
                connection.socket.settimeout(left)
                try:
                    message = connection.receive()
                except TimeoutError:
                    raise _TooLate from None
                if message is not None:
                    return connection, message
                self._selector.unregister(connection.socket)
                connection.socket.close()
            if self._process.poll() is not None and len(self._selector.get_map()) == 1:
                raise _Ended

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=2.0)
            if code < 0:
                return f"signal: {signal.strsignal(-code) or -code}".lower()
            return f"exit status {code}"
        return "connection closed"

    def kill(self) -> None:
        """End the process at once, as Lambda does. The thread that invokes it cleans up."""
        self.usable = False
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of everything. Only for the thread that uses it."""
        self.kill()
        self._process.wait()
        for key in list((self._selector.get_map() or {}).values()):
            (key.data.socket if key.data else self._listener).close()
        self._selector.close()


def _fault(kind: str, request_id: str, said: str) -> Outcome:
    message = f"RequestId: {request_id} Error: {said}"
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


def _environment(function: Function, runtime_api: str) -> dict[str, str]:
    """What Lambda sets, then the function's own; nothing else of this process's environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    # A person's home may hold a .netrc, which requests would prefer to our Authorization.
    kept["HOME"] = str(function.code)
    return {
        **kept,
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        **NO_ACCOUNT,
        **function.environment,
    }
