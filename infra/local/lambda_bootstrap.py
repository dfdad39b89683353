"""First code in a function's process: end with the runner, then become Lambda's runtime.

Started by path, never imported: nothing of the working tree may be importable in that process.
Arguments: the runner's process id, then the handler.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1


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


if __name__ == "__main__":
    _end_with_runner(int(sys.argv[1]))
    # A terminal's Ctrl-C goes to every process; the runner decides what happens to this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.argv = ["awslambdaric", sys.argv[2]]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
