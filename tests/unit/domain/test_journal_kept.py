"""The journal entry by entry: what each step keeps of it, and what it leaves alone."""

from msgspec.structs import replace

from functions.domain import announcement
from functions.domain import journal as journals
from functions.domain.journal import Journal, Notice, Unresolved
from functions.domain.month import Month
from functions.domain.state_file import PlanState

MAY, JUNE, JULY = Month(2025, 5), Month(2025, 6), Month(2025, 7)
HEARD = Unresolved(code="HEARD", announced_by="x-0", heard=True)
BOTH = Unresolved(code="BOTH", done_too=True, announced_by="x-0", heard=True)
JOURNAL = Journal(
    last_closed_month="2025-06",
    unresolved={"2025-05": {"a": HEARD, "b": BOTH}, "2025-06": {"c": HEARD}},
    notices=(Notice(text="look"),),
)


def test_what_the_state_file_shows_is_noted_as_heard_and_what_is_known_stays() -> None:
    state = PlanState(
        errors={MAY: frozenset({"a", "new", "both"}), JULY: frozenset({"d"})},
        success={MAY: frozenset({"both"})},
    )
    seen = Unresolved(heard=True)
    assert journals.observe(JOURNAL, state) == replace(
        JOURNAL,
        unresolved={
            "2025-05": {"a": HEARD, "b": BOTH, "new": seen, "both": replace(seen, done_too=True)},
            "2025-06": {"c": HEARD},
            "2025-07": {"d": seen},
        },
    )


def test_only_a_contract_that_moved_from_errors_to_successes_leaves() -> None:
    moved = PlanState(success={MAY: frozenset({"a", "b"}), JUNE: frozenset({"c"})})
    assert journals.observe(JOURNAL, moved).unresolved == {"2025-05": {"b": BOTH}, "2025-06": {}}
    still = replace(moved, errors={JUNE: frozenset({"c"})})
    assert journals.observe(JOURNAL, still).unresolved["2025-06"] == {"c": HEARD}
    assert journals.observe(JOURNAL, PlanState()) == JOURNAL


def test_what_is_reopened_is_of_that_month_alone() -> None:
    assert journals.reopened(JOURNAL, PlanState(), MAY) == {"a", "b"}
    assert journals.reopened(JOURNAL, PlanState(), JULY) == frozenset()
    done = PlanState(success={MAY: frozenset({"a", "b"})})
    assert journals.reopened(JOURNAL, done, MAY) == {"b"}


def test_closing_a_month_renews_its_errors_and_leaves_the_other_months() -> None:
    errors = {"b": "AGAIN", "new": "NEW"}
    assert journals.after_closing(
        JOURNAL, MAY, errors, frozenset({"a"}), last_closed=JULY
    ) == replace(
        JOURNAL,
        last_closed_month="2025-07",
        unresolved={
            "2025-06": {"c": HEARD},
            "2025-05": {
                "b": Unresolved(code="AGAIN", done_too=True),
                "new": Unresolved(code="NEW"),
            },
        },
    )


def test_a_month_without_errors_leaves_no_trace() -> None:
    closed = journals.after_closing(JOURNAL, JULY, {}, frozenset(), last_closed=None)
    assert closed == JOURNAL
    emptied = journals.after_closing(JOURNAL, JUNE, {}, frozenset({"c"}), last_closed=None)
    assert emptied.unresolved.keys() == {"2025-05"}


def test_an_error_that_is_watched_is_noted_once_beside_the_others() -> None:
    watched = journals.watched(JOURNAL, JULY, "d", "CODE", "x-1")
    assert watched == replace(
        JOURNAL,
        unresolved={
            **JOURNAL.unresolved,
            "2025-07": {"d": Unresolved(code="CODE", announced_by="x-1", heard=True)},
        },
    )
    assert journals.watched(watched, JULY, "d", "OTHER", "x-2") == watched
    more = journals.watched(JOURNAL, MAY, "z", "CODE", "x-1").unresolved["2025-05"]
    assert more.pop("z") == Unresolved(code="CODE", announced_by="x-1", heard=True)
    assert more == {"a": HEARD, "b": BOTH}


def test_a_contract_that_a_person_has_settled_leaves_and_no_other() -> None:
    settled = journals.after_resolution(JOURNAL, MAY, ["a"])
    assert settled == replace(JOURNAL, unresolved={"2025-05": {"b": BOTH}, "2025-06": {"c": HEARD}})
    assert journals.after_resolution(JOURNAL, JUNE, ["c"]).unresolved.keys() == {"2025-05"}
    for month, name in ((JULY, "a"), (MAY, "z")):
        assert journals.after_resolution(JOURNAL, month, [name]) == JOURNAL


def test_what_a_month_was_about_to_show_is_unheard_until_the_month_is_closed() -> None:
    shown = journals.before_closing(JOURNAL, MAY, {"new": "CODE", "a": "OTHER"})
    assert shown == replace(JOURNAL, showing={"2025-05": {"new": "CODE", "a": "OTHER"}})
    both = journals.before_closing(shown, JUNE, {"z": "CODE"})
    assert both.showing == {**shown.showing, "2025-06": {"z": "CODE"}}
    state = PlanState(errors={MAY: frozenset({"new", "a", "z"})}, success={MAY: frozenset("z")})
    seen = journals.observe(both, state)
    assert seen.unresolved["2025-05"] == {
        "a": Unresolved(code="OTHER"),
        "b": BOTH,
        "new": Unresolved(code="CODE"),
        "z": Unresolved(done_too=True, heard=True),
    }
    assert seen.showing == {"2025-06": {"z": "CODE"}}, "what is seen is news once"
    assert journals.observe(seen, state) == seen
    closed = journals.after_closing(both, MAY, {}, frozenset(), last_closed=None)
    assert closed.showing == {"2025-06": {"z": "CODE"}}
    assert journals.before_closing(both, MAY, {}) == replace(both, showing=closed.showing)


def test_an_error_that_its_month_was_about_to_show_is_unheard_wherever_it_is_first_seen() -> None:
    before = journals.before_closing(Journal(), MAY, {"b": "NEW"})
    state = PlanState(errors={MAY: frozenset({"a", "b"})})
    seen = journals.observe(before, state)
    assert announcement.to_announce(seen, "x-1").contracts == ["2025-05: b (NEW)"]
    assert journals.reopened(before, PlanState(), MAY) == frozenset()
    closed = journals.after_closing(before, MAY, {"b": "NEW"}, frozenset(), last_closed=None)
    assert closed == Journal(unresolved={"2025-05": {"b": Unresolved(code="NEW")}})


def test_who_was_moved_from_the_errors_to_the_successes_was_settled_by_hand() -> None:
    moved = PlanState(
        success={MAY: frozenset({"a", "b", "z"}), JUNE: frozenset({"c"})},
        errors={JUNE: frozenset({"c"})},
    )
    assert journals.settled_by_hand(JOURNAL, moved) == {"2025-05": ["a"]}
    assert journals.settled_by_hand(JOURNAL, PlanState()) == {}
    assert journals.settled_by_hand(JOURNAL, replace(moved, errors={})) == {
        "2025-05": ["a"],
        "2025-06": ["c"],
    }


def test_a_news_of_a_contract_in_both_lists_keeps_that_it_was_in_both() -> None:
    shown = journals.before_closing(JOURNAL, MAY, {"b": "AGAIN"})
    state = PlanState(errors={MAY: frozenset({"b"})}, success={MAY: frozenset({"b"})})
    assert journals.observe(shown, state).unresolved["2025-05"]["b"] == Unresolved(
        code="AGAIN", done_too=True
    )


def test_a_month_that_a_run_begins_is_underway_until_every_contract_is_accounted_for() -> None:
    begun = journals.beginning(journals.beginning(JOURNAL, JULY), MAY)
    assert begun == replace(JOURNAL, underway=("2025-05", "2025-07"))
    assert journals.beginning(begun, MAY) == begun
    stuck = journals.after_closing(begun, JULY, {}, frozenset(), last_closed=None, complete=False)
    assert stuck.underway == ("2025-05", "2025-07")
    done = journals.after_closing(begun, JULY, {}, frozenset(), last_closed=None)
    assert done.underway == ("2025-05",)


def test_the_last_month_is_the_one_that_an_operator_has_set() -> None:
    assert journals.moved_to(JOURNAL, JULY) == replace(JOURNAL, last_closed_month="2025-07")


def test_a_contract_that_left_the_successes_keeps_that_it_was_in_both() -> None:
    shown = journals.before_closing(JOURNAL, MAY, {"b": "AGAIN"})
    state = PlanState(errors={MAY: frozenset({"b"})})
    assert journals.observe(shown, state).unresolved["2025-05"]["b"].done_too


def test_a_month_rests_once_nothing_is_underway_there() -> None:
    begun = replace(JOURNAL, underway=("2025-05", "2025-07"))
    assert journals.ended(begun, MAY) == replace(JOURNAL, underway=("2025-07",))
    assert journals.ended(begun, JUNE) == begun


def test_who_was_seen_in_both_lists_is_of_that_month() -> None:
    assert journals.in_both(JOURNAL, MAY) == {"b"}
    assert journals.in_both(JOURNAL, JULY) == set()


def test_what_a_month_was_about_to_show_can_be_settled_by_hand_too() -> None:
    shown = journals.before_closing(JOURNAL, JULY, {"d": "CODE", "e": "CODE"})
    moved = PlanState(success={JULY: frozenset({"d", "f"})})
    assert journals.settled_by_hand(shown, moved) == {"2025-07": ["d"]}
