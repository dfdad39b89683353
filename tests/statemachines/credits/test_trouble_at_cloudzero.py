"""CloudZero is busy, slow, cuts connections, refuses: what was promised holds."""

from collections.abc import Callable

import pytest

from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of

HOURS_OF_READING_BACK = 0.0002


@pytest.mark.parametrize(
    "actions",
    [
        *(["429", "503"], ["409", "425"], ["ingest:0.3+lost", "409"], ["drop"], ["lost"]),
        *(["lost", "429", "lost"], ["garbage"], ["bare"], ["after:503"], ["late:0.1"]),
        *(["ingest:0.3"], ["500", "502", "408"], ["after:303"]),
    ],
)
def test_what_passes_is_ridden_out_and_the_month_ends_verified(
    world: CreditsWorld, actions: list[str]
) -> None:
    world.cloudzero.script(*actions)
    result = world.drop(JANUARY, a_file(23))
    assert result.status == "SUCCEEDED", result.cause
    assert len(world.accounts()) == 23
    month = month_of(result)
    assert (month["status"], month["posted"]) == ("verified", True)
    assert world.cloudzero.overlaps == 0


@pytest.mark.parametrize("status", ["400", "404", "413"])
def test_a_refusal_is_final_and_names_the_month(world: CreditsWorld, status: str) -> None:
    world.cloudzero.script(status, "ok")
    result = world.drop(JANUARY, a_file(3))
    assert (result.status, result.error) == ("FAILED", "PartnerRefused")
    assert "2025-01" in str(result.cause)
    assert status in str(result.cause)
    assert len([e for e in world.cloudzero.exchanges if e.path.endswith("/billing_drops")]) == 1


def test_a_refused_key_is_final_and_never_shown(open_world: Callable[..., CreditsWorld]) -> None:
    world = open_world(api_key="another-key")
    result = world.drop(JANUARY, a_file(3))
    assert (result.status, result.error) == ("FAILED", "CredentialsRefused")
    assert "local-" not in str(result.cause)
    assert not world.cloudzero.posts


def test_an_answer_of_success_without_the_rows_is_found_out_by_reading_back(
    world: CreditsWorld,
) -> None:
    world.waits = HOURS_OF_READING_BACK
    world.cloudzero.script("keep:20")
    result = world.drop(JANUARY, a_file(23))
    assert (result.status, result.error) == ("FAILED", "DropDiffers")
    for said in ("20 rows", "23 rows", "missing", "3 in all"):
        assert said in str(result.cause)
    month = month_of(result)
    assert (month["posted"], month["status"]) == (True, "failed")
    assert month["drop_id"]
    assert world.read(month["snapshot"])["rows"] == []


def test_a_drop_whose_answer_neither_takes_nor_refuses_it_is_looked_for_and_perhaps_posted(
    world: CreditsWorld,
) -> None:
    world.waits = HOURS_OF_READING_BACK
    world.cloudzero.script("303")
    result = world.drop(JANUARY, a_file(3))
    assert (result.error, month_of(result)["posted"]) == ("OutcomeUnknown", None)
    for said in ("stored: 0 rows", "HTTP 303", "then start again", "perhaps posted"):
        assert said in str(result.cause)
    assert len(world.cloudzero.posts) == 1
    assert world.run({"key": JANUARY}).status == "SUCCEEDED"


def test_a_drop_that_vanished_is_posted_by_the_next_run(world: CreditsWorld) -> None:
    world.waits = HOURS_OF_READING_BACK
    world.cloudzero.script("ignore")
    assert world.drop(JANUARY, a_file(3)).error == "DropDiffers"
    assert world.run({"key": JANUARY}).status == "SUCCEEDED"
    assert len(world.accounts()) == 3


def test_a_month_that_cannot_be_read_is_not_replaced(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(3))
    world.cloudzero.contents_script(*["garbage"] * 40)
    assert world.drop(JANUARY, a_file(4)).error == "PartnerBusy"
    assert len(world.accounts()) == 3


def test_an_outage_ends_the_execution_with_the_month_named_and_a_rerun_posts_it(
    world: CreditsWorld,
) -> None:
    world.cloudzero.script(*["503"] * 7)
    result = world.drop(JANUARY, a_file(3))
    assert (result.status, result.error) == ("FAILED", "OutcomeUnknown")
    assert "2025-01" in str(result.cause)
    assert world.run({"key": JANUARY}).status == "SUCCEEDED"
    assert len(world.accounts()) == 3
    assert world.cloudzero.overlaps == 0
