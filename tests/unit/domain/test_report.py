"""A month's report: what was used today, what was billed, and what became of it."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain import ledger, resolution
from functions.domain.billing import ContractBill, MonthBill, bill
from functions.domain.claim import Terms, claim
from functions.domain.ledger_entry import Attempt, Decision, Entry, Failure, LineState
from functions.domain.plan import parse_plan
from functions.domain.remainders import Balance, remainders_of
from functions.domain.report import Report, Row, as_csv, as_html, build
from functions.domain.run_files import ContractItem, MonthUsage

TERMS = Terms(plan="S:E:P", month="2025-07", execution="x-1", at="t-1")
FAILURE = Failure(code="DIM", message="no", errors=("no",), at="t-2")
WAIVED = Decision(what="waived", execution="x-2", at="t-2", reason="paid by cheque")
ATTEMPT = Attempt(id="a", execution="x-1", at="t-1", dimensions=("cpu",), request="", digest="")
UNTIL = "2025-07-13T10:00:00Z"
FORMULAS = {"cpu": "cpu * 3 / 7", "hours": "cpu + mem"}


def a_month(
    usage: Mapping[str, str], carried: Mapping[str, str] | None = None, **fields: Any
) -> MonthBill:
    plan = parse_plan({"service": "S", "environment_type": "E", "plan_id": "P", **fields})
    balance: Balance = {("c-1", name): Fraction(text) for name, text in (carried or {}).items()}
    sums = {("c-1", name, None, None): Decimal(text) for name, text in usage.items()}
    return bill(plan, sums.items(), balance, ["cpu", "mem"])


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
    entry = claim(None, item, TERMS._replace(until=until, formulas=formulas or {})).entry
    entry = replace(entry, lines=tuple(replace(line, state=state) for line in entry.lines))
    return ledger.succeed(entry, "t-1") if entry.accepted and not found.failure else entry


def a_report(month: MonthBill, entry: Entry | None = None, *, done: bool = False) -> Report:
    usage = MonthUsage(
        files=1,
        records=1,
        duplicates=0,
        dropped={},
        warnings=[],
        processed=[],
        lists=[],
        digest="",
        bill=month,
    )
    return build(
        usage,
        {"c-1": entry} if entry else {},
        frozenset(["c-1"] if done else []),
        plan="S:E:P",
        month="2025-07",
        execution="x-9",
        at="t-9",
        closed=True,
    )


def rows(month: MonthBill, entry: Entry | None = None, *, done: bool = False) -> dict[str, Row]:
    return {row.dimension: row for row in a_report(month, entry, done=done).rows}


def money(row: Row) -> tuple[str, ...]:
    return (row.usage, row.billed_usage, row.carried_in, row.quantity, row.remainder)


def test_late_usage_stands_beside_what_was_billed() -> None:
    entry = an_entry(a_month({"cpu": "4.44"}, {"cpu": "0.44"}), "accepted")
    row = rows(a_month({"cpu": "7.74"}), entry)["cpu"]
    assert money(row) == ("7.74", "4.44", "0.44", "4", "0.88")
    assert row.detail == "it was 4.44 when it was billed"


def test_a_formulas_value_was_billed_and_not_the_usage_that_it_reads() -> None:
    month = a_month({"cpu": "5", "mem": "2"}, dimensions={"cpu": "cpu / 2"})
    found = rows(month, an_entry(month, "accepted"))
    assert money(found["cpu"]) == ("5", "2.5", "0", "2", "0.5")
    assert money(found["mem"]) == ("2", "", "", "0", "")


def test_a_contract_that_is_not_in_the_ledger_shows_what_its_bill_comes_to() -> None:
    month = a_month({"cpu": "4.9"}, {"hours": "0.3"}, dimensions={"hours": "cpu"})
    row = rows(month)["hours"]
    assert (*money(row), row.outcome) == ("", "4.9", "0.3", "5", "0.2", "not sent")


def test_no_usage_and_usage_that_a_negative_balance_has_paid_for_are_nothing_to_bill() -> None:
    month = a_month({"cpu": "0", "mem": "0.5"}, {"mem": "-0.5"}, rounding="half_up")
    found = rows(month, an_entry(month, "accepted"))
    assert money(found["cpu"]) == ("0", "0", "0", "0", "0")
    assert money(found["mem"]) == ("0.5", "0.5", "-0.5", "0", "0")
    assert {row.outcome for row in found.values()} == {"nothing to bill"}


def test_what_came_to_no_whole_unit_stays_what_it_was_when_its_contract_was_settled() -> None:
    entry = an_entry(a_month({"cpu": "4", "mem": "0.4", "disk": "0.2"}), "accepted")
    found = rows(a_month({"cpu": "4", "mem": "1.4"}), entry)
    assert money(found["mem"]) == ("1.4", "0.4", "0", "0", "0.4")
    assert (found["mem"].outcome, found["mem"].detail) == ("nothing to bill", "it was 0.4 before")
    assert money(found["disk"]) == ("", "0.2", "0", "0", "0.2"), "its files have gone"


@pytest.mark.parametrize(("state", "until"), [("accepted", None), ("sent", UNTIL)])
def test_what_came_after_its_contract_or_its_window_was_closed_leaves_nothing(
    state: LineState, until: str | None
) -> None:
    entry = an_entry(a_month({"cpu": "4"}), state, until)
    row = rows(a_month({"cpu": "4", "mem": "9.5"}), entry)["mem"]
    assert (*money(row), row.outcome) == ("9.5", "", "", "9", "", "not sent")


def test_what_came_to_a_contract_that_failed_shows_what_another_try_would_send() -> None:
    entry = ledger.fail(an_entry(a_month({"cpu": "4"}), "refused"), FAILURE)
    row = rows(a_month({"cpu": "4", "mem": "9.5"}), entry)["mem"]
    assert (*money(row), row.outcome) == ("9.5", "9.5", "0", "9", "0.5", "not sent")


@pytest.mark.parametrize("state", ["accepted", "sent"])
def test_a_line_of_an_earlier_version_shows_its_quantity_and_nothing_else(state: LineState) -> None:
    entry = an_entry(a_month({"cpu": "4.5"}), state)
    old = replace(entry, lines=(replace(entry.lines[0], amount="", carried=""),))
    assert money(rows(a_month({"cpu": "4.5"}), old)["cpu"]) == ("4.5", "", "", "4", "")


def test_what_was_waived_takes_nothing_in_and_leaves_nothing() -> None:
    month = a_month({"cpu": "4.4", "mem": "0.3"}, {"cpu": "0.2"})
    entry = resolution.resolve(ledger.fail(an_entry(month, "refused"), FAILURE), WAIVED)
    found = rows(month, entry)
    assert money(found["cpu"]) == ("4.4", "", "", "4", "")
    assert money(found["mem"]) == ("0.3", "", "", "0", "")
    assert {row.outcome for row in found.values()} == {"waived"}
    assert "paid by cheque" in found["cpu"].detail


@pytest.mark.parametrize("known", [True, False])
def test_what_a_person_settled_by_hand_takes_nothing_in_and_leaves_nothing(*, known: bool) -> None:
    month = a_month({"cpu": "4.4"}, {"cpu": "0.2"})
    entry = ledger.fail(an_entry(month, "refused"), FAILURE) if known else None
    row = rows(month, entry, done=True)["cpu"]
    assert money(row) == ("4.4", "", "", "4", "")
    assert row.outcome == "settled by the state file"


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("unsure", "not sent"),
        ("open", "not sent"),
        ("sent", "in doubt"),
        ("present", "in doubt"),
        ("accepted", "accepted"),
        ("refused", "refused"),
        ("waived", "waived"),
    ],
)
def test_an_outcome_says_no_more_than_is_known(state: LineState, outcome: str) -> None:
    month = a_month({"cpu": "4"})
    assert rows(month, an_entry(month, state))["cpu"].outcome == outcome


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [
        ("accepted", (ATTEMPT,), f"it was 4 when it was billed; billed until {UNTIL}"),
        ("sent", (ATTEMPT,), f"it was 4 when it was sent; until {UNTIL}"),
        ("refused", (ATTEMPT,), f"it was 4 when it was sent; until {UNTIL}"),
        ("open", (), f"it was 4 before; until {UNTIL}"),
    ],
)
def test_only_what_was_accepted_is_called_billed(
    state: LineState, attempts: tuple[Attempt, ...], said: str
) -> None:
    entry = replace(an_entry(a_month({"cpu": "4"}), state, UNTIL), attempts=attempts)
    assert rows(a_month({"cpu": "5"}), entry)["cpu"].detail == said


def test_the_tables_show_what_was_billed_right_behind_the_usage() -> None:
    month = a_month({"cpu": "4.5"})
    report = a_report(month, an_entry(month, "accepted"))
    head, line = csv.reader(io.StringIO(as_csv(report).decode()))
    assert head[4:8] == ["usage", "billed_usage", "carried_in", "quantity"]
    assert line[4:8] == ["4.5", "4.5", "0", "4"]
    assert "<th>usage</th><th>billed usage</th><th>carried in</th>" in as_html(report).decode()


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
        entry = ledger.fail(entry, FAILURE)
        entry = resolution.resolve(entry, WAIVED) if gives_up else entry
    found = rows(a_month(*now, **plan), entry)
    for row in found.values():
        if row.billed_usage:
            due = Fraction(row.billed_usage) + Fraction(row.carried_in)
            assert due == Fraction(row.quantity) + Fraction(row.remainder), row
        else:
            assert row.carried_in == row.remainder == "", row
    left = {
        name: Fraction(found[name].remainder or 0) - Fraction(found[name].carried_in or 0)
        for name in entry.amounts
    }
    booked = remainders_of([entry], formulas).contracts.get("c-1", {})
    assert {name: value for name, value in left.items() if value} == {
        name: Fraction(text) for name, text in booked.items()
    }
