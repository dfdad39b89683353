"""Credits say the same in the file, in the request and in what is read back."""

import csv
import io
import json
import re
from decimal import Decimal
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from functions.domain.credits.amount import exact_sum
from functions.domain.credits.cbf import as_posted, credit_rows, drop_body
from functions.domain.credits.contents import read_rows
from functions.domain.credits.file import CreditsFile, read_credits
from functions.domain.credits.name import MOST_MONTHS, is_range, months_of
from functions.domain.month import Month
from functions.errors import BadCredits
from tests.differential.steadily import steadily

ONE, QUARTER = "credits-2025-01.csv", "credits-2025-01_2025-03.csv"
NOW = Month(2025, 7)
months = st.builds(Month, st.integers(2006, 2024), st.integers(1, 12))
accounts = st.integers(1, 10**12 - 1).map("{:012d}".format)
cents = st.one_of(st.integers(-10_000, 10**7), st.integers(-(10**32) + 1, 10**32 - 1))
amounts = cents.map(lambda number: Decimal(f"{number}e-2"))
CREDIT = ("{0:.2f}", "{0:,.2f}", "${0:.2f}", "${0:,.2f}", "$ {0:,.2f}", "  ${0:.2f} ")
REVERSAL = (
    *("-{0:,.2f}", "-${0:.2f}", "$-{0:.2f}", "({0:,.2f})", "(${0:.2f})", "$ ( {0:,.2f} ) "),
    *("{0:,.2f}-", "\u2212{0:.2f}", "-{0:.2f} USD"),
)
NOTHING = ("", "-", " $ - ", "0", "$0.00", "0.0", "-$0.00", "($0.00)")


class Written(NamedTuple):
    """A credits file with what was meant by it."""

    key: str
    rows: list[tuple[str, tuple[Decimal, ...]]]
    body: bytes


@st.composite
def written_files(draw: st.DrawFn, most: int = 6) -> Written:
    """Draw a file in one of the spellings that are allowed for each amount, cell and line."""
    count = draw(st.sampled_from([1, 3]))
    row = st.tuples(accounts, st.tuples(*[amounts] * count))
    rows = draw(st.lists(row, min_size=1, max_size=most, unique_by=lambda row: row[0]))
    *others, (_, last) = rows
    sums = tuple(map(exact_sum, zip(*[row for _, row in others], strict=True)))
    assume(last != sums)  # a total is refused
    text = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    if draw(st.booleans()):
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    else:
        writer = csv.writer(text, lineterminator=end)
    for account, row_amounts in rows:
        writer.writerow([account, *(draw(_spelled(amount, count)) for amount in row_amounts)])
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return Written(ONE if count == 1 else QUARTER, rows, (mark + text.getvalue()).encode())


def _spelled(amount: Decimal, months_in_file: int) -> st.SearchStrategy[str]:
    if not amount and months_in_file > 1:
        return st.sampled_from(NOTHING)
    spellings = REVERSAL if amount < 0 else CREDIT
    return st.sampled_from([spelling.format(amount.copy_abs()) for spelling in spellings])


def read(file: Written) -> CreditsFile:
    months = months_of(file.key, NOW)
    return read_credits(file.key, file.body, months, {}, allow_reversals=True)


@steadily
@given(written_files())
def test_rows_read_back_however_they_are_spelled(file: Written) -> None:
    found = read(file)
    assert [(name, tuple(amounts)) for name, amounts in found.credits.items()] == file.rows
    assert found.rows == len(file.rows)
    assert not found.repeated


@steadily
@given(written_files(most=3), st.data())
def test_one_wrong_character_is_refused_with_its_line_or_is_another_file(
    file: Written, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(file.body) - 1))
    wrong = data.draw(st.sampled_from(b'0,".-()$ \r\n\xff\x00') | st.integers(0, 255))
    body = file.body[:at] + bytes([wrong]) + file.body[at + 1 :]
    try:
        found = read(file._replace(body=body))
    except BadCredits as refused:
        first, *listed = str(refused).split("\n")
        last_line = body.count(b"\n") + body.count(b"\r") + 1
        assert first.startswith(f"{file.key}: ")
        assert listed
        for problem in listed:
            line = re.match(r"line ([0-9]+): .", problem)
            assert line
            assert 1 <= int(line[1]) <= last_line
    else:
        assert found.rows == len(file.rows)
        meant = dict(file.rows)
        wrong_rows = [name for name, row in found.credits.items() if meant.get(name) != tuple(row)]
        assert len(wrong_rows) + len(found.repeated) <= 1


# Names


@steadily
@given(months, st.integers(1, MOST_MONTHS))
def test_a_name_is_made_of_its_first_and_last_month(first: Month, count: int) -> None:
    last = first.plus(count - 1)
    name = f"credits-{first}_{last}.csv" if count > 1 else f"credits-{first}.csv"
    found = months_of(name, NOW.plus(24))
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert found == sorted(set(found))
    assert is_range(name) == (count > 1)


name_like = st.from_regex(r"credits-\d{4}-\d\d(_\d{4}-\d\d)?\.csv", fullmatch=True)


@steadily
@given(st.text() | name_like)
def test_any_other_name_is_refused_and_nothing_else_happens(name: str) -> None:
    try:
        found = months_of(name, NOW)
    except BadCredits as refused:
        assert str(refused).startswith(f"{name}: ")  # noqa: PT017  # both ways are allowed
    else:
        assert name in (f"credits-{found[0]}.csv", f"credits-{found[0]}_{found[-1]}.csv")
        assert max(found) <= NOW


# Requests


@steadily
@given(written_files(), months)
def test_a_file_is_in_the_request_as_it_was_read(file: Written, month: Month) -> None:
    for column in range(len(file.rows[0][1])):
        credit_of = {account: row[column] for account, row in file.rows}
        rows = credit_rows(month, credit_of.items())
        sent = json.loads(drop_body(month, rows))["data"]
        costs = {row["resource/account"]: Decimal(row["cost/cost"]) for row in sent}
        assert {name: cost.copy_negate() for name, cost in costs.items()} == credit_of
        assert as_posted(month, sent) == rows
        stored = read_rows(reversed(sent))
        assert stored.shows(read_rows(rows))
        assert stored.digest == read_rows(rows).digest


# What CloudZero may add or leave empty.
remarks = st.dictionaries(
    st.sampled_from(["id", "resource/tag:x", "usage/amount", "note"]),
    st.none() | st.text(max_size=5) | st.integers(-(10**20), 10**20) | st.just(1.5),
    max_size=3,
)


@steadily
@given(st.dictionaries(accounts, st.tuples(amounts, remarks), max_size=5), months)
def test_a_snapshot_that_is_restored_holds_the_same_money(
    held: dict[str, tuple[Decimal, dict[str, object]]], month: Month
) -> None:
    rows = credit_rows(month, [(account, amount) for account, (amount, _) in held.items()])
    stored = [{**row, **held[row["resource/account"]][1]} for row in rows]
    restored = json.loads(drop_body(month, as_posted(month, stored)))["data"]
    assert read_rows(restored) == read_rows(stored)
    assert all(isinstance(value, str) for row in restored for value in row.values())
