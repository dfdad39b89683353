"""The name of a credits file says its months, or is refused with the right one."""

import pytest

from functions.domain.credits.name import MOST_MONTHS, is_range, months_of
from functions.errors import BadCredits
from tests.builders import JULY

ONE, QUARTER = "credits-2025-01.csv", "credits-2025-01_2025-03.csv"
UPLOAD = "and upload it again"
SAVED = "save it as CSV UTF-8, name it credits-2025-01.csv"
NO_GUESS = "name it credits-YYYY-MM.csv, or credits-YYYY-MM_YYYY-MM.csv for several months,"


@pytest.mark.parametrize(
    ("key", "months"),
    [
        ("credits-2025-07.csv", ["2025-07"]),
        ("credits-2006-01.csv", ["2006-01"]),
        ("credits-2024-12_2025-02.csv", ["2024-12", "2025-01", "2025-02"]),
        ("credits-2025-07_2025-07.csv", ["2025-07"]),
    ],
)
def test_the_name_says_which_months_oldest_first(key: str, months: list[str]) -> None:
    assert [str(month) for month in months_of(key, JULY)] == months
    assert len(months_of("credits-2023-02_2025-01.csv", JULY)) == MOST_MONTHS == 24
    assert [is_range(ONE), is_range(QUARTER)] == [False, True]
    assert not is_range("credits-2025-07_2025-07.csv"), "an empty amount of one month is no zero"


def refused_name(key: str) -> str:
    with pytest.raises(BadCredits) as refused:
        months_of(key, JULY)
    name, _, said = str(refused.value).partition(": ")
    assert name == key
    return said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("credits-2025-00.csv", "'2025-00' is not a month (YYYY-MM)"),
        ("credits-2025-13.csv", "'2025-13' is not a month (YYYY-MM)"),
        ("credits-2005-12.csv", "2005-12 is before 2006-01"),
        ("credits-2025-08.csv", "2025-08 is in the future"),
        ("credits-2026-01.csv", "2026-01 is in the future"),
        ("credits-2025-06_2025-08.csv", "2025-08 is in the future"),
        ("credits-9999-12.csv", "9999-12 is in the future"),
        ("credits-2025-03_2025-01.csv", "2025-03 is after 2025-01; the oldest month comes first"),
        ("credits-2023-01_2025-01.csv", "25 months; a file has at most 24 months"),
        ("credits-2025-01.csv.gz", f"unpack it, name it credits-2025-01.csv {UPLOAD}"),
        ("credits-2025-01.ZIP", f"unpack it, name it credits-2025-01.csv {UPLOAD}"),
        *((f"credits-2025-01{end}", f"{SAVED} {UPLOAD}") for end in (".xlsx", "", ".tsv")),
        (
            "snapshots/s/2025-01/a.json",
            'to put it back give {"restore": "snapshots/s/2025-01/a.json"}',
        ),
    ],
)
def test_a_name_that_is_refused_is_reported_with_its_fault(key: str, said: str) -> None:
    assert refused_name(key) == said


@pytest.mark.parametrize(
    ("right", "keys"),
    [
        (
            "name it credits-2025-01.csv",
            [
                *("Credits-2025-01.csv", "credits-2025-01.CSV", "CREDITS-2025-01.CSV"),
                *("credit-2025-01.csv", "credits 2025-01.csv", "credits.2025-01.csv"),
                *("2025-01.csv", "credits_2025-01.csv", "credits-2025-1.csv", "credits-202501.csv"),
                *("credits-01-2025.csv", "credits-2025_01.csv", "credits-2025-01-v2.csv"),
                *("credits-2025-01 (1).csv", "credits-2025-01 - Copy.csv", "xcredits-2025-01.csv"),
                *("Copy of credits-2025-01.csv", "credits-2025-01 .csv", " credits-2025-01.csv"),
                *("credits-2025-01.csv.csv", "credits-2025-01.csv.txt", "credits-2025-01+copy.csv"),
                *("credits-2025-01.csv\n", "credits\u20112025\u201101.csv"),
            ],
        ),
        (
            f"name it {QUARTER}",
            [
                *("credits-2025-01-2025-03.csv", "Credits 2025-01 to 2025-03.csv"),
                *("credits-2025-1_2025-3.csv", "credits-2025-01_2025-03.CSV"),
                "credits-202501_202503.csv",
            ],
        ),
        (
            NO_GUESS,
            [
                *("credits.csv", "credits-2025.csv", "x.csv", "credits-20250131.csv", ".csv"),
                *("credits-2025-01-31.csv", "credits-2025-01_03.csv", "Credits-2025-13.csv"),
                *("credits-2025-03-2025-01.csv", "credits-2025-01-2025-02-2025-03.csv"),
                "credits-\u0662\u0660\u0662\u0665-01.csv",
            ],
        ),
    ],
    ids=["nearly one month", "nearly a back-fill", "no guess where it may mean several months"],
)
def test_a_name_that_is_nearly_right_is_refused_with_the_right_one(
    right: str, keys: list[str]
) -> None:
    assert [refused_name(key) for key in keys] == [f"{right} {UPLOAD}"] * len(keys)


def test_a_file_in_a_folder_cannot_stand_in_for_the_one_in_the_root() -> None:
    for folder in ("/", "credits-x/", "in/2025/", "2024-12/"):
        said = refused_name(f"{folder}credits-2025-01.csv")
        assert said == f"name it credits-2025-01.csv {UPLOAD} to the root of the bucket"
