"""The crash matrix of the metering pipeline: every point of a run, broken in every way.

`play(scenario, receiver, case)` plays one case and returns the promises that it broke.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.in_memory.breaks import Case, Player, cases, check
from tests.in_memory.metering_promises import Promises
from tests.in_memory.metering_world import PLAN, MeteringWorld

HOUR = 3600.0
APPROVE_ABOVE = {"approve_above": "20%"}
APPROVE = {"approve": "2025-07", "reason": "a new customer"}
_MOST_RUNS = 8
_AGAIN = 16
# The claim before a contract's first request and the record after its last one belong to them.
_AROUND = 4


class Receiver(NamedTuple):
    """What Clazar does beside billing."""

    refuses_duplicates: bool
    lists: bool

    def __str__(self) -> str:
        rule = "duplicates refused" if self.refuses_duplicates else "no duplicate rule"
        return f"{rule}, {'listing' if self.lists else 'no listing'}"


RECEIVERS = [Receiver(rule, lists) for rule in (True, False) for lists in (True, False)]


@dataclass(frozen=True)
class Scenario:
    """What there is to bill, the run that breaks, what came before it, and what comes after it."""

    name: str
    first_month: str
    usage: Callable[[MeteringWorld], None]
    given: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[MeteringWorld, Promises], None] = lambda _world, _promises: None
    after: Callable[[MeteringWorld, Promises], None] = lambda _world, _promises: None
    plan: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _one_month(world: MeteringWorld) -> None:
    world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4, "mem": 2}, "c-2": {"cpu": 1, "mem": 3}})
    world.put_usage("2025-07", "01/01", {"c-1": {"cpu": 1}})


def _one_unknown(world: MeteringWorld) -> None:
    world.put_usage("2025-07", None, {"c-1": {"cpu": 4, "mem": 2}, "c-2": {"cpu": 1, "mem": 3}})
    world.clazar.unknown_contracts.add("c-2")


def _two_months(world: MeteringWorld) -> None:
    world.put_usage("2025-06", None, {"c-1": {"cpu": 4}})
    world.put_usage("2025-07", None, {"c-1": {"cpu": 5}, "c-2": {"cpu": 1}})


def _reopen(world: MeteringWorld, promises: Promises) -> None:
    world.clazar.unknown_contracts.clear()
    if ("2025-07", "c-2") in world.parked():
        promises.reopened.add(("2025-07", "c-2"))
        world.reopen("2025-07", "c-2")


def _refused_then_reopened(world: MeteringWorld, promises: Promises) -> None:
    world.execute()
    world.timeline.pass_time(HOUR)
    _reopen(world, promises)


def _refused_then_known(world: MeteringWorld, _promises: Promises) -> None:
    world.execute()
    world.timeline.pass_time(HOUR)
    world.clazar.unknown_contracts.clear()


def _held(world: MeteringWorld, _promises: Promises) -> None:
    assert world.execute().error == "MonthHeld"
    world.timeline.pass_time(HOUR)


def _approved_then_settled(world: MeteringWorld, promises: Promises) -> None:
    """Approve July unless the broken run has got that far; unapproved, nothing of it was sent."""
    body = next(b for key, b in world.state_bucket.objects.items() if key.endswith("P/plan.json"))
    if "approval" not in json.loads(body)["held"].get("2025-07", {"approval": "or closed"}):
        if any(billed.month == "2025-07" for billed in world.clazar.counts()):
            promises.broken.append("2025-07 was sent although nobody had approved it")
        world.execute(**APPROVE)
    settle(world, promises)
    for key, entry in world.state_bucket.objects.items():
        if "/2025-07/c-" in key and b'"approved"' not in entry and key.startswith("ledger/"):
            promises.broken.append(f"{key} does not say who approved it")


def _reopened_then_settled(world: MeteringWorld, promises: Promises) -> None:
    _reopen(world, promises)
    settle(world, promises)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("one month", "2025-07", _one_month),
        Scenario("two months", "2025-06", _two_months),
        Scenario("refused", "2025-07", _one_unknown, after=_reopened_then_settled),
        Scenario("re-opened", "2025-07", _one_unknown, before=_refused_then_reopened),
        Scenario(
            "retried",
            "2025-07",
            _one_unknown,
            given={"retry_errors": True},
            before=_refused_then_known,
        ),
        Scenario("held", "2025-06", _two_months, after=_approved_then_settled, plan=APPROVE_ABOVE),
        Scenario(
            "approved",
            "2025-06",
            _two_months,
            given=APPROVE,
            before=_held,
            after=_approved_then_settled,
            plan=APPROVE_ABOVE,
        ),
    )
}


def _world(scenario: Scenario, receiver: Receiver) -> MeteringWorld:
    plan = {**PLAN, "start_month": scenario.first_month, **scenario.plan}
    rule, lists = receiver
    return MeteringWorld(plan, refuses_duplicates=rule, lists=lists)


def recorded(scenario: Scenario, receiver: Receiver) -> list[Case]:
    """Return all cases of a scenario: its points, from a run in which nothing breaks.

    The states before and after those that talk to Clazar meet it only through the requests of
    another execution: two receivers are enough for them, the one with both rules and the one with
    none.
    """
    with _world(scenario, receiver) as world:
        promises = Promises(world)
        scenario.usage(world)
        scenario.before(world, promises)
        begin = len(world.points.seen)
        world.execute(**scenario.given)
        points = world.points.seen[begin:]
    talking = [point.number for point in points if point.kind in ("request", "listing")]
    extreme = receiver.refuses_duplicates == receiver.lists
    return [
        case
        for case in cases(points)
        if extreme or talking[0] - _AROUND <= case.number <= talking[-1] + _AROUND
    ]


def play(
    scenario: Scenario, receiver: Receiver, case: Case, futures: Futures | None = None
) -> list[str]:
    """Break a run, let others follow until nothing changes, and return the broken promises."""
    with _world(scenario, receiver) as world:
        promises = Promises(world)
        scenario.usage(world)
        scenario.before(world, promises)
        broken = world.start(**scenario.given)
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
        return (futures or Futures()).of(scenario, world, promises)


class Futures:
    """What follows on a world. Worlds that are the same have the same future: it is played once.

    And again now and then, to see that this is so.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}
        self._met: Counter[str] = Counter()

    def of(self, scenario: Scenario, world: MeteringWorld, promises: Promises) -> list[str]:
        """Return the promises that are broken once nothing changes any more."""
        now = _digest(world, promises)
        self._met[now] += 1
        if now not in self._known or self._met[now] % _AGAIN == 0:
            world.timeline.run()
            settle(world, promises)
            scenario.after(world, promises)
            _retry_what_is_parked(world)
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
    named, futures = SCENARIOS[scenario], Futures()
    replay = f"play(SCENARIOS[{scenario!r}], {receiver!r}, {{!r}})"
    check(
        "metering crash matrix",
        recorded(named, receiver),
        lambda case: play(named, receiver, case, futures),
        replay,
        covered,
    )


def settle(world: MeteringWorld, promises: Promises) -> None:
    """Run until a run changes nothing: then a person has been told of what is parked."""
    _run_until_quiet(world)
    promises.check_reported()
    promises.check_books()


def _retry_what_is_parked(world: MeteringWorld) -> None:
    if world.parked():
        world.timeline.pass_time(HOUR)
        world.execute(retry_errors=True)
        world.timeline.pass_time(HOUR)
        world.execute()


def _run_until_quiet(world: MeteringWorld) -> None:
    for _ in range(_MOST_RUNS):
        before = list(_lasting(world))
        world.timeline.pass_time(HOUR)
        world.execute()
        if before == list(_lasting(world)):
            return
    raise AssertionError(f"still changing after {_MOST_RUNS} runs")


def _lasting(world: MeteringWorld) -> Iterator[object]:
    yield len(world.clazar.accepted)
    for key, body in world.state_bucket.objects.items():
        if key.startswith("ledger/") or key == world.plan.state_file:
            yield (key, body)
