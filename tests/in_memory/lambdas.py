"""The real Lambdas of a pipeline, called in this process, by the names of their states."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from functions.domain.mails import Place
from infra.tasks import Task, snake_case
from tests.in_memory.machine import Execution, StateFailed
from tests.in_memory.points import Died, Invocation, Points

PLACE = Place("dev", "eu-central-1", "bucket", "docs/runbook.md", mails_closed=False)
Handler = Callable[[Any, object], Any]


@cache
def handler_of(pipeline: str, state: str) -> Handler:
    """Return the handler of a state, without the logger around it: its log is off in here."""
    module = importlib.import_module(f"functions.{pipeline}.{snake_case(state)}")
    found: Handler = module.handler.__wrapped__
    return found


@cache
def timeout_of(pipeline: str, state: str) -> timedelta:
    """Return how long a state's function may live, as it is deployed."""
    tasks: Mapping[str, Task] = importlib.import_module(f"infra.{pipeline}_tasks").TASKS
    return timedelta(seconds=tasks[state].timeout_seconds)


@dataclass
class Context:
    """What a Lambda is reported beside its event."""

    function_name: str
    remaining: Callable[[], timedelta]
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:in-memory"
    aws_request_id: str = "in-memory"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.remaining() // timedelta(milliseconds=1))


@dataclass
class Lambdas:
    """The functions of a pipeline. Each invocation is a point, and so is all it does outside."""

    pipeline: str
    points: Points
    now: Callable[[], datetime]
    calls: list[str] = field(default_factory=list)

    def invoke(self, execution: Execution, state: str, payload: Any) -> Any:
        """Run a state's function; StateFailed where it dies or its result is lost."""
        timeout = timeout_of(self.pipeline, state)
        invocation = Invocation(execution, execution.drive, state, self.now() + timeout)

        def lost() -> Any:
            raise StateFailed("States.Timeout", "")

        def call() -> Any:
            self.calls.append(state)
            context = Context(state, lambda: invocation.deadline - self.now())
            return handler_of(self.pipeline, state)(payload, context)

        try:
            return self.points.live(invocation, lambda: self.points.at("lambda", state, call, lost))
        except Died as died:
            raise StateFailed(died.error, "Lambda did not return an error type.") from None
