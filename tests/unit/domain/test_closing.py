"""What the journal remembers once a month was closed, or was not."""

from msgspec.structs import replace

from functions.domain.months.closing import Closing, in_journal
from functions.domain.months.hold import Held
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.outcome import Outcome
from tests.builders import FAILURE, JULY, JUNE, a_closing, a_line, an_entry

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


def test_a_closed_month_stays_underway_without_a_state_file_too() -> None:
    known = replace(JOURNAL, last_closed_month="2025-07")
    assert in_journal(of_july("c"), known, None).underway == ("2025-06", "2025-07")


def test_a_month_that_is_not_closed_comes_again_by_itself() -> None:
    for last, known in ((JUNE, "2025-06"), (None, "2025-05")):
        after = in_journal(of_july("c"), JOURNAL, last)
        assert (after.last_closed_month, after.underway) == (known, ("2025-06",))


def test_an_error_keeps_when_it_came_and_what_is_not_billed_of_it() -> None:
    lines = (a_line("cpu", "refused"), a_line("mem", "accepted"), a_line("disk", "waived"))
    entry = an_entry(*lines, a_line("net", quantity="7"), contract_id="b", failure=FAILURE)
    closing = a_closing(outcome=Outcome([], {"b": entry}, []), journal=JOURNAL)
    assert in_journal(closing, Journal(), JULY).unresolved == {
        "2025-07": {"b": Unresolved(code="DIM", since="t-1", due="5 cpu, 7 net")}
    }


def test_a_bill_that_is_held_is_forgotten_once_its_month_is_closed() -> None:
    held = Held(digest="d", moves=("cpu",), since="t")
    journal = Journal(held={"2025-06": held, "2025-07": held, "2025-08": held})
    closing = a_closing(outcome=Outcome([], {}, []))
    assert [*in_journal(closing, journal, JULY).held] == ["2025-08"]
    assert [*in_journal(closing, journal, None).held] == ["2025-06", "2025-07", "2025-08"]
