"""What Step Functions has to carry does not grow with the number of contracts."""

from calendar import monthrange

from infra.local.account import RunResult
from infra.local.aws.state_folder import files_below
from tests.statemachines.world import PATH, World

FEW, MANY = 10, 200


def billed(world: World, month: str, contracts: int, as_of: str) -> RunResult:
    """Bill a month of so many contracts with ids of the same length; no later month waits."""
    names = (f"contract-{n:04d}" for n in range(contracts))
    world.month(*names, month=month, hours=1, dimensions=["cpu_core_hours"])
    result = world.run(as_of=as_of)
    assert result.status == "SUCCEEDED"
    days = monthrange(int(month[:4]), int(month[5:]))[1]
    assert result.children == contracts + days + 1, "and the files beside the days"
    assert result.failed_children == 0
    assert len(world.billed_contracts(month)) == contracts
    return result


def test_twenty_times_the_contracts_are_no_more_history_and_no_larger_payload(world: World) -> None:
    world.plan |= {"submit_concurrency": 20, "start_month": "2025-06", "missing_hours": "warn"}
    world.plan |= {"late_window": 0}  # the second run would compare the month of the first
    world.exported_to("2025-07-01T02:00:00Z")
    few = billed(world, "2025-06", FEW, "2025-07-02T00:00:00Z")
    world.exported_to("2025-08-01T02:00:00Z")
    many = billed(world, "2025-07", MANY, "2025-08-02T00:00:00Z")
    assert many.history_events == few.history_events < 100
    assert abs(many.largest_payload_bytes - few.largest_payload_bytes) < 100
    assert many.largest_payload_bytes < 32 * 1024
    assert world.clazar.max_in_flight <= 20


def test_a_contract_id_that_no_file_name_can_hold_is_billed_once_and_keeps_its_ledger(
    world: World,
) -> None:
    contract = "c" * 390
    world.month(contract, "c-1")
    assert world.run().status == "SUCCEEDED"
    (world.state / "metering_state.json").unlink()
    posts = len(world.clazar.posts)
    assert world.run({"months": ["2025-07"]}).status == "SUCCEEDED"
    assert world.billed_contracts() == {contract, "c-1"}
    assert len(world.clazar.posts) == posts
    assert sorted(world.state_json()["success_contracts"]["2025-07"]) == ["c-1", contract]
    assert f"ledger/{PATH}/2025-07/{contract}.json" in dict(files_below(world.state))
