"""First code in a function's process: end with the runner, then become Lambda's runtime.

Started by path, never imported: nothing of the working tree may be importable in that process.
Arguments: the runner's process id, then the handler. Without a handler it is the fork server behind
`fork_server`: it imports once what most handlers import, and forks for each process.
"""

import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
_PRELOADED = (
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.parameters",
    "boto3",
    "msgspec",
    "obstore.store",
    "requests",
)
_CLIENTS = ("s3", "secretsmanager", "ssm")
_LONGEST = 1 << 20


def _end_with_runner(runner: int) -> None:
    """Let the kernel kill this process when the runner ends, however it ends.

    The watch is for systems without that call; the first look closes the gap before it.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == runner:
            time.sleep(1.0)
        os._exit(1)

    if os.getppid() != runner:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def _become(handler: str) -> None:
    # A terminal's Ctrl-C goes to every process; the runner decides what happens to this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


def _fork_for(runner: socket.socket) -> None:
    """Fork for every message from the runner until it has gone; report how each process ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    for name in _PRELOADED:  # what is not there, the handler's own import will report
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        _read_models()
    gc.enable()
    gc.freeze()  # a collection would write to every page that is shared with the forked processes
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    reports: dict[int, int] = {}
    by_number: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([runner.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            _report_ended(reports)
        if runner.fileno() in ready and not _take(runner, reports, by_number):
            return


def _read_models() -> None:
    """Parse botocore's descriptions of the services once: a client is little else."""
    import boto3  # noqa: PLC0415 (in this process only)
    import botocore.session  # noqa: PLC0415

    found: Any = botocore.session
    found.create_loader = functools.cache(found.create_loader)
    for name in _CLIENTS:
        boto3.Session("none", "none", region_name="us-east-1").client(name)


def _take(runner: socket.socket, reports: dict[int, int], by_number: dict[int, int]) -> bool:
    data, fds, _, _ = socket.recv_fds(runner, _LONGEST, 2)
    if not data:
        return False
    asked = json.loads(data)
    if "kill" in asked:
        # Only what was not reported yet: its process id cannot be another's.
        if (pid := by_number.get(asked["kill"], 0)) in reports:
            os.kill(pid, signal.SIGKILL)
        return True
    log, report = fds
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_forked(server, asked, log)
    os.close(log)
    reports[pid], by_number[asked["number"]] = report, pid
    return True


def _report_ended(reports: dict[int, int]) -> None:
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        report = reports.pop(pid)
        with contextlib.suppress(OSError):  # nobody waits for it any more
            os.write(report, struct.pack("i", status))
        os.close(report)


def _become_forked(server: int, asked: dict[str, Any], log: int) -> NoReturn:
    """Be a function's process, as if it had been started afresh; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for target, source in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
            os.dup2(source, target)
        os.closerange(3, max(log, 1_024) + 1)
        os.environ.clear()
        os.environ.update(asked["environment"])
        time.tzset()
        os.chdir(asked["code"])
        sys.path.insert(0, asked["code"])
        _end_with_runner(server)
        _become(asked["handler"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 (the interpreter would have printed it)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[2:]:
        _end_with_runner(int(sys.argv[1]))
        _become(sys.argv[2])
    else:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _fork_for(socket.socket(fileno=0))
