"""What was there before is kept, held against a file that shrinks it, and can be put back."""

import json
from typing import Any

import pytest

from infra.local.account import RunResult
from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of

USAGE = {
    "lineitem/type": "Usage",
    "resource/account": "777777777777",
    "time/usage_start": "2025-01-05T07:00:00Z",
    "cost/cost": "12.3456",
}


def restore(
    world: CreditsWorld,
    rows: list[dict[str, Any]],
    *,
    month: str = "2025-01",
    connection: str | None = None,
) -> RunResult:
    """Restore a snapshot with these rows, of this connection unless told."""
    of = connection or world.account.setting("CLOUDZERO_CONNECTION_ID")
    snapshot = {"connection": of, "month": month, "taken_at": "", "execution": "", "rows": rows}
    world.upload("snapshots/odd.json", json.dumps(snapshot))
    return world.run({"restore": "snapshots/odd.json"})


def test_a_snapshot_is_put_back_row_by_row(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(5))
    before = world.cloudzero.stored["2025-01"]
    kept = month_of(world.drop(JANUARY, a_file(4)))["snapshot"]
    assert world.read(kept)["rows"] == before
    restored = world.run({"restore": kept})
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
    ("before", "text", "said"),
    [
        (a_file(23), a_file(11, cents=90_000_000), "11 rows would replace 23"),
        (a_file(23), a_file(23, cents=100), "USD of credits would replace"),
        (a_file(1, cents=600), a_file(1, cents=6_100), "61.00 USD of credits would replace"),
        (a_file(1, cents=600), a_file(11, cents=100), "11 rows would replace 1"),
    ],
)
def test_a_file_that_shrinks_its_month_or_grows_it_tenfold_is_held_until_an_operator_accepts_it(
    world: CreditsWorld, before: str, text: str, said: str
) -> None:
    world.drop(JANUARY, before)
    stored = world.cloudzero.stored["2025-01"]
    held = world.drop(JANUARY, text)
    assert (held.status, held.error) == ("FAILED", "DropHeld")
    assert said in str(held.cause)
    assert '"accept_shrink": true' in str(held.cause)
    assert world.cloudzero.stored["2025-01"] == stored
    assert month_of(held)["total_credit_usd"] == f"{world.total():.2f}", "what CloudZero holds"
    assert world.run({"key": JANUARY, "accept_shrink": True}).status == "SUCCEEDED"
    assert world.cloudzero.stored["2025-01"] != stored


def test_rows_of_somebody_else_in_the_stream_are_not_erased_without_a_persons_word(
    world: CreditsWorld,
) -> None:
    world.cloudzero.preload("2025-01", [USAGE])
    held = world.drop(JANUARY, a_file(3))
    assert held.error == "DropHeld"
    assert "1 stored row other than AWS credits" in str(held.cause)
    assert world.cloudzero.stored["2025-01"] == [USAGE]
    accepted = world.run({"key": JANUARY, "accept_shrink": True})
    assert world.run({"restore": month_of(accepted)["snapshot"]}).status == "SUCCEEDED"
    assert world.cloudzero.stored["2025-01"] == [USAGE]


def test_a_back_fill_with_the_same_rows_twice_is_posted_with_a_warning(world: CreditsWorld) -> None:
    posted = world.drop("credits-2025-01_2025-03.csv", "054736553085,$6.11,$6.11,$0.00\n")
    assert posted.status == "SUCCEEDED"
    assert posted.output["warnings"] == ["the same rows for 2025-01, 2025-02: was a column copied?"]


def test_a_month_that_held_nothing_can_be_put_back_to_nothing(world: CreditsWorld) -> None:
    first = world.drop(JANUARY, a_file(3))
    assert world.run({"restore": month_of(first)["snapshot"]}).status == "SUCCEEDED"
    assert world.accounts() == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("snapshots/none.json", "there is no snapshots/none.json in the credits bucket"),
        *((key, f"{key!r} is not the key of a snapshot") for key in (JANUARY, "../x")),
    ],
)
def test_what_is_no_snapshot_cannot_be_restored(world: CreditsWorld, key: str, said: str) -> None:
    world.upload(JANUARY, a_file(3))
    result = world.run({"restore": key})
    assert (result.status, result.error) == ("FAILED", "BadCredits")
    assert said in str(result.cause)


def test_a_restore_posts_texts_where_cloudzero_has_returned_numbers(world: CreditsWorld) -> None:
    rows = [{**USAGE, "cost/cost": 12.5, "usage/amount": 3, "lineitem/id": None}]
    restored = restore(world, rows)
    assert restored.status == "SUCCEEDED", restored.cause
    expected = [{**USAGE, "cost/cost": "12.5", "usage/amount": "3"}]
    assert world.cloudzero.stored["2025-01"] == expected


ODD = {
    "lineitem/type": "Credit",
    "resource/account": "000000000001",
    "time/usage_start": "2025-01-01T00:00:00Z",
    "cost/cost": "-5.00",
    "resource/service": "AWSCredits",
}


@pytest.mark.parametrize("view", ["columns", "numbers", "nozeros"])
def test_whatever_form_rows_are_shown_in_the_way_back_leads_to_the_same_money(
    world: CreditsWorld, view: str
) -> None:
    world.drop(JANUARY, "000000000001,$5.00\n000000000002,$0.00\n")
    world.cloudzero.contents_script(*[view] * 40)
    replaced = world.drop(JANUARY, "000000000001,$6.00\n000000000002,$0.00\n")
    assert replaced.status == "SUCCEEDED", replaced.cause
    restored = world.run(month_of(replaced)["undo"])
    assert restored.status == "SUCCEEDED", restored.cause
    assert world.total() == 5
    warned = [text for text in replaced.output["warnings"] if "all of $0.00" in text]
    assert bool(warned) == (view == "nozeros")


@pytest.mark.parametrize(
    ("rows", "of", "said"),
    [
        ([{**ODD, "cost/cost": "n/a"}], {}, "row 1: cost/cost 'n/a' is not a number"),
        ([ODD], {"month": "2025-02"}, "usage_start '2025-01-01T00:00:00Z' is not in 2025-02"),
        ([], {"month": "soon"}, "'soon' is not a month"),
        ([], {"connection": "other"}, "of the stream other"),
    ],
)
def test_a_snapshot_that_cannot_be_posted_says_why(
    world: CreditsWorld, rows: list[dict[str, str]], of: dict[str, str], said: str
) -> None:
    result = restore(world, rows, **of)
    assert (result.error, said in str(result.cause)) == ("BadCredits", True)


def test_a_total_above_the_accounts_is_held_until_an_operator_accepts_it(
    world: CreditsWorld,
) -> None:
    rows = "123456789012,6.00\n054736553085,1.00\n000000000001,2.00\n999999999999,3.00\n"
    held = world.drop(JANUARY, rows)
    assert held.error == "DropHeld"
    assert "line 1, 123456789012, is the sum of all others; remove it if a total" in str(held.cause)
    assert world.run({"key": JANUARY, "accept_shrink": True}).status == "SUCCEEDED"


def test_rows_that_equal_another_months_are_held_until_an_operator_accepts_them(
    world: CreditsWorld,
) -> None:
    world.drop(JANUARY, a_file(3))
    again = "credits-2025-02.csv"
    held = world.drop(again, a_file(3))
    assert held.error == "DropHeld"
    assert "the rows equal those of 2025-01" in str(held.cause)
    assert world.run({"key": again, "accept_shrink": True}).status == "SUCCEEDED"
    assert world.drop(again, a_file(3)).status == "SUCCEEDED", "it is stored"


def test_a_back_fill_may_have_the_same_rows_in_all_of_its_own_months(world: CreditsWorld) -> None:
    name = "credits-2025-01_2025-02.csv"
    for amount in ("5.00", "6.00"):
        result = world.drop(name, f"000000000001,${amount},${amount}\n")
        assert result.status == "SUCCEEDED", result.cause
