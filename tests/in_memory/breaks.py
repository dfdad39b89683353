"""One break: at which point, how, and what happens next. Its text is enough to play it again."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.tasks import SETTLE_SECONDS
from tests.in_memory.machine import Execution, StateFailed
from tests.in_memory.points import Break, Died, Point, Result, nothing
from tests.in_memory.timeline import Aborted, StepFunctions, Timeline

_SHOWN, _AGAIN = 8, 16
# Less than SETTLE_SECONDS, after which a request has arrived or never will.
LATE = SETTLE_SECONDS - 1.0
_STANDS_STILL = ("second", "zombie", "alongside")
# What can follow when the caller is gone.
_AFTER_THE_END = ("retry", "new", "redrive")


@dataclass(frozen=True)
class Case:
    """Break the point with this number.

    How (`way`): `before`, the effect does not happen and the function dies; `after`, it happens and
    the function dies; `lost`, it happens and the caller gets no answer; `late`, the same, but it
    happens only later.

    What happens next (`then`): `retry`, the definition goes on by itself; `new`, the execution is
    aborted, the next one is another; `redrive`, it is aborted and later goes on under its own id.
    Or the function does not die, it stands still at the point until the others are done or its own
    time is up, and goes on: `second`, while a second execution runs; `zombie`, its own was aborted,
    another runs; `alongside`, its own has given it up and runs the state anew under the same id
    (a connection to Lambda that was lost, a redrive).
    """

    number: int
    state: str
    label: str
    way: str
    then: str


def cases(points: Sequence[Point]) -> Iterator[Case]:
    """Return all that can go wrong in a run with these points."""
    for point in points:
        for way, thens in _WAYS[point.kind].items():
            for then in thens:
                yield Case(point.number, point.state, f"{point.kind} {point.label}", way, then)


# With `lost` and an aborted execution nobody gets to see that there is no answer: as `after`.
_EFFECT = {
    "before": (*_AFTER_THE_END, *_STANDS_STILL),
    "after": (*_AFTER_THE_END, *_STANDS_STILL),
    "lost": ("retry", *_STANDS_STILL),
}
_WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "write": _EFFECT,
    "request": {**_EFFECT, "late": (*_AFTER_THE_END, *_STANDS_STILL)},
    # A listing changes nothing: dying after it is dying before it. Standing still is not, what was
    # listed gets old.
    "listing": {
        "before": (*_AFTER_THE_END, *_STANDS_STILL),
        "after": _STANDS_STILL,
        "lost": ("retry",),
    },
    # A Lambda that has ended does not stand still, and its result is lost or it is not.
    "lambda": {"before": (*_AFTER_THE_END, *_STANDS_STILL), "lost": (*_AFTER_THE_END, "second")},
    # Step Functions itself calls SNS: there is no function that could live on.
    "message": {
        "before": (*_AFTER_THE_END, "second"),
        "after": ("new", "redrive", "second"),
        "lost": ("retry",),
    },
}


def check(
    title: str,
    found: Sequence[Case],
    play: Callable[[Case], list[str]],
    replay: str,
    covered: Callable[..., None],
) -> None:
    """Play all cases; the message has what replays the first that break: `replay` of a case."""
    failed = {case: broken for case in found if (broken := play(case))}
    covered(title, fault_points=len({case.number for case in found}), runs=len(found))
    shown = [f"{replay.format(case)}: {broken}" for case, broken in failed.items()][:_SHOWN]
    assert not failed, "\n".join([f"{len(failed)} of {len(found)} cases break a promise:", *shown])


class Futures:
    """What becomes of worlds, by what they are known by.

    Worlds that are the same have the same future: it is played once, and again now and then to see
    that this is so.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}
        self._met: Counter[str] = Counter()

    def of(self, now: str, future: Callable[[], list[str]]) -> list[str]:
        """Return what becomes of a world."""
        self._met[now] += 1
        if now not in self._known or self._met[now] % _AGAIN == 0:
            found = future()
            assert self._known.setdefault(now, found) == found, "it depends on more than the digest"
        return self._known[now]


class Player:
    """Plays one case on an execution, once. `meanwhile` happens at the point, if set."""

    def __init__(
        self, case: Case, timeline: Timeline, step_functions: StepFunctions, broken: Execution
    ) -> None:
        self.case, self._broken = case, broken
        self._timeline, self._step_functions = timeline, step_functions
        self.played = False
        self.meanwhile: Callable[[], object] = lambda: None

    def choose(self, point: Point) -> Break | None:
        """For `Points.choose`."""
        if self.played or point.number != self.case.number:
            return nothing(point)
        self.played = True
        return self._play

    def _play(self, point: Point, effect: Result, lost: Result) -> Any:
        way, result = self.case.way, None
        self.meanwhile()
        if way == "late":
            self._timeline.after(LATE, effect)
        elif way in ("after", "lost"):
            result = effect()
        if self.case.way == "not at all":
            return effect()
        self._happens_next(point)
        if way == "before":
            return effect()
        return result if way == "after" else lost()

    def _happens_next(self, point: Point) -> None:
        then = self.case.then
        if then == "retry":
            if self.case.way in ("before", "after"):
                self._die(point)
            return
        if then != "second":
            self._step_functions.abort(self._broken)
        if then in _STANDS_STILL:
            self._stand_still(point)
        else:
            if point.invocation:
                point.invocation.dead = True
            raise Aborted

    def _die(self, point: Point) -> None:
        name = "Lambda.Unknown" if self.case.way == "before" else "Runtime.ExitError"
        if point.invocation is None:
            raise StateFailed("SNS.InternalError", "no answer")
        point.invocation.dead = True
        raise Died(name)

    def _stand_still(self, point: Point) -> None:
        """Let the others run, until they are done or the function's own time is up.

        Between two states nothing is alive, so nothing ends.
        """
        if self.case.then == "alongside":
            other = self._broken
            self._step_functions.redrive(other)
        else:
            other = self._step_functions.start(self._broken.input)
        alive = point.kind != "lambda" or self.case.then != "second"
        deadline = point.invocation.deadline if point.invocation and alive else None
        self._timeline.run(until=lambda: other.status != "RUNNING", deadline=deadline)
