"""The crash matrix of the metering pipeline: every point of a run, broken in every way.

`Row(scenario, receiver).play(case)` plays one case and returns the promises that it broke.
"""

import hashlib
from collections.abc import Callable
from functools import cache, partial

import msgspec

from functions.adapters import reports
from functions.domain.months import report_page
from functions.domain.months.report import Report
from tests.in_memory.breaks import Case, Futures, Player, cases, check
from tests.in_memory.machine import Execution
from tests.in_memory.metering_promises import Promises
from tests.in_memory.metering_scenarios import (
    SCENARIOS,
    Receiver,
    Scenario,
    retry_what_is_parked,
    settle,
)
from tests.in_memory.metering_world import PLAN, MeteringWorld
from tests.in_memory.outside import replaced
from tests.in_memory.points import Break, Point, nothing

# The claim before a contract's first request and the record after its last one belong to them.
_AROUND = 4


class Row:
    """A scenario with one receiver; what comes before the break is played once."""

    def __init__(self, scenario: Scenario, receiver: Receiver) -> None:
        self._scenario, self._receiver = scenario, receiver
        plan = {**PLAN, "start_month": scenario.first_month, **scenario.plan}
        rule, lists = receiver
        self._a_world = partial(MeteringWorld, plan, refuses_duplicates=rule, lists=lists)
        self._futures = Futures()
        # By the number of a point: what the world was like when its function was called.
        self._moments: dict[int, tuple[MeteringWorld, Promises]] = {}
        self._points = self._play_without_a_break()

    def _copy(self, world: MeteringWorld, promises: Promises) -> tuple[MeteringWorld, Promises]:
        copy = self._a_world()
        copy.follow(world)
        watching = Promises(copy)
        watching.broken += promises.broken
        watching.reopened |= promises.reopened
        return copy, watching

    def _play_without_a_break(self) -> list[Point]:
        """Return the points of the run, and keep the moments at which a play can begin."""
        with self._a_world() as world:
            promises = Promises(world)
            self._scenario.usage(world)
            self._scenario.before(world, promises)
            begin = len(world.points.seen)

            def keep(point: Point) -> Break | None:
                if point.kind == "lambda":
                    self._moments[point.number] = self._copy(world, promises)
                    self._moments[point.number][0].points.seen.pop()  # it is yet to come
                return nothing(point)

            world.points.choose = keep
            world.execute(**self._scenario.given)
            return world.points.seen[begin:]

    def recorded(self) -> list[Case]:
        """Return all cases: the points of a run in which nothing breaks.

        The states before and after those that talk to Clazar meet it only through the requests of
        another execution: two receivers are enough for them, the one with both rules and the one
        with none.
        """
        talking = [point.number for point in self._points if point.kind in ("request", "listing")]
        extreme = self._receiver.refuses_duplicates == self._receiver.lists
        return [
            case
            for case in cases(self._points)
            if extreme or talking[0] - _AROUND <= case.number <= talking[-1] + _AROUND
        ]

    def play(self, case: Case) -> list[str]:
        """Break a run, let others follow until nothing changes, and return the broken promises."""
        moment = max(number for number in self._moments if number <= case.number)
        world, promises = self._copy(*self._moments[moment])
        with world:
            broken = world.step_functions.executions[-1]
            player = Player(case, world.timeline, world.step_functions, broken)
            world.points.choose = player.choose
            world.timeline.run(until=lambda: broken.status != "RUNNING")
            if not player.played:
                return [f"the point never came: {case}"]
            if case.then == "redrive":
                now = _digest(world, promises, broken)
                world.step_functions.redrive(broken)
                if case.way != "late":  # nothing else is underway
                    return self._futures.of(now, lambda: self._redriven(world, promises))
            elif case.then == "new":
                world.start()
            if case.then != "new" or case.way == "late":  # something else is underway
                world.timeline.run()
            return self._in_the_end(world, promises)

    def _redriven(self, world: MeteringWorld, promises: Promises) -> list[str]:
        world.timeline.run()
        return self._in_the_end(world, promises)

    def _in_the_end(self, world: MeteringWorld, promises: Promises) -> list[str]:
        """Return the promises that are broken once nothing changes any more."""

        def go_on() -> list[str]:
            world.timeline.run()
            settle(world, promises)
            self._scenario.after(world, promises)
            retry_what_is_parked(world)
            return list(promises.in_the_end())

        return self._futures.of(_digest(world, promises), go_on)


def _digest(world: MeteringWorld, promises: Promises, redriven: Execution | None = None) -> str:
    """Return what a world is known by: all that its future depends on.

    Nothing is underway but, perhaps, an execution that has just been started, or is redriven.
    """
    clazar, executions = world.clazar, world.step_functions.executions
    all_of_it = (
        *(bucket.etags() for bucket in world.buckets.values()),
        redriven and (redriven.id, redriven.ended),
        *(clazar.accepted, clazar.requests, clazar.actions, sorted(clazar.unknown_contracts)),
        *(world.now(), world.messages, sorted(world.state_bucket.unconditional)),
        *((each.input, each.status, each.output, each.error, each.cause) for each in executions),
        *(promises.broken, sorted(promises.reopened)),
    )
    return hashlib.sha256(repr(all_of_it).encode()).hexdigest()


@cache
def _page(said: bytes) -> bytes:
    """Render a report once: runs that break in thousands of ways leave few of them."""
    return report_page.page(msgspec.json.decode(said, type=Report))


def check_row(scenario: str, receiver: Receiver, covered: Callable[..., None]) -> None:
    """Play all cases of a scenario with one receiver."""
    replay = f"Row(SCENARIOS[{scenario!r}], {receiver!r}).play({{!r}})"
    with replaced((reports, {"page": lambda report: _page(msgspec.json.encode(report))})):
        row = Row(SCENARIOS[scenario], receiver)
        check("metering crash matrix", row.recorded(), row.play, replay, covered)
