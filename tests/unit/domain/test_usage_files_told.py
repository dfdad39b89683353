"""Files of a month: the partitions to the byte, the days to the hour, and what is told of both."""

from datetime import UTC, datetime

import pytest

from functions.domain.month import Month
from functions.domain.problem import Problem
from functions.domain.usage_files import (
    UsageFile,
    is_folder,
    missing_hours,
    partitions,
    partly_covered,
    place,
    ranges,
    within,
)

JUNE = Month(2025, 6)
PREFIX = "omnistrate-metering/S/E/P/2025/06/"
HALF = 256 * 2**20  # of what a partition holds


def a_file(hour: str | None, size: int = 1, name: str = "a") -> UsageFile:
    folder = f"{hour}/" if hour else ""
    return UsageFile(f"{PREFIX}{folder}{name}.json", "etag", size, hour)


def cut(*files: UsageFile) -> list[list[str]]:
    return [
        [file.key.removeprefix(PREFIX).removesuffix(".json") for file in part]
        for part in partitions(files)
    ]


def placed(rest: str) -> UsageFile | Problem:
    return place(PREFIX + rest, PREFIX, JUNE, etag="e", size=3)


@pytest.mark.parametrize("hour", ["01/00", "01/23", "10/00", "30/00", "30/23"])
def test_every_hour_of_the_month_has_a_folder(hour: str) -> None:
    assert placed(f"{hour}/a.json") == UsageFile(f"{PREFIX}{hour}/a.json", "e", 3, hour)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("31/10/a.json", "2025-06 has no day 31 hour 10"),
        ("00/10/a.json", "2025-06 has no day 00 hour 10"),
        ("10/24/a.json", "2025-06 has no day 10 hour 24"),
        ("10/a.json", "not a usage file: expected [DD/HH/]NAME.json"),
        ("a.csv", "not a usage file: expected [DD/HH/]NAME.json"),
    ],
)
def test_what_is_no_usage_file_is_told_with_what_would_be(rest: str, said: str) -> None:
    assert placed(rest) == Problem(key=PREFIX + rest, detail=said)


def test_only_an_empty_object_named_like_a_folder_is_one() -> None:
    found = [is_folder("a/", 0), is_folder("a/", 1), is_folder("a", 0)]
    assert found == [True, False, False]


def test_the_window_of_a_cancelled_contract_holds_the_hours_before_its_end() -> None:
    files = [a_file(hour) for hour in ("01/00", "13/09", "13/10", "30/23")] + [a_file(None)]
    end = datetime(2025, 6, 13, 10, tzinfo=UTC)
    assert [file.hour for file in within(files, JUNE, end)] == ["01/00", "13/09", None]
    assert within(files, JUNE, JUNE.end) == files


def test_hours_are_missing_up_to_the_end_of_the_window() -> None:
    end = datetime(2025, 6, 1, 5, tzinfo=UTC)
    files = [a_file("01/01"), a_file("01/03")]

    def missing(*, earlier: bool, later: bool) -> list[str]:
        return missing_hours(JUNE, files, end=end, earlier=earlier, later=later)

    assert missing(earlier=True, later=True) == ["01/00", "01/02", "01/04"]
    assert missing(earlier=True, later=False) == ["01/00", "01/02"]
    assert missing(earlier=False, later=True) == ["01/02", "01/04"]
    assert missing(earlier=False, later=False) == ["01/02"]


def test_usage_that_begins_and_ends_within_is_told_with_its_first_and_last_hour() -> None:
    files = [a_file(hour) for hour in ("20/05", "10/00", "15/00", "15/00")] + [a_file(None)]
    assert partly_covered(JUNE, files, JUNE.end) == [
        "2025-06: the plan's usage begins with hour 10/00",
        "2025-06: the plan's usage ends with hour 20/05",
    ]
    end = datetime(2025, 6, 20, 6, tzinfo=UTC)
    assert partly_covered(JUNE, [a_file("01/00"), a_file("20/05")], end) == []
    assert partly_covered(JUNE, [a_file(None)], end) == []


def test_five_missing_hours_are_named_and_a_sixth_is_counted() -> None:
    hours = [f"01/{number:02d}" for number in range(6)]
    named = "01/00, 01/01, 01/02, 01/03, 01/04"
    assert ranges(hours[:5]) == f"5 ({named})"
    assert ranges(hours) == f"6 ({named} and 1 more)"


def test_a_partition_is_filled_to_its_last_byte() -> None:
    hours = ("01/00", "01/01", "01/02", "01/03")
    assert cut(*(a_file(hour, HALF) for hour in hours)) == [
        ["01/00/a", "01/01/a"],
        ["01/02/a", "01/03/a"],
    ]
    assert cut(a_file("01/00", HALF), a_file("01/01", HALF + 1)) == [["01/00/a"], ["01/01/a"]]


def test_sizes_add_up_within_a_partition_and_begin_anew_with_the_next() -> None:
    sizes = {"01/00": HALF, "01/01": HALF - 1, "01/02": 1, "01/03": HALF, "01/04": HALF}
    assert cut(*(a_file(hour, size) for hour, size in sizes.items())) == [
        ["01/00/a", "01/01/a", "01/02/a"],
        ["01/03/a", "01/04/a"],
    ]


def test_an_hour_is_never_cut_whatever_its_size() -> None:
    files = [a_file("01/00", 2 * HALF, name) for name in "cab"] + [a_file("01/01")]
    assert cut(*files) == [["01/00/a", "01/00/b", "01/00/c"], ["01/01/a"]]


def test_the_flat_layout_comes_first_and_is_one_hour() -> None:
    files = [a_file("01/00"), *(a_file(None, 2 * HALF, name) for name in "zb")]
    assert cut(*files) == [["b", "z"], ["01/00/a"]]


def test_a_huge_month_has_larger_partitions_instead_of_more() -> None:
    hours = [f"{day:02d}/{hour:02d}" for day in range(1, 31) for hour in range(24)]
    parts = partitions([a_file(hour, 4 * HALF) for hour in hours])
    assert len(parts) == 720
    parts = partitions([a_file(hour, 4 * HALF, name) for hour in hours for name in "ab"])
    assert len(parts) == 720
    assert partitions([]) == []
