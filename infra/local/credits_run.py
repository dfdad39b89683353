"""Credit files one after the other: uploaded, started by the deployed rule, run to the end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .arguments import Upload

if TYPE_CHECKING:
    from .account import LocalAccount
    from .executions import Running

_KEPT = ("file", "status", "error", "cause", "output")


@dataclass
class CreditsRun:
    """What is left to do, and what is known of what was done: there is an answer at any moment."""

    time_scale: float = 1.0
    waiting: list[Upload | None] = field(default_factory=list)
    given: Mapping[str, Any] | None = None
    as_of: str | None = None
    _uploaded: float = 0.0
    _ended: list[dict[str, Any]] = field(default_factory=list)

    def each(self, account: LocalAccount) -> Iterator[dict[str, Any]]:
        """Do it all. Gives each execution when it has ended, or the lack of one."""
        while self.waiting:
            file = self.waiting[0]
            name = None if file is None else file.name
            running = self._start(account, file)
            if not running:
                self.waiting.pop(0)
                yield self._keep(name, **_not_started(account))
            while running:
                ended = account.wait(running.pop(0)).as_dict()
                if not running:
                    self.waiting.pop(0)
                yield self._keep(name, **ended)

    def _start(self, account: LocalAccount, file: Upload | None) -> list[Running]:
        if file is None:
            return [account.start(self.given, time_scale=self.time_scale)]
        # S3 tells uploads apart by whole seconds: what is given later shall count as later.
        if (since := time.time() - math.floor(self._uploaded)) < 1:
            time.sleep(min(1.0, 1 - since))
        self._uploaded = time.time()
        event = account.upload(file.name, file.body, at=self.as_of)
        if self.given is None:
            return account.started_by(event, time_scale=self.time_scale)
        named = {"bucket": account.state_bucket, "key": file.name}
        of_run = {} if self.as_of is None else {"as_of": self.as_of}
        return [account.start({**named, **of_run, **self.given}, time_scale=self.time_scale)]

    def _keep(self, file: str | None, **ended: Any) -> dict[str, Any]:
        entry = {"file": file, **ended}
        self._ended.append({name: entry[name] for name in _KEPT})
        return entry

    def result(self) -> dict[str, Any]:
        """Return what a program reads."""
        return {"executions": self._ended}

    def cut_off(self, status: str, error: str, cause: str) -> dict[str, Any]:
        """Return what is known when something other than the state machine ended the run."""
        if self.waiting:
            file = self.waiting[0]
            name = None if file is None else file.name
            self._keep(name, status=status, error=error, cause=cause, output=None)
        return self.result()


def _not_started(account: LocalAccount) -> dict[str, Any]:
    patterns = account.rules.patterns() or "there is no rule"
    cause = f"The file is in the bucket, but no rule starts an execution for it: {patterns}"
    return {"status": "NOT_STARTED", "error": "NoRuleMatched", "cause": cause, "output": None}
