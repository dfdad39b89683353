"""The state file and the ledger over several runs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from infra.local.partners.clazar.server import ClazarServer
from infra.local.partners.clazar.tokens import Credentials
from tests.statemachines.world import KEY, PATH, World, a_record

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


@pytest.mark.parametrize(
    "body", [b'{"half": ', b"[]", json.dumps({KEY: {"success_contracts": 1}}).encode()]
)
def test_an_unreadable_state_file_stops_the_run_and_is_left_as_it_is(
    world: World, body: bytes
) -> None:
    world.month("c-1")
    world.state.mkdir(exist_ok=True)
    (world.state / "metering_state.json").write_bytes(body)
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "BadState")
    assert "metering_state.json" in str(result.cause)
    assert (world.state / "metering_state.json").read_bytes() == body
    assert not world.clazar.posts


def test_what_was_lost_from_the_state_file_is_restored_from_the_ledger_not_sent_again(
    open_world: OpenWorld,
) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-3", "refuse")
    world.run()
    posts = len(world.clazar.posts)
    (world.state / "metering_state.json").unlink()
    (world.state / f"ledger/{PATH}/plan.json").unlink()
    assert world.run().error == "ContractsNeedAttention"
    assert len(world.clazar.posts) == posts
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1", "c-2"]}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["contract_id"] == "c-3"


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


def test_usage_that_clazar_holds_already_is_not_sent_by_a_fresh_state(
    open_world: OpenWorld,
) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2")
    world.run()
    written = world.keys()
    for key in written:
        (world.state / key).unlink()
    assert world.run().status == "SUCCEEDED"
    assert len(world.billed()) == 6
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1", "c-2"]}


def test_a_contract_whose_usage_went_away_after_it_was_claimed_does_not_keep_the_month_open(
    open_world: OpenWorld, clazar_port: int
) -> None:
    world = open_world(
        credentials=Credentials(client_secret="another")
    )  # so that the run stops after the claim
    world.month("c-old", "c-1")
    assert world.run().error == "MonthIncomplete"
    world.month("c-new", "c-1")
    world.clazar.stop()
    with ClazarServer(port=clazar_port) as world.clazar:
        assert world.run().status == "SUCCEEDED"
        assert world.billed_contracts() == {"c-1", "c-new"}
    assert world.state_json()["last_processed_month"] == "2025-07"


def test_an_error_is_reported_even_if_the_run_stops_elsewhere(world: World) -> None:
    world.months("c-1", of=("2025-06", "2025-07"))
    world.hour("15/07", b"nonsense")
    world.plan["start_month"] = "2025-06"
    world.clazar.script("c-1", "refuse")
    result = world.run()
    assert result.error == "BadUsage"
    assert "2025-06: c-1 (" in str(result.cause)


def test_usage_that_changed_after_it_was_billed_is_reported_and_not_sent(world: World) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"])
    world.run()
    world.hour("01/05", [a_record("c-1", value=1000)])
    result = world.run({"months": ["2025-07"]})
    assert result.status == "SUCCEEDED"
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 6}
    assert "c-1 cpu_core_hours: billed 6, usage now comes to 1005" in result.output["message"]
