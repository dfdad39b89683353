"""The state file and the ledger over several runs."""

import json
from collections.abc import Callable

from tests.statemachines.world import KEY, World

OpenWorld = Callable[..., World]


def test_a_dry_run_changes_nothing_outside_its_preview_and_the_real_run_sends_all(
    world: World,
) -> None:
    world.month("c-1", "c-2")
    result = world.run({"dry_run": True})
    assert result.status == "SUCCEEDED"
    assert not world.clazar.exchanges
    written = world.keys()
    assert written
    assert all(key.startswith(("previews/", "days/")) for key in written)
    preview = json.loads((world.state / result.output["months"][0]["report"]).read_text())
    assert [contract["contract_id"] for contract in preview] == ["c-1", "c-2"]
    assert preview[0]["records"][0]["quantity"] == "6"
    world.run()
    assert world.billed_contracts() == {"c-1", "c-2"}


def test_the_state_file_of_the_earlier_script_is_taken_over(world: World) -> None:
    world.months("a", "b", "c", of=("2025-06", "2025-07"))
    del world.plan["start_month"]
    error = {"contract_id": "c", "errors": ["Some error"], "code": "ERROR_001", "message": "m"}
    entry = {
        "last_processed_month": "2025-06",
        "last_updated": "2025-07-25T20:15:37Z",
        "success_contracts": {"2025-06": ["a", "b"]},
        "error_contracts": {"2025-06": [error]},
    }
    world.write_state({KEY: entry})
    announced = world.run()
    assert announced.error == "ContractsNeedAttention"
    assert "2025-06: c (ERROR_001 since 2025-08-02)" in str(announced.cause)
    assert {month for _, _, month in world.billed()} == {"2025-07"}
    assert world.state_json()["success_contracts"]["2025-06"] == ["a", "b"]
    assert world.state_json()["error_contracts"]["2025-06"] == [error]
    world.edit_state(error_contracts={"2025-06": []})
    world.run()
    assert world.billed_contracts("2025-06") == {"c"}
    assert world.state_json()["success_contracts"]["2025-06"] == ["a", "b", "c"]
