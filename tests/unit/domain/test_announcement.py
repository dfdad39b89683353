"""What a message says: new contracts, those that stand, notices, each until it was delivered."""

import pytest
from msgspec.structs import replace

from functions.domain.month import Month
from functions.domain.months import announcement
from functions.domain.months.announcement import Announcement, reported
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.wording import grouped

MAY = Month(2025, 5)
AT = "2025-08-02T05:30:00Z"
NEW = Unresolved(code="NEW", since="2025-08-02T01:00:00Z")
OLD = Unresolved(code="OLD", since="2025-07-01T01:00:00Z", reported=True)
NEWS = Journal(
    unresolved={"2025-06": {"d": NEW, "c": NEW}, "2025-05": {"a": OLD, "b": NEW}},
    notices=("look",),
    reminded_at=AT,
)


def test_what_is_new_and_what_stands_is_named_by_month_with_its_code_and_its_day() -> None:
    assert announcement.to_announce(NEWS, AT) == Announcement(
        new=[
            "2025-05: b (NEW since 2025-08-02)",
            "2025-06: 2 contracts (NEW since 2025-08-02): c, d",
        ],
        standing=["2025-05: a (OLD since 2025-07-01)"],
        notices=["look"],
        new_total=3,
        total=4,
        reminds=False,
    )


def test_what_an_execution_did_not_get_to_say_is_said_by_the_next() -> None:
    later = announcement.to_announce(NEWS, "2025-09-01T05:30:00Z")
    assert later[:3] == announcement.to_announce(NEWS, AT)[:3]


def test_what_was_delivered_is_not_new_again_and_its_notices_are_gone() -> None:
    later = "2025-08-03T05:30:00Z"
    said = reported(NEWS, later)
    assert said == Journal(
        unresolved={
            month: {name: replace(known, reported=True) for name, known in contracts.items()}
            for month, contracts in NEWS.unresolved.items()
        },
        reminded_at=later,
    )
    found = announcement.to_announce(said, later)
    assert (found.new, found.new_total, found.total, found.notices) == ([], 0, 4, [])
    assert len(found.standing) == 3


def test_a_message_that_names_nothing_new_out_of_turn_does_not_put_off_the_reminder() -> None:
    standing = Journal(unresolved={"2025-05": {"a": OLD}}, reminded_at=AT)
    assert reported(standing, "2025-08-02T06:30:00Z").reminded_at == AT
    assert reported(standing, "2025-08-03T01:30:00Z").reminded_at == "2025-08-03T01:30:00Z"


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        *(("", "2025-08-06", True), ("2025-08-01", "2025-08-01", False)),
        *(("2025-08-01", "2025-08-02", True), ("2025-08-02", "2025-08-03", True)),
        *(("2025-07-31", "2025-08-01", True), ("2025-08-03", "2025-08-04", False)),
        *(("2025-08-02", "2025-08-04", True), ("2025-08-03", "2025-08-07", False)),
        *(("2025-08-03", "2025-08-08", True), ("2025-08-08", "2025-08-14", False)),
        *(("2025-08-10", "2025-08-15", True), ("2025-08-21", "2025-08-22", True)),
        *(("2025-08-22", "2025-08-28", False), ("2025-08-28", "2025-08-29", True)),
        *(("2025-08-29", "2025-08-31", False), ("2025-08-29", "2025-07-25", False)),
    ],
)
def test_a_reminder_is_due_daily_on_days_1_to_3_and_weekly_later(
    last: str, now: str, *, due: bool
) -> None:
    standing = replace(NEWS, reminded_at=last and f"{last}T01:30:00Z")
    assert announcement.to_announce(standing, f"{now}T05:30:00Z").reminds is due


def test_only_what_was_reported_before_is_reminded_of() -> None:
    new = Journal(unresolved={"2025-05": {"b": NEW}})
    assert not announcement.to_announce(new, AT).reminds
    assert not announcement.to_announce(Journal(), AT).reminds


def test_an_error_that_is_the_same_for_many_is_said_once_since_its_first_day() -> None:
    many = {f"c-{n:03d}": replace(NEW, since=f"2025-08-{1 + n % 2:02d}T") for n in range(300)}
    journal = Journal(unresolved={"2025-07": {**many, "z": replace(NEW, code="")}})
    one, other = announcement.to_announce(journal, AT).new
    assert one.startswith("2025-07: 300 contracts (NEW since 2025-08-01): c-000, c-001, ")
    assert one.endswith(", c-039, and 260 more")
    assert other == "2025-07: 1 contract (no code since 2025-08-02)", "counted, not named"


def test_reasons_share_the_room_for_names_over_all_months() -> None:
    contracts = {f"c-{n:02d}": NEW for n in range(39)}
    journal = Journal(unresolved={"2025-05": contracts, "2025-06": {"x": NEW, "y": NEW}})
    assert announcement.to_announce(journal, AT).new[1].endswith("): x, and 1 more")


def test_contracts_are_grouped_by_reason_in_the_order_in_which_they_come() -> None:
    found = [("a", "x"), ("b", ""), ("c", "x"), ("d", "y")]
    assert grouped(found, 3) == ["2 contracts (x): a, c", "b", "1 contract (y)"]
    assert grouped([("a", ""), ("b", "")], 1) == ["2 contracts: a, and 1 more"]
    assert grouped([], 3) == []


def test_new_notices_follow_those_that_wait_and_stand_once() -> None:
    journal = announcement.with_notices(NEWS, ["hear", "look", "this", "hear"])
    assert journal.notices == ("look", "hear", "this")


def test_a_long_notice_is_cut_and_does_not_block_others() -> None:
    journal = announcement.with_notices(Journal(), ["x" * 1_001, "short"])
    assert announcement.to_announce(journal, AT).notices == ["x" * 1_000, "short"]
    assert announcement.with_notices(journal, ["x" * 1_002]) == journal


def test_notices_that_do_not_fit_into_one_message_come_with_the_next() -> None:
    texts = [letter * 1_000 for letter in "abcde"]
    journal = announcement.with_notices(Journal(), texts)
    assert announcement.to_announce(journal, AT).notices == texts[:4]
    assert reported(journal, AT).notices == (texts[4],)
