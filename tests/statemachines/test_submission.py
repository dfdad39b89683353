"""What is sent to Clazar, whatever Clazar answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.partners.clazar.server import ClazarServer
from infra.local.partners.clazar.tokens import Credentials
from tests.statemachines.world import KEY, PLAN, PLAN_ID, World, a_record

OpenWorld = Callable[..., World]


def test_a_refused_contract_does_not_hold_others_up_and_can_be_reopened(world: World) -> None:
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-2", "refuse")
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "ContractsNeedAttention")
    assert "contracts that need attention: 1" in str(result.cause)
    assert "2025-07: c-2 (" in str(result.cause)
    assert world.billed_contracts() == {"c-1", "c-3"}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["contract_id"] == "c-2"
    assert error["errors"]
    assert error["code"]
    assert error["message"]
    assert len(error["payload"]["request"]) == 3
    posts = len(world.clazar.posts)
    assert world.run().status == "SUCCEEDED"
    assert len(world.clazar.posts) == posts, "an error is not retried without being asked"
    world.edit_state(error_contracts={"2025-07": []})
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1", "c-2", "c-3"}
    assert world.state_json()["success_contracts"]["2025-07"] == ["c-1", "c-3", "c-2"]
    assert world.ledger("c-2")["retries"] == 1


def test_fail_without_errors_is_not_billed(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "fail")
    assert world.run().error == "ContractsNeedAttention"
    assert world.billed() == {}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["code"] == "NOT_BILLED"


def test_partial_acceptance_is_kept_and_only_the_rest_is_sent_again(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "partial:memory_byte_hours")
    world.run()
    assert len(world.billed()) == 2
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert [record["dimension"] for record in error["payload"]["request"]] == ["memory_byte_hours"]
    assert world.run({"retry_errors": True}).status == "SUCCEEDED"
    assert len(world.billed()) == 3
    assert [record["dimension"] for record in world.clazar.posts[-1].records] == [
        "memory_byte_hours"
    ]


@pytest.mark.parametrize(
    "actions",
    [
        *(["busy", "busy"], ["unavailable"], ["gateway-timeout", "drop"], ["drop"], ["lost"]),
        *(["lost", "busy"], ["unavailable:accepted"], ["garbage"], ["short"], ["shuffled"]),
        *(["expire"], ["drop", "lost"]),
    ],
)
def test_whatever_happens_to_a_request_each_record_is_accepted_once(
    open_world: OpenWorld, actions: list[str]
) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2")
    world.clazar.script("c-1", *actions)
    result = world.run()
    assert result.status == "SUCCEEDED", result.cause
    assert len(world.billed()) == 6
    assert not world.clazar.unused_actions() or actions == ["lost", "busy"]


def test_expired_tokens_are_renewed(open_world: OpenWorld) -> None:
    world = open_world(token_seconds=0.2)
    world.month("c-1", "c-2", "c-3")
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1", "c-2", "c-3"}


@pytest.mark.parametrize(
    ("secret", "said"),
    [("another", "(CredentialsRefused: Clazar refused"), ("local-secret", "ConnectionError")],
)
def test_a_clazar_that_refuses_us_or_cannot_be_reached_blames_no_contract(
    open_world: OpenWorld, clazar_port: int, secret: str, said: str
) -> None:
    world = open_world(credentials=Credentials(client_secret=secret))
    world.month("c-1", "c-2")
    if secret == "local-secret":
        world.clazar.stop()
    result = world.run()
    assert result.error == "MonthIncomplete"
    assert "left open: 2: 2 contracts (" in str(result.cause)
    assert said in str(result.cause)
    assert world.state_json()["error_contracts"] == {}
    assert "last_processed_month" not in world.state_json()
    world.clazar.stop()
    with ClazarServer(port=clazar_port) as world.clazar:
        assert world.run().status == "SUCCEEDED"
        assert world.billed_contracts() == {"c-1", "c-2"}


def test_a_record_that_somebody_else_has_sent_is_taken_as_billed_only_if_it_is_the_same(
    world: World,
) -> None:
    world.month("same", "other", dimensions=["cpu_core_hours"])
    for contract, quantity in (("same", "6"), ("other", "5")):
        record = {"cloud": "aws", "contract_id": contract, "dimension": "cpu_core_hours"}
        window = {"start_time": "2025-07-01T00:00:00Z", "end_time": "2025-07-31T23:59:59Z"}
        world.clazar.preload({**record, **window, "quantity": quantity})
    assert world.run().error == "ContractsNeedAttention"
    assert world.state_json()["success_contracts"] == {"2025-07": ["same"]}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert (error["contract_id"], error["code"]) == ("other", "DUPLICATE")
    assert "month: 5 (record" in error["message"]


def test_one_contract_under_two_plans_is_not_silently_lost(world: World) -> None:
    other = {**PLAN, "plan_id": "pt-2", "start_month": "2025-07"}
    world.month("c-1", dimensions=["cpu_core_hours"])
    world.month("c-1", dimensions=["cpu_core_hours"], path="Postgres/PROD/pt-2")
    instant = {"last_processed_to": "2025-08-01T02:14:59Z"}
    key = KEY.replace(PLAN_ID, "pt-2")
    world.put("omnistrate-metering/last_success_export.json", {KEY: instant, key: instant})
    both = [world.plan, other]
    assert world.run({"plan": KEY}, plans=both).status == "SUCCEEDED"
    result = world.run({"plan": key}, plans=both)
    assert result.error == "ContractsNeedAttention"
    assert "; the 6 of this plan is not listed" in (world.state / "metering_state.json").read_text()


def test_two_overlapping_runs_of_a_plan_send_everything_once(open_world: OpenWorld) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-2", "slow:0.3")
    first, second = world.start(), world.start()
    results = [world.account.wait(running) for running in (first, second)]
    assert {result.status for result in results} <= {"SUCCEEDED", "FAILED"}
    assert "SUCCEEDED" in {result.status for result in results}
    assert {result.error for result in results} <= {None, "PlanBusy"}
    assert len(world.billed()) == 9
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1", "c-2", "c-3"]}


def test_logs_hold_no_record_no_mail_address_and_no_secret(
    world: World, function_logs: Path
) -> None:
    world.month("c-1")
    world.hour("01/05", [a_record(None)])
    world.run()
    logs = function_logs.read_text()
    assert "usage merged" in logs
    assert "customer.example" not in logs
    assert "local-secret" not in logs
