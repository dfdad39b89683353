"""What the journal remembers once a month was closed, or was not."""

from functions.domain.ledger.entry import Entry, Failure
from functions.domain.ledger.remainders import Remainders
from functions.domain.month import Month
from functions.domain.months.closing import Closing, Seen, in_journal
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.late_usage import NOTHING_COMPARED
from functions.domain.months.outcome import Outcome
from functions.domain.months.state_file import PlanState
from functions.domain.plan import parse_plan
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.month_usage import MonthUsage

JUNE, JULY = Month(2025, 6), Month(2025, 7)
PLAN = parse_plan({"service": "S", "environment_type": "E", "plan_id": "P"})
JOURNAL = Journal(
    last_closed_month="2025-05",
    unresolved={"2025-07": {"a": Unresolved(), "b": Unresolved(since="t-0", told=True)}},
    underway=("2025-06", "2025-07"),
)
FAILED = Entry(
    plan="S:E:P",
    month="2025-07",
    contract_id="b",
    execution="x",
    claimed_at="t",
    retries=1,
    failure=Failure(code="DIM", message="no", errors=("no",), at="t-1"),
)


def of_july(*unaccounted: str) -> Closing:
    usage = MonthUsage(
        files=1,
        records=1,
        duplicates=0,
        dropped={},
        warnings=[],
        processed=[],
        days={},
        bill=MonthBill(contracts=[], quarantined=[], unbilled_dimensions=[]),
    )
    seen = Seen(PLAN, JULY, "x", None, None, usage, {}, PlanState(), JOURNAL, [], [])
    outcome = Outcome(["a"], {"b": FAILED}, list(unaccounted))
    return Closing(
        seen, NOTHING_COMPARED, usage, outcome, Remainders(), counts=True, open=[], numbers={}
    )


def test_a_month_that_closes_is_the_last_one_and_leaves_its_errors() -> None:
    assert in_journal(of_july(), JOURNAL, JULY) == Journal(
        last_closed_month="2025-07",
        unresolved={"2025-07": {"b": Unresolved(code="DIM", since="t-0", retries=1)}},
        underway=("2025-06",),
    )


def test_a_closed_month_with_a_contract_left_open_stays_underway() -> None:
    assert in_journal(of_july("c"), JOURNAL, JULY).underway == ("2025-06", "2025-07")


def test_a_month_that_is_not_closed_comes_again_by_itself() -> None:
    for last, known in ((JUNE, "2025-06"), (None, "2025-05")):
        after = in_journal(of_july("c"), JOURNAL, last)
        assert (after.last_closed_month, after.underway) == (known, ("2025-06",))
