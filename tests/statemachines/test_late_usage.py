"""Files that come or change after their month was billed: told once, with numbers, never billed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.statemachines.world import PATH, World, a_record

CPU = "cpu_core_hours"
SEPTEMBER_2 = "2025-09-02T00:00:00Z"


@pytest.fixture
def billed(open_world: Callable[..., World]) -> World:
    """A world in which July was billed and nothing else is due."""
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2", dimensions=[CPU])
    assert world.run().status == "SUCCEEDED"
    return world


def late(world: World) -> dict[str, list[str]]:
    text = (world.state / f"reports/{PATH}/2025-07/late-usage.json").read_text()
    found: dict[str, list[str]] = json.loads(text)
    return found


def test_new_and_rewritten_files_are_reported_with_the_difference_per_contract(
    billed: World,
) -> None:
    posts = len(billed.clazar.posts)
    billed.hour("01/02", [a_record("c-1", value=3), a_record("c-2")])
    billed.hour("02/06", [a_record("c-1"), a_record("c-new", value=5)])
    result = billed.run()
    assert result.status == "SUCCEEDED"
    message = result.output["message"]
    head = "2025-07: usage changed after it was billed and is not billed: changed days: 01, 02; "
    assert head in message
    assert "c-1 cpu_core_hours: billed 6, usage now comes to 9 (+3)" in message
    assert "c-new cpu_core_hours: billed 0, usage now comes to 5 (+5)" in message
    assert "c-2" not in message
    assert len(billed.clazar.posts) == posts
    assert late(billed)["days"] == ["01", "02"]


def test_it_is_reported_by_the_run_that_bills_the_next_month(billed: World) -> None:
    billed.hour("01/06", [a_record("c-1")])
    billed.month("c-1", month="2025-08", dimensions=[CPU])
    billed.plan["missing_hours"] = "warn"
    billed.exported_to("2025-09-01T02:14:59Z")
    result = billed.run(as_of=SEPTEMBER_2)
    assert result.status == "SUCCEEDED"
    assert [(month["month"], month["late"]) for month in result.output["months"]] == [
        ("2025-08", False),
        ("2025-07", True),
    ]
    assert billed.billed()["c-1", CPU, "2025-08"] == 6
    assert billed.billed()["c-1", CPU, "2025-07"] == 6
    assert (
        "2025-07: c-1 cpu_core_hours: billed 6, usage now comes to 7 (+1)"
        in (result.output["message"])
    )


def test_a_dry_run_tells_it_and_leaves_it_to_be_reported(billed: World) -> None:
    billed.hour("01/06", [a_record("c-1")])
    before = {key: (billed.state / key).read_bytes() for key in billed.keys("")}
    assert "(+1)" in billed.run({"dry_run": True}).output["message"]
    after = {key for key in billed.keys("") if not key.startswith("previews/")}
    assert after == before.keys()
    changed = {key for key, body in before.items() if (billed.state / key).read_bytes() != body}
    assert changed == {f"days/{PATH}/2025-07/01.json"}, "which says what the files hold"
    assert "(+1)" in billed.run().output["message"]
