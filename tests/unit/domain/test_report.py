"""A month's report: what was due, what is billed and what is not; every row adds up."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain.formula import exact_text
from functions.domain.ledger import resolution, transitions
from functions.domain.ledger.claim import ContractItem, Terms, claim
from functions.domain.ledger.entry import Decision, Entry, Failure, LineState
from functions.domain.ledger.remainders import Balance, remainders_of
from functions.domain.months.movements import EarlierReport
from functions.domain.months.report import Report, build
from functions.domain.months.report_page import page
from functions.domain.months.report_rows import Row
from functions.domain.months.state_file import PlanState
from functions.domain.usage.bill import ContractBill, MonthBill
from functions.domain.usage.billing import bill
from tests.builders import JULY, PLAN, a_closing, a_plan, month_usage

TERMS = Terms(plan=PLAN, month="2025-07", execution="x-1", at="t-1")
FAILURE = Failure(code="DIM", message="no", errors=("no",), at="t-2")
WAIVED = Decision(what="waived", execution="x-2", at="t-2", reason="paid by cheque")
UNTIL = "2025-07-13T10:00:00Z"
FORMULAS = {"cpu": "cpu * 3 / 7", "hours": "cpu + mem"}


def a_month(
    usage: Mapping[str, str], carried: Mapping[str, str] | None = None, **fields: Any
) -> MonthBill:
    balance: Balance = {("c-1", name): Fraction(text) for name, text in (carried or {}).items()}
    sums = {("c-1", name, None, None): Decimal(text) for name, text in usage.items()}
    return bill(a_plan(**fields), sums.items(), balance, ["cpu", "mem"])


def an_entry(
    month: MonthBill,
    state: LineState = "unsure",
    until: str | None = None,
    formulas: Mapping[str, str] | None = None,
) -> Entry:
    """Return what the ledger holds once the only contract of a month was claimed and answered."""
    found: ContractBill = month.contracts[0]
    item = ContractItem(
        contract_id="c-1",
        quantities=found.quantities,
        amounts=found.amounts,
        carried=found.carried,
        failure=found.failure,
    )
    terms = TERMS._replace(plan=replace(PLAN, dimensions=formulas or {}), until=until)
    entry = claim(None, item, terms).entry
    entry = replace(entry, lines=tuple(replace(line, state=state) for line in entry.lines))
    return transitions.succeed(entry, "t-1") if entry.accepted and not found.failure else entry


def a_report(month: MonthBill, entry: Entry | None = None, done: str = "", **asked: Any) -> Report:
    """Return a month's report; `done`: the contract that the state file has as a success."""
    formulas = dict.fromkeys(asked.pop("formulas", ()), "")
    closing = a_closing(
        month_usage(month),
        plan=replace(PLAN, dimensions=formulas),
        ledger={"c-1": entry} if entry else {},
        state=PlanState(success={JULY: frozenset(done.split())}),
        **asked,
    )
    return build(closing, "t-9", EarlierReport())


def rows(month: MonthBill, entry: Entry | None = None, **given: Any) -> dict[str, Row]:
    found = a_report(month, entry, **given).rows
    assert all(adds_up(row) for row in found), found
    return {row.dimension: row for row in found}


MONEY = ("usage", "carried_in", "due", "billed", "open", "waived", "remainder")


def money(row: Row) -> str:
    return " ".join(getattr(row, name) for name in MONEY)


def adds_up(row: Row) -> bool:
    usage, carried, due, *parts = (Fraction(getattr(row, name) or 0) for name in MONEY)
    return usage + carried == due == sum(parts)


def test_a_row_shows_what_it_was_billed_from_and_names_what_the_files_say_now() -> None:
    entry = an_entry(a_month({"cpu": "4.44"}, {"cpu": "0.44"}), "accepted")
    row = rows(a_month({"cpu": "7.74"}), entry)["cpu"]
    assert money(row) == "4.44 0.44 4.88 4 0 0 0.88"
    assert row.detail == "today's files and configuration come to 7.74"


def test_a_row_says_that_it_may_be_billed_twice() -> None:
    month = a_month({"cpu": "4"})
    entry = an_entry(month, "accepted")
    twice = replace(entry, lines=(replace(entry.lines[0], surplus="Clazar bills 2 records"),))
    assert rows(month, twice)["cpu"].detail == "Clazar bills 2 records"


def test_a_formulas_value_is_the_row_and_the_usage_that_it_reads_is_an_input() -> None:
    formulas = {"cpu": "cpu / 2"}
    month = a_month({"cpu": "5", "mem": "2"}, dimensions=formulas)
    report = a_report(month, an_entry(month, "accepted"), formulas=formulas)
    assert [money(row) for row in report.rows] == ["2.5 0 2.5 2 0 0 0.5"]
    assert [(item.dimension, item.usage, item.note) for item in report.inputs] == [
        ("cpu", "5", "read by a formula"),
        ("mem", "2", "not read by any formula"),
    ]
    assert report.file_totals == {"cpu": "5", "mem": "2"}


def test_a_contract_that_is_not_in_the_ledger_shows_what_its_bill_comes_to_as_open() -> None:
    month = a_month({"cpu": "4.9"}, {"hours": "0.3"}, dimensions={"hours": "cpu"})
    row = rows(month, formulas={"hours"})["hours"]
    assert (money(row), row.outcome) == ("4.9 0.3 5.2 0 5 0 0.2", "not sent")


def test_a_formula_without_a_value_has_no_amounts_and_says_why() -> None:
    month = a_month({"cpu": "4.9"}, dimensions={"hours": "cpu / 0"})
    row = rows(month, formulas={"hours"})["hours"]
    assert (money(row).strip(), row.outcome) == ("", "not computed")
    assert (row.code, "division by zero" in row.message) == ("FORMULA", True)
    assert a_report(month, formulas={"hours"}).summary["open"] == 1


def test_no_usage_and_usage_that_a_negative_balance_has_paid_for_are_nothing_to_bill() -> None:
    month = a_month({"cpu": "0", "mem": "0.5"}, {"mem": "-0.5"}, rounding="half_up")
    found = rows(month, an_entry(month, "accepted"))
    assert money(found["cpu"]) == "0 0 0 0 0 0 0"
    assert money(found["mem"]) == "0.5 -0.5 0 0 0 0 0"
    assert {row.outcome for row in found.values()} == {"nothing to bill"}


def test_what_came_to_no_whole_unit_stays_what_it_was_when_its_contract_was_settled() -> None:
    entry = an_entry(a_month({"cpu": "4", "mem": "0.4", "disk": "0.2"}), "accepted")
    found = rows(a_month({"cpu": "4", "mem": "1.4"}), entry)
    assert money(found["mem"]) == "0.4 0 0.4 0 0 0 0.4"
    assert found["mem"].outcome == "nothing to bill"
    assert found["mem"].detail == "today's files and configuration come to 1.4"
    assert money(found["disk"]) == "0.2 0 0.2 0 0 0 0.2", "its files have gone"


@pytest.mark.parametrize(("state", "until"), [("accepted", None), ("sent", UNTIL)])
def test_what_came_after_its_contract_or_its_window_was_closed_is_an_input(
    state: LineState, until: str | None
) -> None:
    entry = an_entry(a_month({"cpu": "4"}), state, until)
    report = a_report(a_month({"cpu": "4", "mem": "9.5"}), entry)
    assert [row.dimension for row in report.rows] == ["cpu"]
    (late,) = report.inputs
    assert (late.usage, late.note) == ("9.5", "came after the contract was settled: not billed")


def test_what_came_to_a_contract_that_failed_shows_what_another_try_would_send() -> None:
    entry = transitions.fail(an_entry(a_month({"cpu": "4"}), "refused"), FAILURE)
    row = rows(a_month({"cpu": "4", "mem": "9.5"}), entry)["mem"]
    assert (money(row), row.outcome) == ("9.5 0 9.5 0 9 0 0.5", "not sent")


def test_a_line_without_an_amount_is_its_quantity() -> None:
    entry = an_entry(a_month({"cpu": "4.5"}), "accepted")
    old = replace(entry, lines=(replace(entry.lines[0], amount="", carried=""),))
    assert money(rows(a_month({}), old)["cpu"]) == "4 0 4 4 0 0 0"


def test_what_clazar_bills_is_what_is_billed() -> None:
    entry = an_entry(a_month({"cpu": "4.5"}), "accepted")
    other = replace(entry, lines=(replace(entry.lines[0], billed="3"),))
    row = rows(a_month({"cpu": "4.5"}), other)["cpu"]
    assert (money(row), row.detail) == ("4.5 0 4.5 3 0 0 1.5", "Clazar bills 3, not 4")


def test_what_was_waived_takes_nothing_in_and_leaves_nothing() -> None:
    month = a_month({"cpu": "4.4", "mem": "0.3"}, {"cpu": "0.2"})
    entry = resolution.resolve(transitions.fail(an_entry(month, "refused"), FAILURE), WAIVED)
    found = rows(month, entry)
    assert money(found["cpu"]) == "4.4 0 4.4 0 0 4.4 0"
    assert money(found["mem"]) == "0.3 0 0.3 0 0 0.3 0"
    assert {row.outcome for row in found.values()} == {"waived"}
    assert "paid by cheque" in found["cpu"].detail


@pytest.mark.parametrize("known", [True, False])
def test_what_was_settled_by_hand_is_not_billed_by_us(*, known: bool) -> None:
    month = a_month({"cpu": "4.4"}, {"cpu": "0.2"})
    entry = transitions.fail(an_entry(month, "refused"), FAILURE) if known else None
    row = rows(month, entry, done="c-1")["cpu"]
    assert money(row) == "4.4 0 4.4 0 0 4.4 0"
    assert row.outcome == "settled in the state file"


def test_of_a_contract_that_was_settled_by_hand_what_was_accepted_stays_billed() -> None:
    month = a_month({"cpu": "4.4", "mem": "2"})
    entry = an_entry(month, "refused")
    accepted = replace(entry.lines[0], state="accepted")
    entry = transitions.fail(replace(entry, lines=(accepted, entry.lines[1])), FAILURE)
    found = rows(month, entry, done="c-1")
    assert money(found["cpu"]) == "4.4 0 4.4 4 0 0 0.4"
    assert money(found["mem"]) == "2 0 2 0 0 2 0"


@pytest.mark.parametrize(
    ("state", "outcome", "kind"),
    [
        ("unsure", "not sent", "open"),
        ("sent", "in doubt", "in_doubt"),
        ("present", "in doubt", "in_doubt"),
        ("accepted", "accepted", "billed"),
        ("refused", "refused", "refused"),
        ("waived", "waived", "waived"),
    ],
)
def test_an_outcome_says_no_more_than_is_known_and_only_what_was_accepted_is_billed(
    state: LineState, outcome: str, kind: str
) -> None:
    month = a_month({"cpu": "4"})
    report = a_report(month, an_entry(month, state))
    (row,) = report.rows
    assert row.outcome == outcome
    assert row.billed == ("4" if state == "accepted" else "0")
    counts = {name: count for name, count in report.summary.items() if count == 1}
    assert counts == {"contracts": 1, kind: 1}


def test_a_contract_counts_as_what_is_worst_of_it() -> None:
    month = a_month({"cpu": "4", "mem": "4", "disk": "4"})
    entry, left = an_entry(month, "accepted"), ("accepted", "sent", "refused")
    for states, kind in ((left, "in_doubt"), (("accepted", "refused", "unsure"), "refused")):
        lines = (replace(line, state=s) for line, s in zip(entry.lines, states, strict=True))
        summary = a_report(month, replace(entry, lines=tuple(lines), settled_at=None)).summary
        assert summary[kind] == 1


def test_the_first_line_of_all_three_says_how_many_contracts_are_what() -> None:
    month = a_month({"cpu": "4.5"})
    report = a_report(month, an_entry(month, "accepted"))
    said = "July 2025, S: 1 of 1 contract billed"
    first, rest = report.as_csv().decode().split("\r\n", 1)
    head, line = csv.reader(io.StringIO(rest))
    assert first == f"# {said}"
    assert head[4:11] == list(MONEY)
    assert line[4:11] == ["4.5", "0", "4.5", "4", "0", "0", "0.5"]
    assert f"<h1>{said}</h1>" in page(report).decode()
    assert msgspec.json.encode(report).startswith(f'{{"summary":{{"text":"{said}'.encode())


def test_the_report_of_some_contracts_is_about_no_other() -> None:
    month = a_month({"cpu": "4"})
    report = a_report(month, contracts=["c-2"], until=UNTIL)
    assert (report.rows, report.inputs, report.summary["contracts"]) == ([], [], 0)
    assert f"final usage until {UNTIL}" in page(report).decode()


amounts = st.decimals(0, 9, places=2).map(str)
balances = st.decimals(-1, 1, places=2).map(str)
usages = st.dictionaries(st.sampled_from(["cpu", "mem"]), amounts, min_size=1)
states = st.sampled_from(["unsure", "open", "sent", "present", "accepted", "refused"])
roundings = st.sampled_from(["floor", "half_up", "ceiling"])
carried_on = st.dictionaries(st.sampled_from(["cpu", "mem", "hours"]), balances)


@given(
    st.tuples(usages, carried_on),
    st.tuples(usages, carried_on),
    st.tuples(states, st.booleans(), roundings, st.sampled_from([{}, FORMULAS])),
)
def test_every_row_adds_up_and_leaves_what_is_carried_on(
    then: Any, now: Any, terms: tuple[LineState, bool, str, dict[str, str]]
) -> None:
    state, gives_up, rounding, formulas = terms
    plan: dict[str, Any] = {"rounding": rounding, "dimensions": formulas}
    entry = an_entry(a_month(*then, **plan), state, formulas=formulas)
    if not entry.accepted:
        entry = transitions.fail(entry, FAILURE)
        entry = resolution.resolve(entry, WAIVED) if gives_up else entry
    month = a_month(*now, **plan)
    found = rows(month, entry, formulas=formulas)
    report = a_report(month, entry, formulas=formulas)
    assert report.file_totals == {name: exact_text(Fraction(text)) for name, text in now[0].items()}
    left = {
        name: Fraction(found[name].remainder or 0) - Fraction(found[name].carried_in or 0)
        for name in entry.amounts
    }
    booked = remainders_of([entry], formulas).contracts.get("c-1", {})
    assert {name: value for name, value in left.items() if value} == {
        name: Fraction(text) for name, text in booked.items()
    }
