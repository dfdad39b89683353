"""Which months wait and why, in the words of the notification; and what else a run looks at."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from functions.domain.month import Month
from functions.domain.months import months_due
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.months_due import Waiting
from functions.domain.months.state_file import PlanState
from functions.errors import BadInput
from tests.builders import AUGUST_2, JULY, JUNE, MAY, a_plan


def test_a_month_past_the_limit_or_not_over_is_reported() -> None:
    months, waiting = months_due.candidates(MAY, AUGUST_2, 2, [Month(2025, 8), Month(2025, 9)])
    assert months == [MAY, JUNE]
    assert waiting == [
        Waiting("2025-07", "left for the next run: max_months is 2"),
        Waiting("2025-08", "has not ended yet"),
        Waiting("2025-09", "has not ended yet"),
    ]
    _, waiting = months_due.candidates(MAY, datetime(2025, 10, 2, tzinfo=UTC), 2, [])
    text = "left for the next run, and with it 2 later months: max_months is 2"
    assert waiting == [Waiting("2025-07", text)]


def test_a_month_that_ends_this_very_moment_is_over() -> None:
    end = datetime(2025, 8, 1, tzinfo=UTC)
    assert months_due.candidates(JULY, end, 0, [JULY]) == (
        [JULY],
        [Waiting("2025-07", "left for the next run: max_months is 0")],
    )
    assert months_due.candidates(Month(2025, 8), end, 1, [JULY]) == ([JULY], [])
    assert months_due.requested_months(["2025-07"], end) == [JULY]


def test_new_months_come_first_and_each_month_once() -> None:
    assert months_due.candidates(JUNE, AUGUST_2, 9, [JULY, MAY]) == ([JUNE, JULY, MAY], [])


def test_a_run_does_at_most_24_months_and_names_the_others() -> None:
    again = [Month(2020, 1).plus(number) for number in range(25)]
    months, waiting = months_due.candidates(JULY, AUGUST_2, 1, again)
    assert months == [JULY, *again[:23]]
    reason = "left for the next run: a run does at most 24 months"
    assert waiting == [Waiting("2021-12", reason), Waiting("2022-01", reason)]


def test_what_waits_for_the_export_is_reported_with_both_moments_and_for_every_month() -> None:
    reached = datetime(2025, 7, 1, 0, 30, tzinfo=UTC)
    complete, waiting = months_due.complete_months([JUNE, JULY], a_plan(), reached, AUGUST_2)
    reason = (
        "export incomplete: it has reached 2025-07-01T00:30:00Z and must reach 2025-07-01T01:00:00Z"
    )
    assert complete == []
    assert waiting == [
        Waiting("2025-06", reason, overdue=True),
        Waiting("2025-07", reason.replace("2025-07-01T01", "2025-08-01T01"), overdue=False),
    ]


def test_a_requested_month_that_is_not_over_is_reported_with_the_moment() -> None:
    with pytest.raises(BadInput) as refused:
        months_due.requested_months(["2025-09", "2025-08"], AUGUST_2)
    assert str(refused.value) == (
        "months: 2025-08 has not ended yet at 2025-08-02T00:00:00Z; only past months are billed"
    )


UNTIL = datetime(2025, 7, 13, 10, tzinfo=UTC)
PASSED = datetime(2025, 7, 13, 10, 20, tzinfo=UTC)
BEFORE = PASSED - timedelta(seconds=1)
JUST_BEFORE = "2025-07-13T10:19:59Z and must reach 2025-07-13T10:20:00Z; start again then"


@pytest.mark.parametrize(
    ("exported_to", "as_of", "reason"),
    [
        (PASSED, AUGUST_2, None),
        (None, PASSED, None),
        (BEFORE, AUGUST_2, f"export incomplete: it has reached {JUST_BEFORE}"),
        (None, BEFORE, f"it is {JUST_BEFORE}"),
    ],
)
def test_final_usage_is_billed_once_the_export_or_the_clock_has_passed_it(
    exported_to: datetime | None, as_of: datetime, reason: str | None
) -> None:
    found = months_due.final_month(UNTIL, a_plan(final_margin_minutes=20), exported_to, as_of)
    assert found == (([], [Waiting("2025-07", reason)]) if reason else ([JULY], []))


def test_final_usage_up_to_midnight_of_the_first_is_of_the_month_before() -> None:
    until = datetime(2025, 7, 1, tzinfo=UTC)
    assert months_due.final_month(until, a_plan(), None, AUGUST_2) == ([JUNE], [])
    later = datetime(2025, 7, 1, 0, 0, 1, tzinfo=UTC)
    assert months_due.final_month(later, a_plan(), None, AUGUST_2) == ([JULY], [])


def test_the_last_closed_months_are_looked_at_again_oldest_first() -> None:
    state = PlanState(last_processed_month=JULY)
    assert months_due.closed_lately(a_plan(), state, Journal()) == [MAY, JUNE, JULY]
    assert months_due.closed_lately(a_plan(late_window=0), state, Journal()) == []
    assert months_due.closed_lately(a_plan(), PlanState(), Journal()) == []


def test_a_month_is_closed_up_to_the_last_one_that_was() -> None:
    journal = Journal(last_closed_month="2025-06")
    closed = [months_due.is_closed(month, PlanState(), journal) for month in (MAY, JUNE, JULY)]
    assert closed == [True, True, False]
    assert not months_due.is_closed(MAY, PlanState(), Journal())
    state = PlanState(last_processed_month=JULY)
    assert months_due.is_closed(JULY, state, journal), "the state file comes first"


def test_errors_are_retried_only_when_that_is_asked_for() -> None:
    state = PlanState(errors={MAY: {"c": {}}, JULY: {}})
    journal = Journal(unresolved={"2025-06": {"d": Unresolved()}})
    assert months_due.to_do_again(journal, state, retry_errors=False) == {JUNE}
    assert months_due.to_do_again(journal, state, retry_errors=True) == {MAY, JUNE}
    assert months_due.to_do_again(journal, PlanState(), retry_errors=True) == {JUNE}


@pytest.mark.parametrize(
    ("last", "following", "ends", "closed"),
    [
        (None, "2025-06", "2025-07-01", "no month has been closed yet"),
        (JULY, "2025-08", "2025-09-01", "the last closed month is 2025-07"),
    ],
)
def test_nothing_due_says_what_is_next_and_until_when(
    last: Month | None, following: str, ends: str, closed: str
) -> None:
    state = PlanState(last_processed_month=last)
    eastern = AUGUST_2.astimezone(timezone(timedelta(hours=2)))
    assert months_due.nothing_due(a_plan(), state, Journal(), eastern) == (
        f"next is {following}, which ends at {ends}T00:00:00Z; "
        f"as_of is 2025-08-02T00:00:00Z; {closed}"
    )
