"""Which months and contracts a run takes, and which it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.statemachines.world import World


@pytest.mark.parametrize("marker", [None, {}, {"Other:PROD:x": {}}])
def test_without_a_marker_the_error_names_the_way_out(world: World, marker: Any) -> None:
    world.month("c-1")
    path = world.put("omnistrate-metering/last_success_export.json", marker)
    if marker is None:
        path.unlink()
    result = world.run()
    assert result.error == "BadUsage"
    assert "last_success_export.json" in str(result.cause)
    assert "calendar" in str(result.cause)


def test_by_the_calendar_no_marker_is_needed(world: World) -> None:
    world.full_month("c-1", month="2025-07")
    (world.usage / "omnistrate-metering/last_success_export.json").unlink()
    world.plan["completeness"] = "calendar"
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1"}


def test_by_the_calendar_an_export_that_stopped_early_is_noticed(world: World) -> None:
    world.month("c-1")
    world.plan["completeness"] = "calendar"
    result = world.run()
    assert result.error == "BadUsage"
    assert "hours without a file" in str(result.cause)


def test_a_broken_month_holds_up_the_later_ones_but_not_the_earlier(world: World) -> None:
    world.months("c-1", of=("2025-05", "2025-06", "2025-07"))
    world.hour("15/07", b"nonsense", month="2025/06")
    world.plan["start_month"] = "2025-05"
    result = world.run()
    assert result.error == "BadUsage"
    assert {month for _, _, month in world.billed()} == {"2025-05"}
    assert world.state_json()["last_processed_month"] == "2025-05"


def test_only_the_named_contracts_are_sent_and_the_month_stays_open(world: World) -> None:
    world.month("c-1", "c-2")
    result = world.run({"contracts": ["c-2"]})
    assert result.status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-2"}
    assert "last_processed_month" not in world.state_json()
    assert result.output["months"][0]["closed"] is False
    world.run()
    assert world.billed_contracts() == {"c-1", "c-2"}
    assert world.state_json()["last_processed_month"] == "2025-07"


def test_a_month_asked_for_out_of_order_opens_no_gap(world: World) -> None:
    world.months("c-1", of=("2025-05", "2025-06", "2025-07"))
    world.plan["start_month"] = "2025-05"
    world.run({"months": ["2025-06"]})
    assert {month for _, _, month in world.billed()} == {"2025-06"}
    assert "last_processed_month" not in world.state_json()
    world.run()
    assert {month for _, _, month in world.billed()} == {"2025-05", "2025-06", "2025-07"}
    assert world.state_json()["last_processed_month"] == "2025-07"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"month": ["2025-07"]}, "month"),
        ({"months": ["2025-08"]}, "2025-08 has not ended"),
        ({"months": ["2025-7"]}, "'2025-7'"),
        ({"plan": "Other:PROD:x"}, "Other:PROD:x"),
        ({"max_months": 0}, "max_months`: 0"),
        ({"as_of": "tomorrow"}, "as_of"),
        ({"as_of": "2999-01-01T00:00:00Z"}, "in the future"),
        ({"contracts": ["c-9"]}, "c-9"),
        ({"dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_wrong_input_is_refused_by_name_and_nothing_is_sent(
    world: World, given: dict[str, Any], named: str
) -> None:
    world.month("c-1")
    result = world.run(given)
    assert (result.status, result.error) == ("FAILED", "BadInput")
    assert named in str(result.cause)
    assert not world.clazar.posts
