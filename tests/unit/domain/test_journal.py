"""The journal: re-opened contracts are noticed, nothing goes unheard, and all else is kept."""

import pytest
from msgspec.structs import replace

from functions.domain.month import Month
from functions.domain.months import journal as journals
from functions.domain.months import months_due
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.state_file import PlanState
from tests.builders import JULY, JUNE, MAY

AT = "2025-08-02T00:00:00Z"
TOLD = Unresolved(code="TOLD", since="t-0", retries=1, reported=True)
BOTH = Unresolved(code="BOTH", since="t-0", done_too=True, reported=True)
JOURNAL = Journal(
    last_closed_month="2025-06",
    unresolved={"2025-05": {"a": TOLD, "b": BOTH}, "2025-06": {"c": TOLD}},
    notices=("look",),
)


def a_state(month: Month, *names: str, **item: object) -> PlanState:
    """Return a state file that shows errors of one month, all with the same fields."""
    items = {name: {"contract_id": name, **item} for name in names}
    return PlanState(errors={month: items})


def test_an_error_that_is_new_in_the_state_file_is_news_and_what_is_known_stays() -> None:
    state = replace(a_state(MAY, "a", "new", "both"), success={MAY: frozenset({"both"})})
    seen = Unresolved(since=AT)
    assert journals.observe(JOURNAL, state, AT) == replace(
        JOURNAL,
        unresolved={
            "2025-05": {"a": TOLD, "b": BOTH, "new": seen, "both": replace(seen, done_too=True)},
            "2025-06": {"c": TOLD},
        },
    )


def test_an_error_is_read_from_its_entry_whoever_wrote_it() -> None:
    item = {"code": "CODE", "last_retry_time": "2025-08-01 11:12", "retry_count": 3}
    seen = journals.observe(Journal(), a_state(JULY, "d", **item), AT)
    known = Unresolved(code="CODE", since="2025-08-01 11:12", retries=3)
    assert seen.unresolved == {"2025-07": {"d": known}}
    odd = a_state(JULY, "d", code=None, last_retry_time=None, retry_count="3")
    assert journals.observe(Journal(), odd, AT).unresolved["2025-07"]["d"] == Unresolved(since=AT)


def test_an_error_that_is_no_success_any_more_is_as_any_other() -> None:
    error = a_state(MAY, "b")
    apart = replace(BOTH, done_too=False)
    assert journals.observe(JOURNAL, error, AT).unresolved["2025-05"] == {"a": TOLD, "b": apart}
    both = replace(error, success={MAY: frozenset({"b"})})
    assert journals.observe(JOURNAL, both, AT) == JOURNAL


def test_an_error_that_was_retried_since_is_news_and_open_for_as_long_as_before() -> None:
    state = a_state(MAY, "a", "b", code="AGAIN", retry_count=2)
    assert journals.observe(JOURNAL, state, AT).unresolved["2025-05"] == {
        "a": Unresolved(code="AGAIN", since="t-0", retries=2),
        "b": Unresolved(code="AGAIN", since="t-0", retries=2),
    }
    for retries in (0, 1):
        same = a_state(MAY, "a", code="AGAIN", retry_count=retries)
        assert journals.observe(JOURNAL, same, AT) == JOURNAL


def test_only_a_contract_that_moved_from_errors_to_successes_is_settled_by_hand() -> None:
    """It is known until the ledger says so too."""
    moved = PlanState(success={MAY: frozenset({"a", "b", "z"}), JUNE: frozenset({"c"})})
    assert journals.settled_by_hand(JOURNAL, moved) == [(MAY, ["a"]), (JUNE, ["c"])]
    still = replace(moved, errors={JUNE: {"c": {}}})
    assert journals.settled_by_hand(JOURNAL, still) == [(MAY, ["a"])]
    assert journals.settled_by_hand(JOURNAL, PlanState()) == []
    for state in (moved, still, PlanState()):
        assert journals.observe(JOURNAL, state, AT) == JOURNAL


def test_what_is_reopened_or_was_seen_in_both_lists_is_of_that_month_alone() -> None:
    assert journals.reopened(JOURNAL, PlanState(), MAY) == {"a", "b"}
    assert journals.reopened(JOURNAL, PlanState(), JULY) == frozenset()
    done = PlanState(success={MAY: frozenset({"a", "b"})})
    assert journals.reopened(JOURNAL, done, MAY) == {"b"}
    assert (journals.in_both(JOURNAL, MAY), journals.in_both(JOURNAL, JULY)) == ({"b"}, set())


def test_closing_a_month_renews_its_errors_and_leaves_the_other_months() -> None:
    new = Unresolved(code="NEW", since=AT)
    errors = {"b": replace(new, code="AGAIN"), "new": new}
    assert journals.resolved(JOURNAL, MAY, {"a"}, errors) == replace(
        JOURNAL,
        unresolved={
            "2025-06": {"c": TOLD},
            "2025-05": {"b": Unresolved(code="AGAIN", since="t-0", done_too=True), "new": new},
        },
    )


def test_an_error_that_is_watched_is_noted_once_beside_the_others() -> None:
    noted = Unresolved(code="CODE", since=AT, reported=True)
    watched = journals.watched(JOURNAL, JULY, "d", "CODE", AT)
    assert watched == replace(JOURNAL, unresolved={**JOURNAL.unresolved, "2025-07": {"d": noted}})
    assert journals.watched(watched, JULY, "d", "OTHER", "later") == watched
    more = journals.watched(JOURNAL, MAY, "z", "CODE", AT).unresolved["2025-05"]
    assert more == {"a": TOLD, "b": BOTH, "z": noted}


def test_a_contract_that_was_settled_leaves_and_no_other() -> None:
    settled = journals.resolved(JOURNAL, MAY, ["a"])
    assert settled == replace(JOURNAL, unresolved={"2025-05": {"b": BOTH}, "2025-06": {"c": TOLD}})
    assert journals.resolved(JOURNAL, JUNE, ["c"]).unresolved.keys() == {"2025-05"}
    for month, names in ((JULY, ["a"]), (MAY, ["z"]), (JULY, [])):
        assert journals.resolved(JOURNAL, month, names) == JOURNAL


def test_a_month_that_a_run_begins_is_underway_until_every_contract_is_accounted_for() -> None:
    begun = journals.beginning(journals.beginning(JOURNAL, JULY, ["mem"]), MAY, ["cpu"])
    named = replace(JOURNAL, dimensions=("cpu", "mem"))
    assert begun == replace(named, underway=("2025-05", "2025-07"))
    assert journals.beginning(begun, MAY, []) == begun
    assert journals.resolved(begun, JULY, ()).underway == ("2025-05", "2025-07")
    assert journals.ended(begun, MAY) == replace(named, underway=("2025-07",))
    assert journals.ended(begun, JUNE) == begun


# What an operator does to the state file


def of_months(
    errors: dict[Month, set[str]], success: dict[Month, set[str]] | None = None
) -> PlanState:
    return PlanState(
        errors={month: {name: {} for name in names} for month, names in errors.items()},
        success={month: frozenset(names) for month, names in (success or {}).items()},
    )


def test_an_error_entry_that_was_removed_reopens_its_contract() -> None:
    journal = journals.observe(Journal(), of_months({MAY: {"c-1", "c-2"}}), AT)
    assert journals.reopened(journal, of_months({MAY: {"c-1", "c-2"}}), MAY) == frozenset()
    assert journals.reopened(journal, of_months({MAY: {"c-2"}}), MAY) == {"c-1"}
    assert months_due.to_do_again(journal, of_months({MAY: {"c-2"}}), retry_errors=False) == {MAY}
    moved = of_months({MAY: {"c-2"}}, {MAY: {"c-1"}})
    assert not journals.reopened(journal, moved, MAY), "an operator has settled it"


def test_a_contract_that_the_earlier_script_put_in_both_lists_can_be_reopened() -> None:
    both = of_months({MAY: {"c-1"}}, {MAY: {"c-1"}})
    journal = journals.observe(Journal(), both, AT)
    assert journals.reopened(journal, of_months({MAY: set()}, {MAY: {"c-1"}}), MAY) == {"c-1"}


def test_a_contract_put_into_the_success_list_beside_its_error_is_not_reopened_later() -> None:
    journal = journals.observe(Journal(), of_months({MAY: {"c-1"}}), AT)
    both = journals.observe(journal, of_months({MAY: {"c-1"}}, {MAY: {"c-1"}}), AT)
    assert not journals.reopened(both, of_months({}, {MAY: {"c-1"}}), MAY)


@pytest.mark.parametrize(
    ("payload", "due"),
    [
        ({"request": [{"quantity": "5", "dimension": "cpu"}, "?"]}, "5 cpu"),
        (
            {"request": [{"quantity": n, "dimension": "d"} for n in range(5)]},
            "0 d, 1 d, 2 d, and 2 more",
        ),
        ({"request": {"quantity": "5"}}, ""),
        ({"records": []}, ""),
        ("5 cpu", ""),
        (None, ""),
    ],
)
def test_what_an_error_of_the_state_file_would_have_sent_is_remembered(
    payload: object, due: str
) -> None:
    state = PlanState(errors={JULY: {"c": {"code": "X", "payload": payload}}})
    found = journals.observe(Journal(), state, "t-9").at(JULY)
    assert found == {"c": Unresolved(code="X", since="t-9", due=due)}
