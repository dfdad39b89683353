"""Which months are owed: past, complete, in order, none twice, none left out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.domain.month import Month
from functions.domain.months import months_due
from functions.domain.months.journal import Journal
from functions.domain.months.state_file import PlanState
from tests.builders import AUGUST_2, JULY, JUNE, MAY, a_plan


@pytest.mark.parametrize(
    ("plan", "state", "journal", "first"),
    [
        ({}, {}, {}, JUNE),
        ({"start_month": "2024-11"}, {}, {}, Month(2024, 11)),
        ({"start_month": "2025-05"}, {"last_processed_month": MAY}, {}, JUNE),
        ({"start_month": "2025-05"}, {"last_processed_month": Month(2024, 12)}, {}, Month(2025, 1)),
        ({}, {}, {"last_closed_month": "2025-02"}, Month(2025, 3)),
    ],
    ids=["two months before", "start month", "state file", "state file first", "state file lost"],
)
def test_the_first_month_follows_the_last_closed_one_or_begins_the_plan(
    plan: dict[str, Any], state: dict[str, Any], journal: dict[str, Any], first: Month
) -> None:
    found = months_due.first_month(a_plan(**plan), PlanState(**state), Journal(**journal), AUGUST_2)
    assert found == first


def test_neither_the_current_month_nor_a_future_one_is_ever_due() -> None:
    just_before = datetime(2025, 7, 31, 23, 59, 59, tzinfo=UTC)
    assert months_due.candidates(JULY, just_before, 12, []) == ([], [])


def test_months_past_the_limit_are_left_and_the_first_of_them_says_why() -> None:
    for first, too in ((MAY.plus(-1), ", and with it 1 later month"), (MAY, "")):
        second, third = first.plus(1), first.plus(2)
        left = months_due.Waiting(str(third), f"left for the next run{too}: max_months is 2")
        assert months_due.candidates(first, AUGUST_2, 2, []) == ([first, second], [left])


def test_an_incomplete_month_holds_up_the_later_ones() -> None:
    for reached, expected in (
        (datetime(2025, 7, 1, 0, 59, 59, tzinfo=UTC), [MAY]),
        (datetime(2025, 7, 1, 1, 0, 0, tzinfo=UTC), [MAY, JUNE]),
        (datetime(2025, 8, 1, 1, 0, 0, tzinfo=UTC), [MAY, JUNE, JULY]),
    ):
        complete, waiting = months_due.complete_months(
            [MAY, JUNE, JULY], a_plan(), reached, AUGUST_2
        )
        assert complete == expected
        assert len(complete) + len(waiting) == 3
        assert all("export incomplete" in item.reason for item in waiting)


def test_by_the_calendar_every_past_month_is_complete() -> None:
    assert months_due.complete_months([MAY, JUNE], a_plan(), None, AUGUST_2) == ([MAY, JUNE], [])


def test_requested_months_are_billed_in_order_and_once() -> None:
    assert months_due.requested_months(["2025-07", "2025-05", "2025-07"], AUGUST_2) == [MAY, JULY]


def test_a_month_whose_export_is_late_by_two_days_is_overdue() -> None:
    reached = datetime(2025, 7, 31, tzinfo=UTC)
    for as_of, overdue in (
        (datetime(2025, 8, 2, 23, tzinfo=UTC), False),
        (datetime(2025, 8, 3, tzinfo=UTC), True),
    ):
        _, (waiting,) = months_due.complete_months([JULY], a_plan(), reached, as_of)
        assert waiting.overdue is overdue


def test_a_closed_month_where_a_run_got_stuck_is_worked_on_again() -> None:
    journal = Journal(last_closed_month="2025-06", underway=("2025-05", "2025-07"))
    assert months_due.to_do_again(journal, PlanState(), retry_errors=False) == {MAY}
    unknown, state = Journal(underway=("2025-05",)), PlanState(last_processed_month=JUNE)
    assert months_due.to_do_again(unknown, state, retry_errors=False) == {MAY}
    assert months_due.to_do_again(unknown, PlanState(), retry_errors=False) == set()


def test_errors_are_retried_oldest_first_and_named_ones_only_where_they_are() -> None:
    state = PlanState(errors={MAY: {"a": {}, "b": {}}, JUNE: {"b": {}}})
    months = [JULY, MAY, JUNE]
    for contracts, found in (
        ([], [MAY, JUNE, JULY]),
        (["a"], [MAY]),
        (["a", "b"], [MAY, JUNE]),
        (["a", "new"], [MAY, JUNE, JULY]),
    ):
        assert months_due.to_retry(months, state, contracts) == found


def test_the_days_that_are_over_end_at_midnight_behind_the_margin() -> None:
    plan, noon = a_plan(marker_margin_minutes=60), datetime(2025, 7, 9, 12, tzinfo=UTC)
    midnight = datetime(2025, 7, 9, tzinfo=UTC)
    for exported_to, as_of, end in (
        (None, noon, midnight),
        (noon, AUGUST_2, midnight),
        (AUGUST_2, noon, midnight),
        (None, datetime(2025, 7, 9, 1, tzinfo=UTC), midnight),
        (None, datetime(2025, 7, 9, 0, 59, 59, 9, tzinfo=UTC), datetime(2025, 7, 8, tzinfo=UTC)),
        (None, AUGUST_2, JULY.end),
    ):
        assert months_due.finished(JULY, plan, exported_to, as_of) == end


def test_months_that_a_long_run_leaves_wait_for_the_next_and_are_overdue() -> None:
    (waiting,) = months_due.left(["2025-06", "2025-07"], {"2025-06"})
    assert (waiting.month, waiting.overdue) == ("2025-07", True)
    assert waiting.reason == (
        "left for the next run with this input: this one began over 12 hours ago"
    )
