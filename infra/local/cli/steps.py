"""What a command is doing: a live line on a terminal, plain lines in a pipe; always on stderr."""

import contextlib
import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_EVERY = 10.0
"""Seconds between two counts of the same map in a pipe."""

_WORDS = {
    "PlanMonths": "listing usage",
    "FoldDays": "adding up days",
    "MergeUsage": "adding up the month",
    "ForEachContract": "submitting contracts",
    "ParseCredits": "checking the file",
}
"""What an operator calls a state; the other states by their own names."""


class Steps:
    """The step that is under way. `report` is a `Progress` of the local engine."""

    def __init__(self, *, shown: bool = True) -> None:
        self._terminal, self._lines = sys.stderr.isatty(), shown
        self._prefix, self._said, self._at = "", "", 0.0
        columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(
            *columns,
            console=Console(stderr=True, highlight=False),
            transient=True,
            redirect_stdout=False,
            disable=not self._terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the live line away: a result follows."""
        self._bar.stop()

    def go_on(self) -> None:
        """Show the live line again: there is more to do."""
        self._bar.start()

    def part(self, text: str) -> None:
        """Say which of several parts begins; what follows belongs to it."""
        self._prefix = f"{text}: " if text else ""

    def step(self, text: str) -> None:
        """Begin a step."""
        self._show(f"{self._prefix}{text}", line=True)

    def report(self, state: str, ended: int, total: int) -> None:
        """Show the state that is entered (without a total), or how far its map has come."""
        words = _WORDS.get(state, state)
        if not total:
            self.step(words)
            return
        due = ended == total or time.monotonic() - self._at >= _EVERY
        self._show(f"{self._prefix}{words} {ended:,}/{total:,}", line=due)

    def _show(self, text: str, *, line: bool) -> None:
        # A stderr that is gone must not fail the execution.
        with contextlib.suppress(OSError):
            if self._terminal:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(escape(text), total=None)
            elif self._lines and line and text != self._said:
                self._said, self._at = text, time.monotonic()
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()
