"""A person's decision about a parked contract, from the input of an execution to the next run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.statemachines.world import World

OpenWorld = Callable[..., World]


@pytest.fixture
def parked(open_world: OpenWorld) -> World:
    """A world in which nobody can tell whether c-1 was accepted: it was not."""
    world = open_world(refuse_duplicates=False, listing=False)
    world.month("c-1", "c-2")
    world.clazar.script("c-1", "drop")
    result = world.run()
    assert result.error == "ContractsNeedAttention"
    assert world.ledger("c-1")["failure"]["code"] == "OUTCOME_UNKNOWN"
    return world


def resolved(world: World, outcome: str, **fields: Any) -> Any:
    decision = {
        "contract": "c-1",
        "month": "2025-07",
        "outcome": outcome,
        "reason": "seen in Clazar by jane",
    }
    return world.run({"resolve": {**decision, **fields}})


def test_not_accepted_lets_the_next_run_send_it_once(parked: World) -> None:
    posts = len(parked.clazar.posts)
    result = resolved(parked, "not_accepted")
    assert result.status == "SUCCEEDED", result.cause
    assert parked.state_json()["error_contracts"]["2025-07"] == []
    assert len(parked.clazar.posts) == posts, "a decision sends nothing"
    assert parked.run().status == "SUCCEEDED"
    assert parked.billed_contracts() == {"c-1", "c-2"}
    assert "c-1" in parked.state_json()["success_contracts"]["2025-07"]
    decided, reopened = parked.ledger("c-1")["decisions"]
    assert decided["what"] == "not_accepted"
    assert decided["reason"] == "seen in Clazar by jane"
    assert decided["execution"] != reopened["execution"]


@pytest.mark.parametrize("outcome", ["accepted", "waived"])
def test_what_was_settled_is_never_sent_again(parked: World, outcome: str) -> None:
    posts = len(parked.clazar.posts)
    result = resolved(parked, outcome)
    assert result.status == "SUCCEEDED", result.cause
    assert f"c-1 resolved as {outcome}" in result.output["message"]
    assert resolved(parked, outcome).status == "SUCCEEDED", "twice is once"
    state = parked.state_json()
    assert state["success_contracts"]["2025-07"] == ["c-2", "c-1"]
    assert state["error_contracts"]["2025-07"] == []
    parked.run({"months": ["2025-07"]})
    parked.run({"retry_errors": True})
    assert len(parked.clazar.posts) == posts
    (decision,) = parked.ledger("c-1")["decisions"]
    assert (decision["what"], decision["reason"]) == (outcome, "seen in Clazar by jane")
    rows = [row for row in parked.report()["rows"] if row["contract_id"] == "c-1"]
    assert {row["outcome"] for row in rows} == {outcome}
    assert "seen in Clazar by jane" in rows[0]["detail"]
    given_up = outcome == "waived"
    assert {row["billed"] == "0" for row in rows} == {given_up}
    assert {row["waived"] == row["due"] for row in rows} == {given_up}
