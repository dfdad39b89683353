"""The journal entry by entry: what each step keeps of it, and what it leaves alone."""

from msgspec.structs import replace

from functions.domain.month import Month
from functions.domain.months import journal as journals
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


def test_an_error_that_was_retried_since_is_news_and_open_for_as_long_as_before() -> None:
    state = a_state(MAY, "a", "b", code="AGAIN", retry_count=2)
    assert journals.observe(JOURNAL, state, AT).unresolved["2025-05"] == {
        "a": Unresolved(code="AGAIN", since="t-0", retries=2),
        "b": Unresolved(code="AGAIN", since="t-0", retries=2, done_too=True),
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
    begun = journals.beginning(journals.beginning(JOURNAL, JULY), MAY)
    assert begun == replace(JOURNAL, underway=("2025-05", "2025-07"))
    assert journals.beginning(begun, MAY) == begun
    assert journals.resolved(begun, JULY, ()).underway == ("2025-05", "2025-07")
    assert journals.ended(begun, MAY) == replace(JOURNAL, underway=("2025-07",))
    assert journals.ended(begun, JUNE) == begun
