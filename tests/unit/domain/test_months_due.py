"""Which months are owed: past, complete, in order, none twice, none left out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.domain import months_due
from functions.domain.month import Month
from functions.domain.months_due import Journal
from functions.domain.plan import Plan, parse_plan
from functions.domain.state_file import PlanState

AUGUST_2 = datetime(2025, 8, 2, tzinfo=UTC)
MAY, JUNE, JULY = Month(2025, 5), Month(2025, 6), Month(2025, 7)


def a_plan(**fields: Any) -> Plan:
    return parse_plan({"service": "S", "environment_type": "E", "plan_id": "P", **fields})


def test_the_first_run_begins_two_months_before() -> None:
    assert months_due.first_month(a_plan(), None, Journal(), AUGUST_2) == JUNE


def test_the_first_run_begins_at_the_start_month() -> None:
    plan = a_plan(start_month="2024-11")
    assert months_due.first_month(plan, None, Journal(), AUGUST_2) == Month(2024, 11)


def test_the_state_file_says_what_is_next() -> None:
    state = PlanState(last_processed_month=Month(2024, 12))
    plan = a_plan(start_month="2025-05")
    assert months_due.first_month(plan, state, Journal(), AUGUST_2) == Month(2025, 1)


def test_a_lost_state_file_opens_no_gap() -> None:
    journal = Journal(last_closed_month="2025-02")
    assert months_due.first_month(a_plan(), None, journal, AUGUST_2) == Month(2025, 3)


def test_neither_the_current_month_nor_a_future_one_is_ever_due() -> None:
    assert months_due.candidates(JULY, datetime(2025, 7, 31, 23, 59, 59, tzinfo=UTC), 12, []) == (
        [],
        [],
    )
    assert months_due.candidates(JULY, datetime(2025, 8, 1, tzinfo=UTC), 12, []) == ([JULY], [])


def test_the_limit_leaves_the_newest_for_the_next_run_and_says_so() -> None:
    months, waiting = months_due.candidates(MAY, AUGUST_2, 2, [Month(2024, 1)])
    assert months == [Month(2024, 1), MAY, JUNE]
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
    with pytest.raises(ValueError, match="2025-08 is not over"):
        months_due.requested_months(["2025-08"], AUGUST_2)


def state(errors: dict[Month, set[str]], success: dict[Month, set[str]] | None = None) -> PlanState:
    return PlanState(
        errors={month: frozenset(names) for month, names in errors.items()},
        success={month: frozenset(names) for month, names in (success or {}).items()},
    )


def test_an_error_entry_that_was_removed_reopens_its_contract() -> None:
    journal = months_due.observe(Journal(), state({MAY: {"c-1", "c-2"}}))
    assert months_due.reopened(journal, state({MAY: {"c-1", "c-2"}}), MAY) == frozenset()
    assert months_due.reopened(journal, state({MAY: {"c-2"}}), MAY) == {"c-1"}
    assert months_due.to_do_again(journal, state({MAY: {"c-2"}}), retry_errors=False) == {MAY}


def test_an_operator_who_moves_a_contract_to_the_success_list_reopens_nothing() -> None:
    journal = months_due.observe(Journal(), state({MAY: {"c-1"}}))
    assert not months_due.reopened(journal, state({}, {MAY: {"c-1"}}), MAY)


def test_a_contract_that_the_earlier_script_put_in_both_lists_can_be_reopened() -> None:
    both = state({MAY: {"c-1"}}, {MAY: {"c-1"}})
    journal = months_due.observe(Journal(), both)
    assert months_due.reopened(journal, state({MAY: set()}, {MAY: {"c-1"}}), MAY) == {"c-1"}


def test_retrying_errors_takes_every_month_with_one() -> None:
    again = months_due.to_do_again(Journal(), state({MAY: {"c"}, JUNE: set()}), retry_errors=True)
    assert again == {MAY}


def test_a_month_whose_export_is_late_by_two_days_is_overdue() -> None:
    reached = datetime(2025, 7, 31, tzinfo=UTC)
    for as_of, overdue in (
        (datetime(2025, 8, 2, 23, tzinfo=UTC), False),
        (datetime(2025, 8, 3, tzinfo=UTC), True),
    ):
        _, (waiting,) = months_due.complete_months([JULY], a_plan(), reached, as_of)
        assert waiting.overdue is overdue


def test_what_is_settled_leaves_the_journal_and_new_errors_enter_it() -> None:
    journal = months_due.observe(Journal(last_closed_month="2025-04"), state({MAY: {"c-1", "c-2"}}))
    after = months_due.after_closing(
        journal, MAY, {"c-3": "CODE"}, frozenset({"c-1"}), last_closed=MAY
    )
    assert after.unresolved["2025-05"].keys() == {"c-2", "c-3"}
    assert after.last_closed_month == "2025-05"
    emptied = months_due.after_closing(after, MAY, {}, frozenset({"c-2", "c-3"}), last_closed=None)
    assert emptied == Journal(last_closed_month="2025-05")


def test_an_error_is_announced_once_by_the_execution_that_ends_with_it() -> None:
    journal = months_due.observe(Journal(), state({MAY: {"old"}}))
    journal = months_due.after_closing(
        journal, MAY, {"new": "CODE"}, frozenset(), last_closed=None, notices=["look here"]
    )
    expected = (["2025-05: new (CODE)"], ["look here"], 2)
    assert months_due.to_announce(journal, "x-1") == expected
    told = months_due.announced(journal, "x-1")
    assert months_due.to_announce(told, "x-1") == expected, (
        "a function that is retried says it again"
    )
    assert months_due.to_announce(told, "x-2") == ([], [], 2)
    assert months_due.announced(told, "x-2").notices == ()


def test_a_contract_that_an_operator_settled_leaves_the_journal() -> None:
    journal = months_due.observe(Journal(), state({MAY: {"c-1", "c-2"}}))
    settled = months_due.observe(journal, state({MAY: {"c-2"}}, {MAY: {"c-1"}}))
    assert settled.unresolved["2025-05"].keys() == {"c-2"}


def test_a_notice_stands_once_however_often_its_month_is_closed() -> None:
    journal = Journal()
    for _ in range(2):
        journal = months_due.after_closing(
            journal, MAY, {}, frozenset(), last_closed=None, notices=["look here"]
        )
    assert len(journal.notices) == 1
