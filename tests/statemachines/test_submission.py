"""What is sent to Clazar, whatever Clazar answers."""

from collections.abc import Callable

import pytest

from infra.local.partners.clazar.server import ClazarServer
from infra.local.partners.clazar.tokens import Credentials
from tests.statemachines.world import World

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
