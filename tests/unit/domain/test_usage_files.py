"""Files of a month: hours and days."""

import pytest

from functions.domain.month import Month
from functions.domain.usage import usage_files
from functions.domain.usage.problem import Problem
from functions.domain.usage.usage_files import Listed, UsageFile, missing_hours, place

JUNE = Month(2025, 6)
PREFIX = "omnistrate-metering/S/E/P/2025/06/"


def every_hour() -> list[str]:
    return [f"{day:02d}/{hour:02d}" for day in range(1, 31) for hour in range(24)]


@pytest.mark.parametrize(("rest", "hour"), [("30/23/sub-1.json", "30/23"), ("sub-1.json", None)])
def test_a_file_belongs_to_its_folder(rest: str, hour: str | None) -> None:
    placed = place(Listed(PREFIX + rest, "e", 3), PREFIX, JUNE)
    assert placed == UsageFile(PREFIX + rest, "e", 3, hour)


@pytest.mark.parametrize(
    "rest",
    [
        "31/00/a.json",
        "00/00/a.json",
        "01/24/a.json",
        "01/a.json",
        "01/00/x/a.json",
        "01/00/a.json.gz",
        "1/0/a.json",
    ],
)
def test_an_object_that_is_no_usage_file_is_a_problem_not_a_gap(rest: str) -> None:
    placed = place(Listed(PREFIX + rest, "e", 3), PREFIX, JUNE)
    assert isinstance(placed, Problem)
    assert placed.key == PREFIX + rest


def test_a_full_month_misses_nothing() -> None:
    assert missing_hours(JUNE, every_hour(), end=JUNE.end, earlier=True, later=True) == []


def test_a_hole_is_missing_whoever_comes_before_and_after() -> None:
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


def test_usage_that_begins_or_ends_within_the_month_is_reported() -> None:
    assert usage_files.partly_covered(JUNE, every_hour(), JUNE.end) == []
    reported = usage_files.partly_covered(JUNE, ["10/00", "20/05"], JUNE.end)
    assert reported == [
        "2025-06: the plan's usage begins with hour 10/00",
        "2025-06: the plan's usage ends with hour 20/05",
    ]


def test_missing_hours_are_reported_in_short() -> None:
    assert usage_files.ranges(["01/00"]) == "1 (01/00)"
    assert usage_files.ranges([f"01/{n:02d}" for n in range(9)]).endswith("01/04 and 4 more)")
