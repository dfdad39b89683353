"""What was there before is kept, held against a file that shrinks it, and can be put back."""

from __future__ import annotations

import json

import pytest

from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of

USAGE = {
    "lineitem/type": "Usage",
    "resource/account": "777777777777",
    "time/usage_start": "2025-01-05T07:00:00Z",
    "cost/cost": "12.3456",
}


def test_a_month_is_kept_before_it_is_replaced(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(5))
    before = world.cloudzero.stored["2025-01"]
    result = world.drop(JANUARY, a_file(4))
    assert world.read(month_of(result)["snapshot"])["rows"] == before


def test_a_snapshot_is_put_back_row_by_row(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(5))
    before = world.cloudzero.stored["2025-01"]
    replaced = world.drop(JANUARY, a_file(4))
    restored = world.run({"restore": month_of(replaced)["snapshot"]})
    assert restored.status == "SUCCEEDED", restored.cause
    assert world.cloudzero.stored["2025-01"] == before
    assert len(world.read(month_of(restored)["snapshot"])["rows"]) == 4, "and can be undone"


def test_a_late_or_repeated_event_does_not_undo_a_restore_but_a_new_upload_does(
    world: CreditsWorld,
) -> None:
    world.drop(JANUARY, a_file(5))
    event = world.upload(JANUARY, a_file(4))
    replaced = world.account.wait(world.start(event))
    world.run({"restore": month_of(replaced)["snapshot"]})
    again = world.account.wait(world.start(event))
    assert again.status == "SUCCEEDED"
    assert month_of(again)["status"] == "superseded"
    assert len(world.accounts()) == 5


@pytest.mark.parametrize(
    ("small", "said"),
    [
        (a_file(11, cents=90_000_000), "11 rows would replace 23"),
        (a_file(23, cents=100), "USD of credits would replace"),
    ],
)
def test_a_file_that_shrinks_its_month_is_held_until_a_person_accepts_it(
    world: CreditsWorld, small: str, said: str
) -> None:
    world.drop(JANUARY, a_file(23))
    stored = world.cloudzero.stored["2025-01"]
    held = world.drop(JANUARY, small)
    assert (held.status, held.error) == ("FAILED", "DropHeld")
    assert said in str(held.cause)
    assert '"accept_shrink": true' in str(held.cause)
    assert world.cloudzero.stored["2025-01"] == stored
    assert world.run({"key": JANUARY, "accept_shrink": True}).status == "SUCCEEDED"
    assert world.cloudzero.stored["2025-01"] != stored


def test_rows_of_somebody_else_in_the_stream_are_not_erased_without_a_persons_word(
    world: CreditsWorld,
) -> None:
    world.cloudzero.preload("2025-01", [USAGE])
    held = world.drop(JANUARY, a_file(3))
    assert held.error == "DropHeld"
    assert "1 stored rows that are no AWS credits" in str(held.cause)
    assert world.cloudzero.stored["2025-01"] == [USAGE]
    accepted = world.run({"key": JANUARY, "accept_shrink": True})
    restored = world.run({"restore": month_of(accepted)["snapshot"]})
    assert restored.status == "SUCCEEDED"
    assert world.cloudzero.stored["2025-01"] == [USAGE]


def test_a_month_that_held_nothing_can_be_put_back_to_nothing(world: CreditsWorld) -> None:
    first = world.drop(JANUARY, a_file(3))
    assert world.run({"restore": month_of(first)["snapshot"]}).status == "SUCCEEDED"
    assert world.accounts() == []


@pytest.mark.parametrize("key", ["snapshots/none.json", "credits-2025-01.csv", "../x"])
def test_what_is_no_snapshot_cannot_be_restored(world: CreditsWorld, key: str) -> None:
    world.upload(JANUARY, a_file(3))
    result = world.run({"restore": key})
    assert (result.status, result.error) == ("FAILED", "BadCredits")
    assert key in str(result.cause)


def test_a_restore_posts_texts_where_cloudzero_has_returned_numbers(world: CreditsWorld) -> None:
    connection = world.account.setting("CLOUDZERO_CONNECTION_ID")
    rows = [{**USAGE, "cost/cost": 12.5, "usage/amount": 3, "lineitem/id": None}]
    snapshot = {"connection": connection, "month": "2025-01", "taken_at": "", "execution": ""}
    world.upload("snapshots/numbers.json", json.dumps({**snapshot, "rows": rows}))
    restored = world.run({"restore": "snapshots/numbers.json"})
    assert restored.status == "SUCCEEDED", restored.cause
    expected = [{**USAGE, "cost/cost": "12.5", "usage/amount": "3"}]
    assert world.cloudzero.stored["2025-01"] == expected


def test_a_snapshot_of_another_stream_is_not_put_into_this_one(world: CreditsWorld) -> None:
    snapshot = {"connection": "other", "month": "2025-01", "taken_at": "", "execution": ""}
    world.upload("snapshots/other.json", json.dumps({**snapshot, "rows": []}))
    result = world.run({"restore": "snapshots/other.json"})
    assert result.error == "BadCredits"
    assert "of the stream other" in str(result.cause)
