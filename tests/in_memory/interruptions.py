"""Executions that are aborted at a chosen point, and answers that never come."""

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from functions.errors import CredentialsRefused
from tests.in_memory.machine import Execution
from tests.in_memory.metering_world import MeteringWorld
from tests.in_memory.points import Break, Point, Result, nothing
from tests.in_memory.timeline import Aborted

Where = Callable[[Point], bool]
Choose = Callable[[Point], Break | None]


def abort(
    world: MeteringWorld, where: Where, *, after: bool, also: Choose = nothing, **given: Any
) -> Execution:
    """Run an execution until it comes to a point; it stops before or after what happens there.

    `also`: what else goes wrong.
    """
    execution = world.start(**given)
    stopped: list[Point] = []

    def stop(point: Point, effect: Result, lost: Result) -> NoReturn:  # noqa: ARG001  # see Break
        stopped.append(point)
        if after:
            effect()
        world.step_functions.abort(execution)
        if point.invocation:
            point.invocation.dead = True
        raise Aborted

    def choose(point: Point) -> Break | None:
        return stop if not stopped and where(point) else also(point)

    world.points.choose = choose
    world.timeline.run()
    world.points.choose = nothing
    assert stopped, "the execution has not come to that point"
    assert execution.status == "ABORTED"
    return execution


def execute_without_credentials(world: MeteringWorld, **given: Any) -> Execution:
    """Run an execution to its end while Clazar refuses our credentials."""

    def refuse(_body: bytes) -> NoReturn:
        raise CredentialsRefused("401")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.clazar, "post", refuse)
        return world.execute(**given)


def writes(state: str, key: str) -> Where:
    """A write of a state to an object whose key has this in it."""
    return lambda point: (point.kind, point.state) == ("write", state) and key in point.label


def starts(state: str) -> Where:
    """The call of a state's function."""
    return lambda point: (point.kind, point.label) == ("lambda", state)


def sends(point: Point) -> bool:
    """A request to Clazar."""
    return point.kind == "request"


def tells(state: str = "") -> Where:
    """A message of a state (of any) to a topic."""
    return lambda point: point.kind == "message" and state in ("", point.label)


def fails(where: Where, error: Exception) -> Choose:
    """Let an error come of a point, and nothing of it happen."""

    def fail(point: Point, effect: Result, lost: Result) -> NoReturn:  # noqa: ARG001  # see Break
        raise error

    return lambda point: fail if where(point) else None


def answers_lost(where: Where = sends, *, arrive: bool, of: str = "") -> Choose:
    """Let what happens at a point (requests of a contract) arrive, or not, without an answer."""

    def lose(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
        if arrive:
            effect()
        return lost()

    return lambda point: lose if where(point) and of in point.label else None
