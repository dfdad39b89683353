"""A virtual clock with what is to happen, and Step Functions running on it."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Self

from tests.in_memory.machine import Execution, Machine, StateFailed, Steps

_MOST_EVENTS = 100_000
_ARN = "arn:aws:states:eu-central-1:000000000000:execution:in-memory"


class Timeline:
    """What happens when. Nothing takes time but waiting.

    `run` may be called from within something that happens: then the rest of the world goes on
    while the caller stands still.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._queue: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def at(self, due: datetime, happen: Callable[[], object]) -> None:
        """Let something happen at a time; in the order given where times are equal."""
        heapq.heappush(self._queue, (due, next(self._numbers), happen))

    def after(self, seconds: float, happen: Callable[[], object]) -> None:
        self.at(self.now + timedelta(seconds=seconds), happen)

    def run(
        self, *, until: Callable[[], bool] = lambda: False, deadline: datetime | None = None
    ) -> None:
        """Let things happen until there is nothing left, or it is enough, or it is time."""
        for _ in range(_MOST_EVENTS):
            if until() or not self._queue:
                return
            if deadline is not None and self._queue[0][0] > deadline:
                self.now = max(self.now, deadline)
                return
            due, _, happen = heapq.heappop(self._queue)
            self.now = max(self.now, due)
            happen()
        raise AssertionError(f"no end after {_MOST_EVENTS} events")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with whatever happens in it."""
        deadline = self.now + timedelta(seconds=seconds)
        self.run(deadline=deadline)
        self.now = max(self.now, deadline)


class Aborted(BaseException):
    """The execution does not go on from here: it was stopped, or started anew from its record."""


class StepFunctions:
    """Executions of one state machine, any number at the same time."""

    def __init__(self, machine: Machine, timeline: Timeline) -> None:
        self._machine, self._timeline = machine, timeline
        self.executions: list[Execution] = []
        self._by_id: dict[str, Execution] = {}

    def follow(self, other: Self) -> None:
        """Know the executions from elsewhere; those that run there go on from here."""
        self.executions = [
            replace(execution, ended={**execution.ended})
            if execution.status == "RUNNING"
            else execution
            for execution in other.executions
        ]
        self._by_id = {execution.id: execution for execution in self.executions}
        for execution in self.executions:
            if execution.status == "RUNNING":
                self._drive(execution)

    def start(self, given: Any) -> Execution:
        """Start an execution. It runs as the timeline does."""
        name = f"x-{len(self.executions) + 1}"
        started = self._timeline.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        execution = Execution(f"{_ARN}:{name}", name, given, started)
        self.executions.append(execution)
        self._by_id[execution.id] = execution
        self._drive(execution)
        return execution

    def redrive(self, execution: Execution) -> None:
        """Go on with an execution that has not succeeded: what has ended is not run again."""
        assert execution.status != "SUCCEEDED"
        execution.status, execution.drive = "RUNNING", execution.drive + 1
        self._drive(execution)

    def abort(self, execution: Execution) -> None:
        """Stop an execution. A Lambda that is underway does not notice."""
        execution.status = "ABORTED"

    def is_running(self, execution_id: str) -> bool:
        """Say whether an execution runs, as DescribeExecution would."""
        found = self._by_id.get(execution_id)
        return found is not None and found.status == "RUNNING"

    def _drive(self, execution: Execution) -> None:
        steps, drive = self._machine.run(execution), execution.drive
        ends = self._timeline.now + timedelta(seconds=self._machine.timeout_seconds)
        self._timeline.after(0, lambda: self._step(execution, drive, steps, ends))

    def _step(self, execution: Execution, drive: int, steps: Steps, ends: datetime) -> None:
        if execution.drive != drive or execution.status != "RUNNING":
            return
        if self._timeline.now >= ends:
            execution.status = "TIMED_OUT"
            return
        try:
            due = self._timeline.now + timedelta(seconds=next(steps))
        except Aborted:
            return
        except StopIteration as end:
            execution.status, execution.output = "SUCCEEDED", end.value
        except StateFailed as failure:
            execution.status = "FAILED"
            execution.error, execution.cause = failure.error, failure.cause
        else:
            again = min(due, ends)
            self._timeline.at(again, lambda: self._step(execution, drive, steps, ends))
