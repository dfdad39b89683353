"""A large month stays small for Step Functions."""

from __future__ import annotations

from tests.statemachines.world import World


def test_two_thousand_contracts_stay_within_the_limits(world: World) -> None:
    world.month(
        *(f"contract-{n:04d}" for n in range(2_000)), hours=1, dimensions=["cpu_core_hours"]
    )
    world.plan["submit_concurrency"] = 20
    result = world.run()
    assert result.status == "SUCCEEDED"
    assert len(world.billed()) == 2_000
    assert result.largest_payload_bytes < 32 * 1024
    assert result.history_events < 1_000
    assert result.children == 2_001
    assert world.clazar.max_in_flight <= 20
