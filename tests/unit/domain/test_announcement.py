"""What nobody has heard is said again until an execution has said it to the end."""

from msgspec.structs import replace

from functions.domain import announcement
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
    assert announcement.to_announce(NEWS, "x-1") == (CONTRACTS, ["look"], 4)
    assert announcement.to_announce(NEWS, "x-0") == (
        ["2025-05: a (HEARD)", *CONTRACTS],
        ["look", "old"],
        4,
    )


def test_what_is_about_to_be_said_is_of_that_execution_until_it_was_heard() -> None:
    said = announcement.announced(NEWS, "x-1")
    mine = replace(NEW, announced_by="x-1")
    assert said == Journal(
        unresolved={"2025-06": {"d": mine, "c": mine}, "2025-05": {"a": HEARD, "b": mine}},
        notices=(Notice(text="look", announced_by="x-1"),),
    )
    assert announcement.to_announce(said, "x-2").contracts == CONTRACTS, "x-1 may have ended before"
    over = replace(mine, heard=True)
    heard = announcement.heard(said, "x-1")
    assert heard == Journal(
        unresolved={"2025-06": {"d": over, "c": over}, "2025-05": {"a": HEARD, "b": over}},
        notices=(Notice(text="look", announced_by="x-1", heard=True),),
    )
    assert announcement.to_announce(heard, "x-2") == ([], [], 4)
    assert announcement.to_announce(heard, "x-1") == (CONTRACTS, ["look"], 4)


def test_what_another_execution_was_about_to_say_is_not_heard_by_this_one() -> None:
    said = announcement.announced(NEWS, "x-1")
    assert announcement.heard(said, "x-2") == said
    again = announcement.announced(announcement.heard(said, "x-1"), "x-1")
    assert again.notices == (Notice(text="look", announced_by="x-1", heard=True),)
    assert announcement.announced(again, "x-2").notices == ()


def test_an_error_is_announced_once_by_the_execution_that_ends_with_it() -> None:
    journal = journals.observe(Journal(), PlanState(errors={MAY: frozenset({"old"})}))
    journal = journals.after_closing(journal, MAY, {"new": "CODE"}, frozenset(), last_closed=None)
    journal = announcement.with_notices(journal, ["look here"])
    expected = (["2025-05: new (CODE)"], ["look here"], 2)
    assert announcement.to_announce(journal, "x-1") == expected
    told = announcement.announced(journal, "x-1")
    assert announcement.to_announce(told, "x-1") == expected, "a retried function"
    told = announcement.heard(told, "x-1")
    assert announcement.to_announce(told, "x-1") == expected
    assert announcement.to_announce(told, "x-2") == ([], [], 2)
    assert announcement.announced(told, "x-2").notices == ()


def test_what_an_execution_did_not_get_to_say_is_said_by_the_next() -> None:
    new = Unresolved(code="NEW")
    journal = Journal(unresolved={"2025-05": {"b": new}}, notices=(Notice(text="look"),))
    unsaid = announcement.announced(journal, "x-1")
    assert announcement.to_announce(unsaid, "x-2") == (["2025-05: b (NEW)"], ["look"], 1)
    said = announcement.heard(announcement.announced(unsaid, "x-2"), "x-2")
    assert announcement.to_announce(said, "x-3") == ([], [], 1)
    assert announcement.heard(unsaid, "x-2") == unsaid


def test_new_notices_follow_those_that_wait() -> None:
    journal = announcement.with_notices(NEWS, ["hear", "look", "this"])
    assert journal.notices == (*NEWS.notices, Notice(text="hear"), Notice(text="this"))


def test_a_notice_stands_once_however_often_its_month_is_closed() -> None:
    journal = Journal()
    for _ in range(2):
        journal = announcement.with_notices(journal, ["look here"])
    assert len(journal.notices) == 1


def test_a_long_notice_is_cut_and_holds_no_other_up() -> None:
    journal = announcement.with_notices(Journal(), ["x" * 1_001, "short"])
    assert announcement.to_announce(journal, "x-1").notices == ["x" * 1_000, "short"]
    assert announcement.with_notices(journal, ["x" * 1_002]) == journal


def test_notices_that_do_not_fit_into_one_message_come_with_the_next() -> None:
    texts = [letter * 1_000 for letter in "abcde"]
    journal = announcement.with_notices(Journal(), texts)
    said = announcement.announced(journal, "x-1")
    assert announcement.to_announce(said, "x-1").notices == texts[:4]
    heard = announcement.heard(said, "x-1")
    assert announcement.to_announce(heard, "x-2").notices == texts[4:]


def test_what_is_written_down_to_be_said_is_what_fits_into_this_message() -> None:
    texts = [letter * 1_000 for letter in "abcde"]
    heard_by_another = Notice(text="f" * 4_000, announced_by="x-0", heard=True)
    journal = announcement.with_notices(Journal(notices=(heard_by_another,)), texts)
    said = announcement.announced(journal, "x-0")
    assert [notice.announced_by for notice in said.notices] == ["x-0"] + [""] * 5


def test_what_is_told_twice_at_once_is_one_notice() -> None:
    assert len(announcement.with_notices(Journal(), ["look", "look"]).notices) == 1
