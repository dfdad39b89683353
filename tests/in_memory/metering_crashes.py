"""The crash matrix of the metering pipeline: every point of a run, broken in every way.

`Row(scenario, receiver).play(case)` plays one case and returns the promises that it broke.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.in_memory.breaks import Case, Player, cases, check
from tests.in_memory.metering_promises import Promises
from tests.in_memory.metering_scenarios import (
    SCENARIOS,
    Receiver,
    Scenario,
    retry_what_is_parked,
    settle,
)
from tests.in_memory.metering_world import PLAN, MeteringWorld

_AGAIN = 16
# The claim before a contract's first request and the record after its last one belong to them.
_AROUND = 4


class Row:
    """A scenario with one receiver; what comes before the run that breaks is played once."""

    def __init__(self, scenario: Scenario, receiver: Receiver) -> None:
        self._scenario, self._receiver = scenario, receiver
        plan = {**PLAN, "start_month": scenario.first_month, **scenario.plan}
        rule, lists = receiver
        self._a_world = partial(MeteringWorld, plan, refuses_duplicates=rule, lists=lists)
        with self._a_world() as self._before:
            self._promises = Promises(self._before)
            scenario.usage(self._before)
            scenario.before(self._before, self._promises)
        self._known: dict[str, list[str]] = {}
        self._met: Counter[str] = Counter()

    @contextmanager
    def _begun(self) -> Iterator[tuple[MeteringWorld, Promises]]:
        with self._a_world() as world:
            world.follow(self._before)
            promises = Promises(world)
            promises.broken += self._promises.broken
            promises.reopened |= self._promises.reopened
            yield world, promises

    def recorded(self) -> list[Case]:
        """Return all cases: the points of a run in which nothing breaks.

        The states before and after those that talk to Clazar meet it only through the requests of
        another execution: two receivers are enough for them, the one with both rules and the one
        with none.
        """
        with self._begun() as (world, _promises):
            begin = len(world.points.seen)
            world.execute(**self._scenario.given)
            points = world.points.seen[begin:]
        talking = [point.number for point in points if point.kind in ("request", "listing")]
        extreme = self._receiver.refuses_duplicates == self._receiver.lists
        return [
            case
            for case in cases(points)
            if extreme or talking[0] - _AROUND <= case.number <= talking[-1] + _AROUND
        ]

    def play(self, case: Case) -> list[str]:
        """Break a run, let others follow until nothing changes, and return the broken promises."""
        with self._begun() as (world, promises):
            broken = world.start(**self._scenario.given)
            player = Player(case, world.timeline, world.step_functions, broken)
            world.points.choose = player.choose
            world.timeline.run(until=lambda: broken.status != "RUNNING")
            if not player.played:
                return [f"the point never came: {case}"]
            if case.then == "redrive":
                world.step_functions.redrive(broken)
            elif case.then == "new":
                world.start()
            if case.then != "new" or case.way == "late":  # something else is underway
                world.timeline.run()
            return self._in_the_end(world, promises)

    def _in_the_end(self, world: MeteringWorld, promises: Promises) -> list[str]:
        """Return the promises that are broken once nothing changes any more.

        Worlds that are the same have the same future: it is played once, and again now and then to
        see that this is so.
        """
        now = _digest(world, promises)
        self._met[now] += 1
        if now not in self._known or self._met[now] % _AGAIN == 0:
            world.timeline.run()
            settle(world, promises)
            self._scenario.after(world, promises)
            retry_what_is_parked(world)
            found = list(promises.in_the_end())
            assert self._known.setdefault(now, found) == found, "it depends on more than the digest"
        return self._known[now]


def _digest(world: MeteringWorld, promises: Promises) -> str:
    """Return what a world is known by: all that its future depends on.

    Nothing is underway but, perhaps, an execution that has just been started.
    """
    clazar, executions = world.clazar, world.step_functions.executions
    all_of_it = (
        *(sorted(bucket.objects.items()) for bucket in world.buckets.values()),
        *(clazar.accepted, clazar.requests, clazar.actions, sorted(clazar.unknown_contracts)),
        *(world.now(), world.messages, sorted(world.state_bucket.unconditional)),
        *((each.input, each.status, each.output, each.error, each.cause) for each in executions),
        *(promises.broken, sorted(promises.reopened)),
    )
    return hashlib.sha256(repr(all_of_it).encode()).hexdigest()


def check_row(scenario: str, receiver: Receiver, covered: Callable[..., None]) -> None:
    """Play all cases of a scenario with one receiver."""
    row = Row(SCENARIOS[scenario], receiver)
    replay = f"Row(SCENARIOS[{scenario!r}], {receiver!r}).play({{!r}})"
    check("metering crash matrix", row.recorded(), row.play, replay, covered)
