"""Which months are owed: past, complete, in order, none twice, none left out."""

from datetime import UTC, datetime

import pytest

from functions.domain.month import Month
from functions.domain.months import months_due
from functions.domain.months.journal import Journal
from functions.domain.months.state_file import PlanState
from functions.errors import BadInput
from tests.builders import AUGUST_2, JULY, JUNE, MAY, a_plan


def test_the_first_run_begins_two_months_before() -> None:
    assert months_due.first_month(a_plan(), PlanState(), Journal(), AUGUST_2) == JUNE


def test_the_first_run_begins_at_the_start_month() -> None:
    plan = a_plan(start_month="2024-11")
    assert months_due.first_month(plan, PlanState(), Journal(), AUGUST_2) == Month(2024, 11)


def test_the_state_file_says_what_is_next() -> None:
    state = PlanState(last_processed_month=Month(2024, 12))
    plan = a_plan(start_month="2025-05")
    assert months_due.first_month(plan, state, Journal(), AUGUST_2) == Month(2025, 1)


def test_a_lost_state_file_opens_no_gap() -> None:
    journal = Journal(last_closed_month="2025-02")
    assert months_due.first_month(a_plan(), PlanState(), journal, AUGUST_2) == Month(2025, 3)


def test_neither_the_current_month_nor_a_future_one_is_ever_due() -> None:
    assert months_due.candidates(JULY, datetime(2025, 7, 31, 23, 59, 59, tzinfo=UTC), 12, []) == (
        [],
        [],
    )
    assert months_due.candidates(JULY, datetime(2025, 8, 1, tzinfo=UTC), 12, []) == ([JULY], [])


def test_the_limit_leaves_the_newest_for_the_next_run_and_says_so() -> None:
    months, waiting = months_due.candidates(MAY, AUGUST_2, 2, [Month(2024, 1)])
    assert months == [MAY, JUNE, Month(2024, 1)]
    assert [item.month for item in waiting] == ["2025-07"]


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


def test_a_requested_month_must_be_over() -> None:
    assert months_due.requested_months(["2025-07", "2025-05", "2025-07"], AUGUST_2) == [MAY, JULY]
    with pytest.raises(BadInput, match="2025-08 has not ended"):
        months_due.requested_months(["2025-08"], AUGUST_2)


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


def test_what_the_state_file_says_is_closed_may_have_got_stuck() -> None:
    journal = Journal(underway=("2025-05",))
    state = PlanState(last_processed_month=JUNE)
    assert months_due.to_do_again(journal, state, retry_errors=False) == {MAY}
    assert months_due.to_do_again(journal, PlanState(), retry_errors=False) == set()
