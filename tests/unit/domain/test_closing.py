"""What the journal remembers once a month was closed, or was not."""

from functions.domain.months.closing import Closing, in_journal
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.outcome import Outcome
from tests.builders import FAILURE, JULY, JUNE, a_closing, an_entry

JOURNAL = Journal(
    last_closed_month="2025-05",
    unresolved={"2025-07": {"a": Unresolved(), "b": Unresolved(since="t-0", reported=True)}},
    underway=("2025-06", "2025-07"),
)
FAILED = an_entry(contract_id="b", retries=1, failure=FAILURE)


def of_july(*unaccounted: str) -> Closing:
    outcome = Outcome(["a"], {"b": FAILED}, list(unaccounted))
    return a_closing(outcome=outcome, journal=JOURNAL)


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
