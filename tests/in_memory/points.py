"""Points: every write, every request and every Lambda of a run, where it can be broken.

A point has a number and a label. `Points.choose` may name a `Break` for one when it comes; that
plays it with what there is: the effect itself, what the caller gets when no answer comes, and
whoever is calling.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from tests.in_memory.machine import Execution
from tests.in_memory.timeline import Aborted

T = TypeVar("T")
Result = Callable[[], Any]


class Died(BaseException):
    """The function has died at this very point: nothing of it happens any more."""

    def __init__(self, error: str = "Lambda.Unknown") -> None:
        super().__init__(error)
        self.error = error


@dataclass(eq=False)
class Invocation:
    """One life of a Lambda. After its deadline it does nothing any more."""

    execution: Execution
    drive: int
    state: str
    deadline: datetime
    dead: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether the execution still waits for it."""
        return self.execution.status == "RUNNING" and self.execution.drive == self.drive


class Point(NamedTuple):
    """Something that happens outside, in a state.

    `kind`: lambda, write, request, listing, or message.
    """

    number: int
    kind: str
    label: str
    state: str
    invocation: Invocation | None


class Break(Protocol):
    def __call__(self, point: Point, effect: Result, lost: Result) -> Any:
        """Return what the caller gets, or raise it. `lost`: what it gets without an answer."""


def nothing(_point: Point) -> Break | None:
    return None


@dataclass
class Points:
    """The record of what happened outside, in order."""

    choose: Callable[[Point], Break | None] = nothing
    seen: list[Point] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)

    def at(self, kind: str, label: str, effect: Callable[[], T], lost: Callable[[], T]) -> T:
        """Let something happen outside, or break it."""
        current = self.invocations[-1] if self.invocations else None
        if current and current.dead:  # a `finally` of a function that is gone
            raise Died
        point = Point(len(self.seen) + 1, kind, label, current.state if current else label, current)
        self.seen.append(point)
        broken = self.choose(point)
        if broken is None:
            return effect()
        result: T = broken(point, effect, lost)
        return result

    def live(self, invocation: Invocation, call: Callable[[], T]) -> T:
        """Let a Lambda's code run. Aborted at its end if nobody waits for it any more."""
        self.invocations.append(invocation)
        try:
            result = call()
        except (Exception, Died):
            if invocation.is_wanted:
                raise
            raise Aborted from None
        finally:
            self.invocations.pop()
        if not invocation.is_wanted:
            raise Aborted
        return result
