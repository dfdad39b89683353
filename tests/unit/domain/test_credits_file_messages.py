"""What is said of a credits file that is refused, and the edges of what is taken for cut off."""

from decimal import Decimal
from typing import Any

import pytest

from functions.domain.credits.file import read_credits
from functions.domain.credits.name import months_of
from functions.domain.month import Month
from functions.errors import BadCredits

KEY = "credits-2025-01.csv"
A, B = "054736553085", "000000000001"
JANUARY = [Month(2025, 1)]
NAMED = (
    "name it credits-YYYY-MM.csv, or credits-YYYY-MM_YYYY-MM.csv for several months, "
    "and upload it again"
)
CUT_OFF = (
    "the file ends within an amount or before it; if it is whole, write the amount with its cents "
    "and end the line"
)
SEPARATED = (
    "the columns are separated by semicolons, not commas; "
    "save the file as CSV UTF-8 (comma delimited)"
)
SAVE = "save the file as CSV UTF-8 (comma delimited)"


def refusal(body: str | bytes) -> str:
    raw = body.encode() if isinstance(body, str) else body
    with pytest.raises(BadCredits) as refused:
        read_credits(KEY, raw, JANUARY, {}, allow_reversals=False)
    return str(refused.value)


def named(key: str) -> str:
    with pytest.raises(BadCredits) as refused:
        months_of(key, Month(2025, 7))
    return str(refused.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "line 1: the file is empty; to empty a month give its accounts $0.00"),
        (f"\n{A},1.00\n", "line 1: the line is empty"),
        ("name,1.00\n", "line 1: account 'name' is not exactly 12 digits"),
        (f"name,usd\n{A},1.00\n", "line 1: 'name,usd' is a header row; remove it"),
        (f"{A},1.00\n{B};1.00\n", f"line 2: {SEPARATED}"),
        (f"{A},1.00\n".encode("utf-16"), f"line 1: the file is UTF-16; {SAVE}"),
        (f'{A},"1.00\n', "line 1: the quotes do not match up (unexpected end of data)"),
        (f"{A},1.00\n{B},6", f"line 2: {CUT_OFF}"),
        (f"{A},6.5", f"line 1: {CUT_OFF}"),
        (
            f'{A},"1.00\r\n"\r\n',
            r"line 1: amount '1.00\r\n' is not plain US dollars like $6,407.96",
        ),
        (
            f"{A},1.00\r{B},2.00\r\xff".encode("latin-1"),
            f"line 3: byte 0xff is not UTF-8 text; {SAVE}",
        ),
        (
            f"{A},1.00\n{B}\xff".encode("latin-1"),
            f"line 2: byte 0xff is not UTF-8 text; {SAVE}",
        ),
    ],
)
def test_one_problem_is_reported_with_file_line_and_what_to_do(
    body: str | bytes, said: str
) -> None:
    assert refusal(body) == f"{KEY}: 1 problem, nothing of it was posted\n{said}"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_line_with_its_end_is_whole_without_its_cents(end: str) -> None:
    body = f"{A},1.00{end}{B},6{end}".encode()
    assert read_credits(KEY, body, JANUARY, {}, allow_reversals=False).total == 7


def test_a_hundred_problems_are_listed_without_a_word_of_more() -> None:
    reported = refusal(f"{A},x\n" * 100).split("\n")
    assert reported[0] == f"{KEY}: 100 problems, nothing of it was posted"
    last = "amount 'x' is not plain US dollars like $6,407.96"
    assert (len(reported), reported[-1]) == (101, f"line 100: {last}")
    more = refusal(f"{A},x\n" * 101).split("\n")
    assert more[-2:] == [f"line 100: {last}", "and 1 more"]


@pytest.mark.parametrize(
    ("body", "metadata", "said"),
    [
        (f"{A},-3.50\n", {"total-usd": "-3.50"}, []),
        (
            f"{A},1.00\n",
            {"row-count": "2", "total-usd": "2"},
            [
                "the upload's row-count is '2', the file has 1 row",
                "the upload's total-usd is '2', the file's is 1.00",
            ],
        ),
    ],
)
def test_control_totals_are_read_as_amounts_and_reported_with_both_numbers(
    body: str, metadata: dict[str, str], said: list[str]
) -> None:
    try:
        read_credits(KEY, body.encode(), JANUARY, metadata, allow_reversals=True)
    except BadCredits as refused:
        assert str(refused).split("\n")[1:] == said  # noqa: PT017  # both ways are allowed
    else:
        assert not said


def test_a_repeated_row_is_kept_with_its_line_and_cents() -> None:
    file = read_credits(
        KEY, f"{A},1\n{B},2\n{A},1.5\n".encode(), JANUARY, {}, allow_reversals=False
    )
    (repeated,) = file.repeated
    found: tuple[Any, ...] = (repeated.line, repeated.account, repeated.kept, repeated.skipped)
    assert found == (3, A, ["1.00"], ["1.50"])
    assert (file.rows, file.total) == (3, Decimal("4.50"))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            "credits.csv",
            f"credits.csv: {NAMED}",
        ),
        ("credits-2005-12.csv", "credits-2005-12.csv: 2005-12 is before 2006-01"),
        ("credits-2025-08.csv", "credits-2025-08.csv: 2025-08 is in the future"),
        ("credits-2025-13.csv", "credits-2025-13.csv: '2025-13' is not a month (YYYY-MM)"),
        (
            "credits-2025-03_2025-01.csv",
            "credits-2025-03_2025-01.csv: 2025-03 is after 2025-01; the oldest month comes first",
        ),
        (
            "credits-2023-01_2025-01.csv",
            "credits-2023-01_2025-01.csv: 25 months; a file has at most 24 months",
        ),
    ],
)
def test_a_name_that_is_refused_is_reported_with_its_fault(key: str, said: str) -> None:
    assert named(key) == said


def test_the_first_month_ever_and_two_whole_years_are_files() -> None:
    assert months_of("credits-2006-01.csv", Month(2025, 7)) == [Month(2006, 1)]
    assert len(months_of("credits-2023-02_2025-01.csv", Month(2025, 7))) == 24
