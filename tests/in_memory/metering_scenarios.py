"""What there is to bill in the crash matrix, what comes before the run that breaks, and after."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.in_memory.metering_promises import Promises
from tests.in_memory.metering_world import MeteringWorld

HOUR = 3600.0
HOLDS = {"approve_above": "20%"}
RETRY = {"retry_errors": True}
APPROVE = {"approve": "2025-07", "reason": "a new customer"}
_MOST_RUNS = 8


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
        Scenario("retried", "2025-07", _one_unknown, RETRY, before=_refused_then_known),
        Scenario("held", "2025-06", _two_months, after=_approved_then_settled, plan=HOLDS),
        Scenario("approved", "2025-06", _two_months, APPROVE, _held, _approved_then_settled, HOLDS),
    )
}


def settle(world: MeteringWorld, promises: Promises) -> None:
    """Run until a run changes nothing: then a person has been told of what is parked."""
    _run_until_quiet(world)
    promises.check_reported()
    promises.check_books()


def retry_what_is_parked(world: MeteringWorld) -> None:
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
