"""Files of a month: where they belong, the days to the hour, and what is reported of them."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.usage.problem import Problem
from functions.domain.usage.usage_files import (
    Listed,
    days,
    digest,
    missing_hours,
    of_day,
    partly_covered,
    place,
)
from tests.builders import JUNE

PREFIX = "omnistrate-metering/S/E/P/2025/06/"
NO_FILE = "not a usage file: expected [DD/HH/]NAME.json"
EVERY_HOUR = [f"{day:02d}/{hour:02d}" for day in range(1, 31) for hour in range(24)]


def a_file(hour: str, name: str = "a") -> Listed:
    return Listed(f"{PREFIX}{hour}/{name}.json", "etag", 1, hour)


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


def test_a_month_is_its_flat_files_and_its_days_and_the_last_may_be_cut() -> None:
    whole = days(JUNE, JUNE.end)
    assert (whole[0], whole[1], whole[-1], len(whole)) == ("flat", "01", "30", 31)
    assert days(JUNE, datetime(2025, 6, 3, tzinfo=UTC)) == ["flat", "01", "02"]
    assert days(JUNE, datetime(2025, 6, 3, 1, tzinfo=UTC)) == ["flat", "01", "02", "03T01"]
    assert days(JUNE, datetime(2025, 6, 1, 23, tzinfo=UTC)) == ["flat", "01T23"]


def test_a_cut_day_holds_the_hours_before_its_end() -> None:
    files = [a_file(hour) for hour in ("13/10", "13/09", "13/00")]
    assert [file.hour for file in of_day("13T10", files)] == ["13/00", "13/09"]
    assert [file.hour for file in of_day("13", files)] == ["13/00", "13/09", "13/10"]


def test_an_hours_files_follow_each_other_in_the_order_of_their_keys() -> None:
    hours = {"z": "13/10", "b": "13/10", "x": "13/09"}
    files = [replace(a_file(hour), key=key) for key, hour in hours.items()]
    assert [file.key for file in of_day("13", files)] == ["x", "b", "z"]


def test_files_are_known_by_key_etag_and_size_in_order() -> None:
    known = [a_file("13/09"), a_file("13/10")]
    text = f"{known[0].key}\netag\n1\n{known[1].key}\netag\n1\n"
    assert digest(known) == hashlib.sha256(text.encode()).hexdigest()
    changes: list[dict[str, Any]] = [{"key": "k"}, {"etag": "e"}, {"size": 2}]
    others = [known[:1], known[::-1], *([known[0], replace(known[1], **c)] for c in changes)]
    assert len({digest(files) for files in [known, *others]}) == 6


@pytest.mark.parametrize(
    ("earlier", "later", "missing"),
    [
        (True, True, ["01/00", "01/02", "01/04"]),
        (True, False, ["01/00", "01/02"]),
        (False, True, ["01/02", "01/04"]),
        (False, False, ["01/02"]),
    ],
)
def test_hours_are_missing_up_to_the_end_of_the_window(
    *, earlier: bool, later: bool, missing: list[str]
) -> None:
    end, files = datetime(2025, 6, 1, 5, tzinfo=UTC), ["01/01", "01/03"]
    assert missing_hours(JUNE, files, end=end, earlier=earlier, later=later) == missing
    all_of_june = missing_hours(JUNE, [], end=JUNE.end, earlier=earlier, later=later)
    assert all_of_june == (EVERY_HOUR if earlier else []), "the plan may not have begun"


def test_only_a_hole_is_missing_of_a_full_month() -> None:
    assert missing_hours(JUNE, EVERY_HOUR, end=JUNE.end, earlier=True, later=True) == []
    assert list(partly_covered(JUNE, EVERY_HOUR, JUNE.end)) == []
    files = [hour for hour in EVERY_HOUR if hour != "15/07"]
    assert missing_hours(JUNE, files, end=JUNE.end, earlier=False, later=False) == ["15/07"]


def test_usage_that_begins_and_ends_within_is_reported_with_its_first_and_last_hour() -> None:
    files = {"20/05", "10/00", "15/00"}
    assert list(partly_covered(JUNE, files, JUNE.end)) == [
        "2025-06: the plan's usage begins with hour 10/00, 216 hours into it",
        "2025-06: the plan's usage ends with hour 20/05, 258 hours before the end",
    ]
    end = datetime(2025, 6, 20, 6, tzinfo=UTC)
    assert list(partly_covered(JUNE, {"01/00", "20/05"}, end)) == []
    assert list(partly_covered(JUNE, [], end)) == []
