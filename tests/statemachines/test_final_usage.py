"""The final usage of a cancelled contract, in the month that is still running."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.statemachines.world import World

JULY_13 = "2025-07-13T11:30:00Z"
FINAL = {"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"}
CPU = "cpu_core_hours"


@pytest.fixture
def running(open_world: Callable[..., World]) -> World:
    """A world in the middle of July. Usage: one unit an hour, on the first day."""
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2", hours=24, dimensions=[CPU])
    world.exported_to("2025-07-01T10:14:59Z")
    return world


def test_the_running_month_is_billed_up_to_that_hour_and_not_again(running: World) -> None:
    result = running.run(FINAL, as_of=JULY_13)
    assert result.status == "SUCCEEDED", result.cause
    assert running.billed() == {("c-1", CPU, "2025-07"): 10}
    (record,) = running.clazar.accepted
    assert (record["start_time"], record["end_time"]) == (
        "2025-07-01T00:00:00Z",
        "2025-07-01T09:59:59Z",
    )
    assert "last_processed_month" not in running.state_json()
    assert running.ledger("c-1")["until"] == FINAL["until"]
    running.run(FINAL, as_of=JULY_13)
    running.exported_to("2025-08-01T02:14:59Z")
    result = running.run()
    assert result.status == "SUCCEEDED", result.cause
    assert running.billed() == {("c-1", CPU, "2025-07"): 10, ("c-2", CPU, "2025-07"): 24}
    assert running.state_json()["last_processed_month"] == "2025-07"
    message = result.output["message"]
    assert "c-1 cpu_core_hours: billed 10, usage now comes to 24 (+14)" in message


def test_a_dry_run_shows_the_final_usage(running: World) -> None:
    result = running.run({**FINAL, "dry_run": True}, as_of=JULY_13)
    assert result.status == "SUCCEEDED"
    assert not running.clazar.exchanges
    assert all(key.startswith(("previews/", "days/")) for key in running.keys(""))
