"""A file that is not understood is refused as a whole, with its lines, before anything is sent."""

import pytest

from infra.local.aws.object_event import Event
from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file


def moved(event: Event, key: str) -> Event:
    return {
        **event,
        "detail": {**event["detail"], "object": {**event["detail"]["object"], "key": key}},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [(a_file(24) + ',"$99.00"\n', "line 25: account '' is missing; remove the row"), ("", "empty")],
)
def test_nothing_is_requested_of_cloudzero_for_a_file_with_a_line_that_is_not_understood(
    world: CreditsWorld, text: str, said: str
) -> None:
    result = world.drop(JANUARY, text)
    assert (result.status, result.error) == ("FAILED", "BadCredits")
    assert said in str(result.cause)
    assert not world.cloudzero.exchanges


def test_what_was_stored_stays_when_a_later_file_has_one_bad_row(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(23))
    assert world.drop(JANUARY, a_file(22) + "12345,$1.00\n").status == "FAILED"
    assert len(world.accounts()) == 23


def test_every_kind_of_problem_is_listed_and_an_operator_is_mailed(world: CreditsWorld) -> None:
    sent = len(world.account.aws.published())
    result = world.drop(JANUARY, "".join(f"{number},$1.00\n" for number in range(120)))
    assert "120 problems" in str(result.cause)
    assert "line 3:" in str(result.cause)
    assert "line 4:" not in str(result.cause)
    assert "and 117 more of this kind; the last is line 120:" in str(result.cause)
    (message,) = world.account.aws.published()[sent:]
    assert "line 120:" in message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("credits-2025-09.csv", "2025-09 is in the future"),
        ("in/credits-2025-01.csv", "name it credits-2025-01.csv and upload it again"),
    ],
)
def test_a_name_that_is_not_a_month_of_the_past_is_refused(
    world: CreditsWorld, name: str, said: str
) -> None:
    result = world.drop(name, a_file(3))
    assert (result.status, result.error) == ("FAILED", "BadCredits")
    assert said in str(result.cause)
    assert not world.cloudzero.exchanges


def test_an_event_about_a_file_that_is_gone_says_so(world: CreditsWorld) -> None:
    event = moved(world.upload(JANUARY, a_file(3)), "credits-2025-02.csv")
    result = world.account.wait(world.start(event))
    assert "credits-2025-02.csv: there is no such object" in str(result.cause)


def test_what_we_write_ourselves_and_a_folder_start_nothing(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(3))
    written = [key for key in world.keys("") if key != JANUARY]
    assert {key.partition("/")[0] for key in written} >= {"drops", "leases", "reports", "runs"}
    for key in [*written, "snapshots/x/2025-01/y.json", "in/", "runs/"]:
        event = moved(world.upload(JANUARY, a_file(3)), key)
        assert not world.account.started_by(event)
