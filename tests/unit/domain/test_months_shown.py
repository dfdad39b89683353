"""Whole values that people read of a month, to the letter: pages, sums, what is held."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from msgspec.structs import replace

from functions.domain.months.hold import Held, compared, explain
from functions.domain.months.late_usage import Difference, LateUsage
from functions.domain.months.movements import EarlierReport, UsageRow
from functions.domain.months.report_rows import Row
from functions.domain.months.totals import History, MonthTotals, Total, totals
from functions.domain.templates import Listing, Page, Table
from functions.domain.usage.bill import ContractBill, Quarantined
from functions.domain.usage.marketplace import above_limit, checked, taken_until, time_left
from tests.builders import JULY, a_bill, a_contract, a_plan

JUNE = MonthTotals(month="2025-06", usage={"cpu": "4"})
UNTIL = datetime(2025, 8, 1, 6, tzinfo=UTC)


def test_the_page_of_late_usage_says_what_would_change_and_what_was_not_compared() -> None:
    late = LateUsage(
        plan="S:E:P",
        month="2025-07",
        execution="x",
        generated_at="t",
        days=["03", "14"],
        differences=[
            Difference(contract_id="c-1", dimension="cpu", billed="1", now="3", difference="2")
        ],
        not_compared=["c-2 (NO)"],
        never_billed=["c-3"],
        quarantined=[Quarantined(subscription="s-1", dimension="cpu", quantity="7")],
    )
    columns = ("contract", "dimension", "billed", "now", "difference")
    start = '{"plan": "S:E:P", "months": ["2025-07"]}'
    assert late.page() == Page(
        title="July 2025, S:E:P: 1 difference to what was billed",
        lines=[
            "Days whose files came, changed or went: 03, 14.",
            "None of it is billed. Found by x at t.",
            f"2025-07: never billed: c-3; start {start} to bill them, if nobody has",
        ],
        lists=[
            Listing("Not compared", ["c-2 (NO)"]),
            Listing("Usage without a payer, not billed", ["7 cpu of subscription s-1"]),
        ],
        tables=[Table("Differences", columns, columns[2:], [("c-1", "cpu", "1", "3", "2")])],
    )
    nothing = replace(late, days=[], differences=[], not_compared=[], never_billed=[])
    calm = nothing.page()
    assert calm.lines[0] == "Days whose files came, changed or went: none."
    assert len(calm.lines) == 2


def test_rows_add_up_by_dimension_and_those_without_a_value_are_counted_apart() -> None:
    numbers = {"usage": "1.5", "carried_in": "0.5", "due": "2", "billed": "1", "open": "0"}
    left = {"waived": "0.75", "remainder": "0.25"}
    row = Row(contract_id="c", dimension="cpu", outcome="accepted", **numbers, **left)
    other = Row(contract_id="d", dimension="cpu", outcome="not computed")
    alone = Row(contract_id="d", dimension="mem", outcome="not computed")
    sums = {"usage": "3", "carried_in": "1", "due": "4", "billed": "2", "open": "0"}
    rest = {"waived": "1.5", "remainder": "0.5"}
    assert totals([alone, row, row, other]) == [
        Total(dimension="cpu", contracts=2, not_computed=1, **sums, **rest),
        Total(dimension="mem", not_computed=1),
    ]


def test_a_history_knows_its_months_by_name() -> None:
    history = History(months=[JUNE])
    assert (history.at("2025-06"), history.at("2025-05")) == (JUNE, None)
    july = MonthTotals(month="2025-07", usage={})
    assert history.followed_by("2025-07", []).at("2025-07") == july
    failed = [Total(dimension="cpu", not_computed=2), Total(dimension="mem", not_computed=1)]
    july = MonthTotals(month="2025-07", usage={"cpu": "0", "mem": "0"}, failed=2)
    assert history.followed_by("2025-07", failed).at("2025-07") == july


@pytest.mark.parametrize("usage", ["?", "1/0"])
def test_an_earlier_report_that_people_edited_is_checked(usage: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        EarlierReport(rows=[UsageRow("c", "cpu", usage)]).check()
    edited = History(months=[MonthTotals(month="2025-06", usage={"cpu": usage})])
    with pytest.raises((ValueError, ZeroDivisionError)):
        EarlierReport(history=edited).check()
    EarlierReport(rows=[UsageRow("c", "cpu")], history=History(months=[JUNE])).check()


def test_what_is_held_is_its_moves_what_it_takes_in_and_since_when() -> None:
    left = {"mem": "-2", "io": "1/2"}
    due = {"usage": {"cpu": "8"}, "quantities": {"cpu": "1008"}, "remainders": left}
    bill = a_contract(carried={"cpu": "1000", **left}, **due)
    now = MonthTotals.of("2025-07", a_bill(bill))
    held = compared(a_bill(bill), now, JUNE, Fraction(1, 5), "t")
    moves = (
        "cpu: 4 in 2025-06, now 8 (+100.0%)",
        "c-1 cpu: 1,000 carried in from other months",
        "c-1 mem: -2 carried in from other months",
    )
    assert (held.moves, held.since, held.changed, held.approval) == (moves, "t", False, None)
    assert len(held.digest) == 64


def test_what_is_held_again_and_what_would_be_say_so() -> None:
    held = Held(digest="d", moves=("a", "b"), since="t", changed=True)
    plan = a_plan(approve_above="20%")
    because = "because usage moved by more than 20% or was carried in: a; b"
    assert explain(JULY, held, plan) == (
        f"2025-07 is held again, its bill has changed, {because}. Nothing more of it is sent: "
        'correct its usage, or start {"plan": "S:E:P", "approve": "2025-07", "reason": "..."} to '
        "bill it as it is"
    )
    calm = Held(digest="d", moves=("a", "b"), since="t")
    assert explain(JULY, calm, plan, dry_run=True) == f"2025-07 would be held {because}"
    assert explain(JULY, calm, plan).startswith(f"2025-07 is held {because}. Nothing more of it")


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(hours=48), "2 days left"),
        (timedelta(hours=47, minutes=59), "47 hours left"),
        (timedelta(hours=2), "2 hours left"),
        (timedelta(hours=1, minutes=59, seconds=59), "119 minutes left"),
        (timedelta(minutes=1), "1 minute left"),
        (timedelta(0), "deadline passed"),
        (timedelta(hours=-47, minutes=-59), "deadline passed"),
        (timedelta(hours=-48), ""),
    ],
)
def test_time_left_is_said_in_the_unit_that_matters(left: timedelta, said: str) -> None:
    assert time_left(UNTIL, UNTIL - left) == said
    takes = "AWS takes its usage until 2025-08-01T06:00:00Z"
    assert taken_until("aws", JULY, UNTIL - left) == (f"{takes}: {said}" if said else "")
    assert taken_until("gcp", JULY, UNTIL - left) == ""


def bills(*quantities: int) -> list[ContractBill]:
    return [a_contract(f"c-{n}", quantities={"mem": str(of)}) for n, of in enumerate(quantities)]


def test_the_limits_of_a_marketplace_are_said_where_they_are_kept() -> None:
    plan, aws = a_plan(cloud="aws"), "AWS takes usage of this month until 2025-08-01T06:00:00Z"
    most = "AWS takes quantities up to 2,147,483,647: the largest of this month is"
    assert list(checked(plan, JULY, bills(3, 2**31 - 1))) == [
        aws,
        f"{most} 2,147,483,647, mem of c-1",
    ]
    assert list(checked(plan, JULY, bills(1)))[1] == f"{most} 1, mem of c-0"
    assert list(checked(plan, JULY, bills(2**31))) == list(checked(plan, JULY, [])) == [aws]
    assert list(checked(a_plan(cloud="gcp"), JULY, bills(5))) == []
    assert (
        above_limit(plan, bills(2**31 - 1)) == above_limit(a_plan(cloud="gcp"), bills(9**20)) == ""
    )
    names = "abcde"
    several = [a_contract(quantities=dict.fromkeys(names, str(2**31)))]
    formulas = ", ".join(f'"{name}": "{name} / 2**30"' for name in "abc")
    assert f"such as {formulas}, and 2 more, and with" in above_limit(plan, several)
    assert above_limit(a_plan(dimensions={"mem": "bytes"}), bills(2**31)) == (
        "AWS takes quantities up to 2,147,483,647; scale with a formula such as "
        '"mem": "(bytes) / 2**30": c-0 mem 2147483648'
    )
