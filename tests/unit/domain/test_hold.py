"""What holds a month: totals that moved, and the bill that is known by its quantities."""

from fractions import Fraction

import pytest
from msgspec.structs import replace

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import Decision
from functions.domain.months.hold import Held, compared, digest, moves
from functions.domain.months.journal import Journal, holding
from functions.domain.months.totals import MonthTotals
from functions.domain.usage.bill import MonthBill
from tests.builders import JULY, JUNE, a_bill, a_contract

HELD = Held(digest="d-1", moves=("cpu: 1 in 2025-06, now 2 (+100.0%)",), since="t-1")
APPROVAL = Decision(what="approved", execution="x", at="t-2", reason="checked")


def bill(**due: str) -> MonthBill:
    """Return a bill of two contracts: whole units of the first, what rounding left of the other."""
    whole = {name: text.partition(".")[0] for name, text in due.items()}
    left = {name: f"0.{text.partition('.')[2]}" for name, text in due.items() if "." in text}
    return a_bill(a_contract("c-1", quantities=whole), a_contract("c-2", remainders=left))


def a_month(**usage: str) -> MonthTotals:
    return MonthTotals.of("2025-07", bill(**usage))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("100", "120", ()),
        ("100", "80", ()),
        ("100", "120.5", ("cpu: 100 in 2025-06, now 120.5 (+20.5%)",)),
        ("100", "79.5", ("cpu: 100 in 2025-06, now 79.5 (-20.5%)",)),
        ("1000", "2000", ("cpu: 1,000 in 2025-06, now 2,000 (+100.0%)",)),
        ("0", "0", ()),
        ("0", "1", ("cpu: 0 in 2025-06, now 1 (new)",)),
        ("1", "0", ("cpu: 1 in 2025-06, now 0 (gone)",)),
    ],
)
def test_a_total_moves_only_beyond_the_share(before: str, now: str, said: tuple[str, ...]) -> None:
    known = MonthTotals(month="2025-06", usage={"cpu": before})
    assert moves(a_month(cpu=now), known, Fraction(1, 5)) == said


def test_new_and_gone_dimensions_are_moves_whatever_the_share() -> None:
    known = MonthTotals(month="2025-06", usage={"mem": "1", "disk": "4"})
    found = moves(a_month(cpu="1", disk="4"), known, Fraction(99))
    assert [text.partition(":")[0] for text in found] == ["cpu", "mem"]
    assert moves(a_month(disk="4"), replace(known, usage={"disk": "4"}), Fraction(0)) == ()


def test_months_are_compared_by_usage_so_a_remainder_counts_in_its_own_month_only() -> None:
    parts = {"quantities": {"cpu": "1"}, "carried": {"cpu": "0.9"}, "remainders": {"cpu": "0.3"}}
    july = MonthTotals.of("2025-07", a_bill(a_contract(**parts)))
    assert july == MonthTotals(month="2025-07", usage={"cpu": "0.4"})


def test_contracts_that_are_missing_from_a_total_are_counted_where_it_is_named() -> None:
    failed = a_contract("c-9", failure="1 / 0")
    now = MonthTotals.of("2025-07", a_bill(*bill(cpu="1").contracts, failed))
    before = MonthTotals(month="2025-06", usage={"cpu": "4"}, failed=2)
    (said,) = moves(now, before, Fraction(1, 5))
    then = "cpu: 4 in 2025-06 without 2 contracts whose formula failed"
    assert said == f"{then}, now 1 without 1 contract whose formula failed (-75.0%)"


def test_a_bill_is_known_by_contract_dimension_and_quantity_in_any_order() -> None:
    found = bill(cpu="1", mem="2")
    turned = a_bill(*reversed(bill(mem="2", cpu="1").contracts))
    assert digest(found) == digest(turned)
    others = [bill(cpu="2", mem="2"), bill(cpu="1"), bill(cpu="1", ram="2")]
    (first, second) = found.contracts
    others.append(a_bill(replace(first, contract_id="c-3"), second))
    assert len({digest(found), *map(digest, others)}) == len(others) + 1


def test_a_bill_that_is_held_already_keeps_its_approval_and_another_one_has_none() -> None:
    approved = Journal(held={"2025-07": replace(HELD, approval=APPROVAL)})
    assert holding(approved, JULY, replace(HELD, since="t-3")) == approved
    other = replace(HELD, digest="d-2", since="t-3")
    assert holding(approved, JULY, other).held["2025-07"] == replace(other, changed=True)
    assert holding(Journal(), JULY, HELD).held == {"2025-07": HELD}


def test_a_month_is_released_alone() -> None:
    both = holding(holding(Journal(), JUNE, HELD), JULY, HELD)
    assert holding(both, JULY, replace(HELD, moves=())).held == {"2025-06": HELD}


def test_a_bill_that_takes_in_more_than_rounding_leaves_is_held() -> None:
    """A record of another quantity that an operator accepts leaves the rest to the next month."""
    for carried, held in (("990", True), ("1", True), ("-1", True), ("0.9", False)):
        left = {"cpu": exact_text(Fraction(carried) - 990)}
        due = {"usage": {"cpu": "1000"}, "quantities": {"cpu": "1990"}, "remainders": left}
        contract = a_contract(carried={"cpu": carried}, **due)
        before = MonthTotals(month="2025-06", usage={"cpu": "1000"})
        bill = a_bill(contract)
        found = compared(bill, MonthTotals.of("2025-07", bill), before, Fraction(1, 10), "t")
        named = f"c-1 cpu: {carried} carried in from other months"
        assert found.moves == ((named,) if held else ())
