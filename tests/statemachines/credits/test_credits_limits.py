"""Sizes: what goes through, what is refused before anything is sent, and what stays small."""

import pytest

from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of


def test_fifteen_thousand_rows_go_through_in_one_drop(world: CreditsWorld) -> None:
    result = world.drop(JANUARY, a_file(15_000))
    assert result.status == "SUCCEEDED", result.cause
    (post,) = world.cloudzero.posts
    assert len(post.rows) == len(world.accounts()) == 15_000
    assert len(post.raw) < 5_000_000
    assert month_of(result)["row_count"] == 15_000
    assert result.largest_payload_bytes < 10_000


def test_twenty_five_thousand_rows_are_refused_before_the_first_request(
    world: CreditsWorld,
) -> None:
    result = world.drop(JANUARY, a_file(25_000))
    assert (result.status, result.error) == ("FAILED", "BadCredits")
    for said in ("25,000 rows", "5,000,000 bytes", "split the accounts over two"):
        assert said in str(result.cause)
    assert not world.cloudzero.exchanges


def test_two_years_at_once_stay_within_a_history_of_a_thousand_events(world: CreditsWorld) -> None:
    result = world.drop("credits-2023-01_2024-12.csv", "000000000001" + ",$1.00" * 24 + "\n")
    assert result.status == "SUCCEEDED", result.cause
    assert len(world.cloudzero.posts) == 24
    assert result.history_events < 1_000
    assert result.largest_payload_bytes < 60_000


@pytest.mark.parametrize("letter", ["😀", '"'], ids=["escaped as two", "escaped twice"])
def test_twenty_four_long_refusals_still_end_in_a_report(world: CreditsWorld, letter: str) -> None:
    world.cloudzero.script(*[f"refuse:{letter * 4_000}"] * 24)
    result = world.drop("credits-2023-01_2024-12.csv", "000000000001" + ",$1.00" * 24 + "\n")
    assert (result.status, result.error) == ("FAILED", "PartnerRefused"), result.cause
    assert len(result.final_input["result"]["months"]) == 24
    assert result.largest_payload_bytes < 200_000
