"""The month: the unit that is billed."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.domain.month import Month, format_instant, parse_instant

months = st.builds(Month, st.integers(1, 9998), st.integers(1, 12))


@given(months)
def test_what_is_written_reads_back(month: Month) -> None:
    assert Month.parse(str(month)) == month


@given(months, st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_months_add_up(month: Month, one: int, other: int) -> None:
    assume(all(1 <= month.year + steps // 12 <= 9996 for steps in (0, one, one + other, other)))
    assert month.plus(one).plus(other) == month.plus(one + other)
    assert (month.plus(one) < month.plus(other)) == (one < other)
    assert month.plus(12) == Month(month.year + 1, month.month)


@given(months)
def test_a_month_ends_where_the_next_begins(month: Month) -> None:
    assert month.end == month.plus(1).start
    assert Month.of(month.last_second()) == month
    assert str((month.end - month.start).days * 24) == str(month.hours)


FULL_WIDTH = "\uff12\uff10\uff12\uff15-07"


@pytest.mark.parametrize(
    "text",
    ["2025-13", "2025-00", "2025-7", "25-07", "2025-07-01", FULL_WIDTH, "0000-01", "", 7, None],
)
def test_what_is_not_a_month_is_refused_by_its_value(text: object) -> None:
    with pytest.raises(ValueError, match="is not a month") as refused:
        Month.parse(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("until", "end"),
    [
        (None, "2025-08-01T00:00:00Z"),
        ("2025-07-13T10:00:00Z", "2025-07-13T10:00:00Z"),
        ("2025-08-02T00:00:00Z", "2025-08-01T00:00:00Z"),
    ],
)
def test_a_window_ends_with_its_month_or_before(until: str | None, end: str) -> None:
    assert format_instant(Month(2025, 7).window_end(until)) == end


def test_the_window_of_july_is_written_to_the_last_second() -> None:
    july = Month(2025, 7)
    assert format_instant(july.start) == "2025-07-01T00:00:00Z"
    assert format_instant(july.last_second()) == "2025-07-31T23:59:59Z"


def test_a_timestamp_needs_an_offset() -> None:
    assert parse_instant("2025-07-01T02:00:00+02:00") == datetime(2025, 7, 1, tzinfo=UTC)
    for text in ("2025-07-01T00:00:00", "yesterday", None, 5):
        with pytest.raises(ValueError, match="is not a timestamp"):
            parse_instant(text)


@pytest.mark.usefixtures("machine_in_new_york")
def test_the_clock_zone_of_the_machine_decides_nothing() -> None:
    instant = parse_instant("2025-07-01T02:00:00+02:00")
    assert instant.isoformat() == "2025-07-01T00:00:00+00:00"
    assert Month.of(datetime.fromisoformat("2025-07-01T03:00:00+02:00")) == Month(2025, 7)
    assert Month.of(datetime.fromisoformat("2025-07-01T01:00:00+02:00")) == Month(2025, 6)
    eastern = datetime.fromisoformat("2025-07-01T01:00:00+02:00")
    assert format_instant(eastern) == "2025-06-30T23:00:00Z"


def test_a_refusal_of_a_timestamp_names_the_value_and_what_one_looks_like() -> None:
    said = r"^'soon' is not a timestamp with an offset \(2025-07-25T20:15:32Z\)$"
    with pytest.raises(ValueError, match=said):
        parse_instant("soon")
    for text in ("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"):
        said = f"^{re.escape(repr(text))} is no instant of the years 1 to 9999 in UTC$"
        with pytest.raises(ValueError, match=said):
            parse_instant(text)


def test_a_month_is_written_with_four_and_two_digits() -> None:
    month = Month(987, 6)
    assert (str(month), month.path) == ("0987-06", "0987/06")
    assert [month.plus(months) for months in (7, -6, 0)] == [Month(988, 1), Month(986, 12), month]
