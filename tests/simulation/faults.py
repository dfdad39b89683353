"""What goes wrong at the points of a story: storage, answers that are lost, functions that die."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

from functions.errors import StorageBusy
from infra.metering_tasks import TASKS
from tests.in_memory.breaks import Case, Player, cases
from tests.in_memory.machine import Execution
from tests.in_memory.points import Break, Died, Point, Result
from tests.in_memory.timeline import StepFunctions, Timeline
from tests.simulation.storage import StoryBucket
from tests.simulation.terms import Rates

_MOST_NESTED = 2
_REDRIVE_WITHIN = (6 * 3_600, 6 * 3_600, 13 * 86_400)


class Faults:
    """For `Points.choose`. `away`: storage answers nothing for a while."""

    def __init__(
        self, rng: Random, rates: Rates, timeline: Timeline, say: Callable[[str], None]
    ) -> None:
        self._rng, self._rates, self._timeline, self._say = rng, rates, timeline, say
        self.step_functions: StepFunctions
        self.state: StoryBucket
        self.state_file = ""
        self.sender: Execution
        self.stopped: Callable[[Execution], None] = lambda _execution: None
        self.is_over = False
        self.storage_away = False
        self.count = 0
        self._nested = 0

    def storage_is_busy(self) -> bool:
        """Say whether a read or a listing fails now."""
        if self.is_over:
            return False
        return self._hits(0.5 if self.storage_away else self._rates.storage / 4)

    def _hits(self, rate: float) -> bool:
        if not rate or self._rng.random() >= rate:
            return False
        self.count += 1
        return True

    def choose(self, point: Point) -> Break | None:
        """Break a point, or not. A function whose time is up comes to no point any more."""
        if point.kind == "message":  # of Step Functions itself, whoever stands still meanwhile
            point = point._replace(invocation=None)
        self._check_alive(point)
        if self.is_over:
            return None
        if self._nested < _MOST_NESTED and self._hits(self._rates.crash):
            return self._crash(point)
        if point.kind == "write":
            if self._hits(0.5 if self.storage_away else self._rates.storage):
                return self._of_write(point)
        elif point.kind == "message" and self._hits(self._rates.storage):
            return lambda _point, _effect, lost: lost()
        return None

    def _check_alive(self, point: Point) -> None:
        invocation = point.invocation
        if invocation and self._timeline.now > invocation.deadline:
            invocation.dead = True
            raise Died("Sandbox.Timedout")

    def _of_write(self, point: Point) -> Break:
        way = self._rng.choice(("busy", "lost", "conflict"))
        key = point.label.partition(" ")[2]

        def broken(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
            if way == "lost":
                effect()
            if way != "conflict" or point.label.startswith("put "):
                raise StorageBusy(f"{key}: no answer")
            if key == self.state_file and key in self.state.objects:
                self._touch(key)
                return effect()
            return None  # S3 may refuse a write while another one is underway

        return broken

    def _touch(self, key: str) -> None:
        """Let somebody else write the state file at this very moment."""
        try:
            document = json.loads(self.state.objects[key])
        except ValueError:
            return
        document["note"] = document.get("note", 0) + 1
        self.state.objects[key] = json.dumps(document, indent=2).encode()

    def _crash(self, point: Point) -> Break | None:
        execution = point.invocation.execution if point.invocation else self.sender
        found = [
            case for case in cases([point]) if not (case.way == "late" and self._is_old(point))
        ]
        case = self._rng.choice(found)
        chosen = Player(case, self._timeline, self.step_functions, execution).choose(point)
        if chosen is None:
            return None
        play: Break = chosen

        def in_time(effect: Result) -> Any:
            self._check_alive(point)
            return effect()

        def quietly(effect: Result) -> Any:
            with suppress(Exception):  # nobody waits for the answer any more
                return effect()

        def at_once(effect: Result) -> Any:
            return effect()

        how = {"before": in_time, "late": quietly}.get(case.way, at_once)

        def broken(point: Point, effect: Result, lost: Result) -> Any:
            text = f"{case.way}, then {case.then}"
            self._say(f"! {execution.name} {point.state}: {point.kind} {point.label}: {text}")
            self._follow(case, execution)
            self._nested += 1
            try:
                return play(point, lambda: how(effect), lost)
            finally:
                self._nested -= 1

        return broken

    def _is_old(self, point: Point) -> bool:
        """Say whether a function has stood still before: then late would be too late."""
        if point.invocation is None:
            return False
        lives = TASKS[point.state].timeout_seconds
        return self._timeline.now > point.invocation.deadline - timedelta(seconds=lives)

    def _follow(self, case: Case, execution: Execution) -> None:
        delay = self._rng.uniform(1, self._rng.choice(_REDRIVE_WITHIN))
        if case.then == "redrive":
            if self._rng.random() < 0.3:
                self._timeline.after(delay / 2, lambda: self.stopped(execution))
            self._timeline.after(delay, lambda: self._redrive(execution))
        elif case.then == "new" and self._rng.random() < 0.5:
            given = execution.input
            if not given.get("resolve"):
                self._timeline.after(delay, lambda: self.step_functions.start(given))

    def _redrive(self, execution: Execution) -> None:
        if execution.status not in ("RUNNING", "SUCCEEDED"):
            self.step_functions.redrive(execution)
