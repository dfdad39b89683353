"""Credit files one after the other: uploaded, started by the deployed rule, run to the end."""

import math
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local.cli.arguments import Upload
from infra.local.cli.ending import NOT_STARTED, told_to_stop
from infra.local.cli.steps import Steps

if TYPE_CHECKING:
    from infra.local.account import LocalAccount
    from infra.local.machine.executions import Running

_KEPT = ("file", "status", "error", "cause", "output")


@dataclass
class CreditsRun:
    """What is left to do, and what is known of what was done: there is an answer at any moment."""

    time_scale: float = 1.0
    waiting: list[Upload | None] = field(default_factory=list)
    given: Mapping[str, Any] | None = None
    as_of: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    state: Path | None = None
    steps: Steps = field(default_factory=lambda: Steps(shown=False))
    _begun: bool = False
    _uploaded: float = 0.0
    _ended: list[dict[str, Any]] = field(default_factory=list)

    def each(self, account: "LocalAccount") -> Iterator[dict[str, Any]]:
        """Do it all. Gives each execution when it has ended, or the lack of one."""
        count = len(self.waiting)
        while self.waiting:
            file = self.waiting[0]
            if file and count > 1:
                self.steps.part(f"{file.name} ({count - len(self.waiting) + 1}/{count})")
            running = self._start(account, file)
            if not running:
                self._next()
                yield self._keep(file, **_not_started(file))
            while running:
                ended = account.wait(running.pop(0)).as_dict()
                if not running:
                    self._next()
                yield self._keep(file, **ended)

    def _next(self) -> None:
        self.waiting.pop(0)
        self._begun = False

    def _start(self, account: "LocalAccount", file: Upload | None) -> "list[Running]":
        if file is None:
            self._begun = True
            return [account.start(self.given, **self._how())]
        # S3 tells uploads apart by whole seconds: what is given later shall count as later.
        if (since := time.time() - math.floor(self._uploaded)) < 1:
            time.sleep(min(1.0, 1 - since))
        self._uploaded, self._begun = time.time(), True
        event = account.upload(file.name, file.body, at=self.as_of, metadata=self.metadata)
        if self.given is None:
            return account.started_by(event, **self._how())
        named = {"bucket": account.state_bucket, "key": file.name}
        of_run = {} if self.as_of is None else {"as_of": self.as_of}
        return [account.start({**named, **of_run, **self.given}, **self._how())]

    def _how(self) -> dict[str, Any]:
        return {"time_scale": self.time_scale, "progress": self.steps.report}

    def _keep(self, file: Upload | None, **ended: Any) -> dict[str, Any]:
        entry = {"file": _name(file), **ended}
        self._ended.append({name: entry[name] for name in _KEPT})
        return entry

    def result(self) -> dict[str, Any]:
        """Return what a program reads."""
        return {"executions": self._ended}

    def cut_off(self, status: str, error: str, cause: str) -> dict[str, Any]:
        """Return what is known when something other than the state machine ended the run."""
        for number, file in enumerate(self.waiting):
            reached = number == 0 and self._begun
            known = status if reached else NOT_STARTED
            self._keep(file, status=known, error=error, cause=cause, output=None)
        return self.result()

    def stopped(self) -> str:
        """Say which file was under way, and that the same command takes up from there."""
        names = [_name(file) or "the execution" for file in self.waiting]
        under_way, left = (names[:1], names[1:]) if self._begun else ([], names)
        said = " at ".join([told_to_stop(), *under_way])
        if left:
            said += f"; not reached: {', '.join(left)}"
        if self.state is not None:
            again = f"run the same command again with --state {shlex.quote(str(self.state))}"
            said += f"\n{again}; CloudZero is asked before anything is posted"
        return said


def _name(file: Upload | None) -> str | None:
    return None if file is None else file.name


def _not_started(file: Upload | None) -> dict[str, Any]:
    cause = f"{_name(file)} is in the bucket, but no rule of the stack takes it"
    return {"status": NOT_STARTED, "error": "NoRuleMatched", "cause": cause, "output": None}
