"""One use of the command line: a stack on this machine with its folders, partners and logs."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from infra.local.app.synthesis import CACHE, synthesized
from infra.local.aws.state_folder import StateFolder
from infra.local.cli.arguments import BadArgument
from infra.local.cli.show import retry_line
from infra.local.cli.steps import Steps

if TYPE_CHECKING:
    from infra.local.account import LocalAccount
    from infra.local.machine.measure import RetryWait

STAGE = "prod"
TOLD_SECONDS = 2.0
"""Shorter waits before a retry are not worth a line."""


_SYNTHESIZING = "synthesizing the app (only when its sources have changed)"


class Stopped(BaseException):
    """The run was told to stop (Ctrl-C, SIGTERM)."""


@dataclass(frozen=True)
class Session:
    """An account in use, and where to look afterwards."""

    account: "LocalAccount"
    state: Path
    log: Path | None
    steps: Steps
    time_scale: float

    def run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run an execution to its end, and show what it is doing."""
        self.steps.go_on()
        ran = self.account.run(given, time_scale=self.time_scale, progress=self.steps.report)
        self.steps.stop()
        return ran.as_dict()

    def ended(self, *, well: bool) -> None:
        """Keep the functions' logs only where something went wrong, and say where they are."""
        if self.log is None:
            return
        if well:
            self.log.unlink(missing_ok=True)
        else:
            say(f"Logs of the functions: {self.log}")


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Both signals end the run in order: processes killed, folder let go."""

    def stop(*_: object) -> None:
        raise Stopped

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def open_session(
    stack: str,
    *,
    state: Path | None,
    usage: Path | None = None,
    plans: Sequence[Mapping[str, Any]] | None = None,
    environment: Mapping[str, str] | None = None,
    time_scale: float = 1.0,
    logs: bool = False,
    shown: bool = True,
) -> Iterator[Session]:
    """Hold the state folder, then load everything."""
    with ExitStack() as stacked:
        steps = stacked.enter_context(Steps(shown=shown))
        folder = _folder(state)
        stacked.callback(folder.close)
        folder.lock(waiting=lambda: say(f"{folder.path} is in use by another run; waiting for it"))
        stream, log = _log(logs=logs)
        steps.step("loading the app")
        from infra.local.account import LocalAccount  # noqa: PLC0415 (a second; not for what refuses)
        from infra.local.app.assembly import read_stack  # noqa: PLC0415

        assembly = synthesized(starting=lambda: steps.step(_SYNTHESIZING))
        found = read_stack(assembly, stage=STAGE, name=stack)
        steps.step("starting the functions")
        account = LocalAccount(found, cache=CACHE / "code", log=stream, retrying=tell_retry)
        stacked.callback(account.close)
        environment = {**(environment or {}), **scaled(account, time_scale)}
        account.use(state=folder, usage=usage, plans=plans, environment=environment)
        yield Session(account, folder.path, log, steps, time_scale)


def _folder(path: Path | None) -> StateFolder:
    if path is None:
        return StateFolder(Path(tempfile.mkdtemp(prefix="billing-state-")))
    try:
        return StateFolder(path)
    except OSError as error:
        raise BadArgument(f"--state {path} cannot be used: {error.strerror}") from None


def tell_retry(wait: "RetryWait") -> None:
    """Say why nothing happens for a while. A stderr that is gone must not fail the execution."""
    if wait.seconds >= TOLD_SECONDS:
        with contextlib.suppress(OSError):
            say(retry_line(wait))


def scaled(account: "LocalAccount", time_scale: float) -> dict[str, str]:
    """Return the setting of functions that is a wait too: the time scale holds for it as well."""
    return {"SETTLE_SECONDS": str(float(account.setting("SETTLE_SECONDS")) * time_scale)}


def _log(*, logs: bool) -> tuple[IO[bytes], Path | None]:
    if logs:
        return sys.stderr.buffer, None
    descriptor, name = tempfile.mkstemp(prefix="billing-functions-", suffix=".log")
    return os.fdopen(descriptor, "wb"), Path(name)


def say(text: str) -> None:
    """A line on stderr: stdout is for the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
