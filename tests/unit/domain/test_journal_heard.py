"""What nobody has heard is said again until an execution has said it to the end."""

from msgspec.structs import replace

from functions.domain import journal as journals
from functions.domain.journal import Journal, Notice, Unresolved
from functions.domain.month import Month
from functions.domain.state_file import PlanState

MAY, JUNE = Month(2025, 5), Month(2025, 6)
NEW = Unresolved(code="NEW")
HEARD = Unresolved(code="HEARD", announced_by="x-0", heard=True)
NEWS = Journal(
    unresolved={"2025-06": {"d": NEW, "c": NEW}, "2025-05": {"a": HEARD, "b": NEW}},
    notices=(Notice(text="look"), Notice(text="old", announced_by="x-0", heard=True)),
)
CONTRACTS = ["2025-05: b (NEW)", "2025-06: c (NEW)", "2025-06: d (NEW)"]


def test_what_an_execution_has_said_before_it_says_again_beside_what_is_new() -> None:
    assert journals.to_announce(NEWS, "x-1") == (CONTRACTS, ["look"], 4)
    assert journals.to_announce(NEWS, "x-0") == (
        ["2025-05: a (HEARD)", *CONTRACTS],
        ["look", "old"],
        4,
    )


def test_what_is_about_to_be_said_is_of_that_execution_until_it_was_heard() -> None:
    said = journals.announced(NEWS, "x-1")
    mine = replace(NEW, announced_by="x-1")
    assert said == Journal(
        unresolved={"2025-06": {"d": mine, "c": mine}, "2025-05": {"a": HEARD, "b": mine}},
        notices=(Notice(text="look", announced_by="x-1"),),
    )
    assert journals.to_announce(said, "x-2").contracts == CONTRACTS, "x-1 may have ended before"
    over = replace(mine, heard=True)
    heard = journals.heard(said, "x-1")
    assert heard == Journal(
        unresolved={"2025-06": {"d": over, "c": over}, "2025-05": {"a": HEARD, "b": over}},
        notices=(Notice(text="look", announced_by="x-1", heard=True),),
    )
    assert journals.to_announce(heard, "x-2") == ([], [], 4)
    assert journals.to_announce(heard, "x-1") == (CONTRACTS, ["look"], 4)


def test_what_another_execution_was_about_to_say_is_not_heard_by_this_one() -> None:
    said = journals.announced(NEWS, "x-1")
    assert journals.heard(said, "x-2") == said
    again = journals.announced(journals.heard(said, "x-1"), "x-1")
    assert again.notices == (Notice(text="look", announced_by="x-1", heard=True),)
    assert journals.announced(again, "x-2").notices == ()


def test_what_a_month_was_about_to_show_is_unheard_until_the_month_is_closed() -> None:
    shown = journals.before_closing(NEWS, MAY, {"new": "CODE", "a": "OTHER"})
    assert shown == replace(NEWS, showing={"2025-05": {"new": "CODE", "a": "OTHER"}})
    both = journals.before_closing(shown, JUNE, {"z": "CODE"})
    assert both.showing == {**shown.showing, "2025-06": {"z": "CODE"}}
    state = PlanState(errors={MAY: frozenset({"new", "a", "z"})}, success={MAY: frozenset("z")})
    assert journals.observe(both, state).unresolved["2025-05"] == {
        "a": HEARD,
        "b": NEW,
        "new": Unresolved(code="CODE"),
        "z": Unresolved(done_too=True, heard=True),
    }
    closed = journals.after_closing(both, MAY, {}, frozenset(), last_closed=None)
    assert closed.showing == {"2025-06": {"z": "CODE"}}
    assert journals.before_closing(both, MAY, {}) == replace(both, showing=closed.showing)
