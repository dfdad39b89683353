"""Files of a month: hours and days."""

import pytest

from functions.domain.usage.problem import Problem
from functions.domain.usage.usage_files import (
    Listed,
    missing_hours,
    partly_covered,
    place,
)
from tests.builders import JUNE

PREFIX = "omnistrate-metering/S/E/P/2025/06/"
NO_FILE = "not a usage file: expected [DD/HH/]NAME.json"


def every_hour() -> list[str]:
    return [f"{day:02d}/{hour:02d}" for day in range(1, 31) for hour in range(24)]


@pytest.mark.parametrize("hour", ["01/00", "01/23", "10/00", "30/00", "30/23", None])
def test_a_file_belongs_to_its_folder(hour: str | None) -> None:
    key = f"{PREFIX}{hour}/a.json" if hour else f"{PREFIX}a.json"
    assert place(Listed(key, "e", 3), PREFIX, JUNE) == Listed(key, "e", 3, hour)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("31/10/a.json", "2025-06 has no day 31 hour 10"),
        ("00/10/a.json", "2025-06 has no day 00 hour 10"),
        ("10/24/a.json", "2025-06 has no day 10 hour 24"),
        *((rest, NO_FILE) for rest in ("10/a.json", "01/00/x/a.json", "1/0/a.json")),
        *((rest, NO_FILE) for rest in ("01/00/a.json.gz", "a.csv")),
    ],
)
def test_an_object_that_is_no_usage_file_is_a_problem_not_a_gap(rest: str, said: str) -> None:
    found = place(Listed(PREFIX + rest, "e", 3), PREFIX, JUNE)
    assert found == Problem(key=PREFIX + rest, detail=said)


def test_only_a_hole_is_missing_of_a_full_month() -> None:
    assert missing_hours(JUNE, every_hour(), end=JUNE.end, earlier=True, later=True) == []
    assert list(partly_covered(JUNE, every_hour(), JUNE.end)) == []
    files = [hour for hour in every_hour() if hour != "15/07"]
    assert missing_hours(JUNE, files, end=JUNE.end, earlier=False, later=False) == ["15/07"]


def test_hours_before_the_first_and_after_the_last_usage_of_the_plan_are_not_missing() -> None:
    files = ["10/00", "10/01"]
    assert missing_hours(JUNE, files, end=JUNE.end, earlier=False, later=False) == []
    assert missing_hours(JUNE, files, end=JUNE.end, earlier=True, later=False)[0] == "01/00"
    assert missing_hours(JUNE, files, end=JUNE.end, earlier=False, later=True)[-1] == "30/23"
    assert len(missing_hours(JUNE, files, end=JUNE.end, earlier=True, later=True)) == 718


def test_a_month_without_files_is_missing_unless_the_plan_had_not_begun() -> None:
    assert missing_hours(JUNE, [], end=JUNE.end, earlier=False, later=True) == []
    assert len(missing_hours(JUNE, [], end=JUNE.end, earlier=True, later=True)) == 720
    assert len(missing_hours(JUNE, [], end=JUNE.end, earlier=True, later=False)) == 720
