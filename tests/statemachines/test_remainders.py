"""What rounding leaves of one month is billed with the next, to the unit."""

from __future__ import annotations

from typing import Any

from tests.statemachines.world import World

CPU = "cpu_core_hours"
MONTHS = ("2025-05", "2025-06", "2025-07")


def three_months(world: World, **plan: Any) -> list[str]:
    """Bill three months of 6 x 0.25 = 1.5 units and return the quantities."""
    for month in MONTHS:
        world.month("c-1", month=month, dimensions=[CPU], value=0.25)
    world.plan |= {"start_month": "2025-05", "missing_hours": "warn", **plan}
    assert world.run().status == "SUCCEEDED"
    return [str(world.billed()["c-1", CPU, month]) for month in MONTHS]


def row_of(world: World, month: str) -> str:
    (row,) = world.report(month)["rows"]
    columns = ("usage", "carried_in", "due", "billed", "open", "remainder")
    return " ".join(row[name] for name in columns)


def test_remainders_are_carried_to_the_next_month_and_shown(world: World) -> None:
    assert three_months(world) == ["1", "2", "1"]
    assert row_of(world, "2025-05") == "1.5 0 1.5 1 0 0.5"
    assert row_of(world, "2025-06") == "1.5 0.5 2 2 0 0"
    assert row_of(world, "2025-07") == "1.5 0 1.5 1 0 0.5"


def test_a_plan_can_leave_remainders_unbilled(world: World) -> None:
    assert three_months(world, carry_remainders=False) == ["1", "1", "1"]
    assert row_of(world, "2025-06") == "1.5 0 1.5 1 0 0.5"


def test_a_month_that_is_looked_at_again_is_not_taken_for_changed(world: World) -> None:
    three_months(world)
    again = world.run({"months": ["2025-06"]})
    assert "usage now comes to" not in again.output["message"]
    assert len(world.clazar.posts) == 3


def test_a_contract_that_failed_takes_its_remainder_along_when_it_is_sent_later(
    world: World,
) -> None:
    world.clazar.script("c-1", "refuse")
    for month in MONTHS:
        world.month("c-1", month=month, dimensions=[CPU], value=0.25)
    world.plan |= {"start_month": "2025-05", "missing_hours": "warn"}
    world.run()
    assert [world.billed().get(("c-1", CPU, month)) for month in MONTHS] == [None, 2, 1]
    world.run({"retry_errors": True})
    assert [world.billed()["c-1", CPU, month] for month in MONTHS] == [1, 2, 1]
