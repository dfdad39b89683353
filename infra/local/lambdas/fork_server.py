"""How a function's process is started: forked from a server that has imported the libraries.

Importing them costs more processor time than most handlers run. Forking after imports is safe on
Linux only; elsewhere every process is started afresh.
"""

import contextlib
import functools
import itertools
import json
import os
import platform
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

NO_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The SDK must not find this machine's own account, nor look for an instance's."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_CAN_FORK = platform.system() == "Linux"
_COMMAND = (sys.executable, "-P", "-s", str(_BOOTSTRAP), str(os.getpid()))

# "Kill when the parent ends" is bound to the parent's THREAD, so one thread that lives as long as
# this process starts them all.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda-spawner")


def start(
    handler: str, code: Path, environment: Mapping[str, str], log: IO[bytes]
) -> "_Forked | subprocess.Popen[bytes]":
    """Start a process that becomes Lambda's runtime for this handler."""
    if _CAN_FORK:
        return _server().start(handler, code, environment, log)
    return _SPAWNER.submit(start_afresh, handler, code, environment, log).result()


def start_afresh(
    handler: str, code: Path, environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a process that imports everything itself."""
    return subprocess.Popen(  # noqa: S603 (this interpreter, our own file)
        [*_COMMAND, handler],
        cwd=code,
        env={**environment, "PYTHONPATH": str(code)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


@functools.cache
def _server() -> "_ForkServer":
    return _SPAWNER.submit(_ForkServer).result()


class _ForkServer:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._numbers = itertools.count()
        with there:
            kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            self._process = subprocess.Popen(  # noqa: S603 (this interpreter, our own file)
                _COMMAND, env=kept | NO_ACCOUNT, stdin=there.fileno(), stdout=subprocess.DEVNULL
            )

    def start(
        self, handler: str, code: Path, environment: Mapping[str, str], log: IO[bytes]
    ) -> "_Forked":
        ended, report = os.pipe()
        number = next(self._numbers)
        asked = {
            "number": number,
            "handler": handler,
            "code": str(code),
            "environment": dict(environment),
        }
        try:
            socket.send_fds(self._here, [json.dumps(asked).encode()], [log.fileno(), report])
        finally:
            os.close(report)
        return _Forked(self, number, ended)

    def kill(self, number: int) -> None:
        with contextlib.suppress(OSError):  # the server has ended, and all its processes with it
            self._here.send(json.dumps({"kill": number}).encode())


class _Forked:
    """A process that the server has forked, with what is needed of a `subprocess.Popen`."""

    def __init__(self, server: _ForkServer, number: int, ended: int) -> None:
        self._server, self._number, self._ended = server, number, ended
        self._code: int | None = None

    def kill(self) -> None:
        if self._code is None:
            self._server.kill(self._number)

    def poll(self) -> int | None:
        if self._code is None and select.select([self._ended], [], [], 0)[0]:
            status = os.read(self._ended, 4)
            # Nothing to read: the server has ended before it could say.
            self._code = os.waitstatus_to_exitcode(*struct.unpack("i", status)) if status else -9
            os.close(self._ended)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            select.select([self._ended], [], [], timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("the function's process", timeout or 0)
        return code
