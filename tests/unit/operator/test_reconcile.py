"""Reconciliation finds every kind of difference, and nothing on a calm month."""

import json
from typing import Any

import pytest

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.clazar.api import Clazar
from functions.domain.ledger.reconciliation import MISSING
from functions.domain.month import Month
from functions.domain.months.report_rows import BY_HAND
from functions.errors import PartnerUnreachable
from infra.operator import reconcile as reconcile_module
from infra.operator.errors import Failed
from infra.operator.reconcile import Reconciled, reconcile
from tests.builders import a_plan, a_record
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.typed import billed

JULY = Month.parse("2025-07")


def a_closed_month(**plan: Any) -> WholeMonth:
    records = [a_record("c-1", value=7.5), a_record("c-1", "mem", value=4)]
    return billed([*records, a_record("c-2", value=9), a_record("c-3", value=0.25)], **plan)


def reconciled(
    world: WholeMonth, *, ask: bool = True, month: Month = JULY, **more: Any
) -> Reconciled:
    clazar = Clazar(world.clazar) if ask else None
    books = Books(world.state_bucket, world.plan)
    return reconcile(books, world.usage_bucket, month, clazar, **more)


def found(world: WholeMonth) -> list[tuple[str, str, list[str]]]:
    result = reconciled(world)
    assert not result.equal
    return [(row.contract, row.dimension, row.differs) for row in result.differing]


@pytest.mark.parametrize("plan", [{}, {"dimensions": {"units": "cpu * 3 + mem / 2"}}])
def test_a_calm_month_is_equal_four_times(plan: dict[str, Any]) -> None:
    result = reconciled(a_closed_month(**plan))
    assert (result.equal, result.days, result.differing) == (True, [], [])
    assert all(row.files == row.bill == row.ledger for row in result.rows)
    assert {row.clazar for row in result.rows if row.ledger == "0"} == {"none"}


def test_months_that_carry_remainders_are_calm_too() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1", value=1.75)])
    world.every_hour("2025-08", [a_record("c-1", value=1.5)])
    world.run(as_of="2025-09-02T00:00:00Z")
    result = reconciled(world, month=JULY.plus(1))
    assert (result.equal, result.rows[0].files, result.rows[0].clazar) == (True, "2", "2")


def test_one_quantity_changed_at_clazar() -> None:
    world = a_closed_month()
    world.clazar.accepted[0]["quantity"] = "8"
    assert found(world) == [("c-1", "cpu", ["Clazar bills 8, the ledger 7"])]


def test_one_record_missing_at_clazar_is_not_shown_as_zero() -> None:
    world = a_closed_month()
    del world.clazar.accepted[0]
    assert found(world) == [("c-1", "cpu", ["Clazar lists no record"])]
    assert reconciled(world).rows[0].clazar == MISSING


def test_one_extra_record_at_clazar() -> None:
    world = a_closed_month()
    world.clazar.accepted.append({**world.clazar.accepted[0], "dimension": "gpu"})
    assert found(world) == [("c-1", "gpu", ["Clazar lists 1 record, expected 0: r-1"])]


def test_one_double_at_clazar() -> None:
    world = a_closed_month()
    world.clazar.accepted.append({**world.clazar.accepted[0], "id": "r-99"})
    (row,) = found(world)
    wrong = ["Clazar lists 2 records, expected 1: r-1, r-99", "Clazar bills 14, the ledger 7"]
    assert row == ("c-1", "cpu", wrong)


def test_one_record_whose_quantity_is_not_understood() -> None:
    world = a_closed_month()
    world.clazar.accepted[0]["quantity"] = "many"
    assert any("not understood" in text for text in found(world)[0][2])


def test_one_file_changed_names_the_day_and_the_contract() -> None:
    world = a_closed_month()
    world.hour("03/04", [a_record("c-2", value=1)])
    result = reconciled(world)
    (row,) = result.differing
    assert result.days == ["03"]
    assert (row.contract, row.files, row.ledger) == ("c-2", "10", "9")
    assert row.differs == ["the files come to 10, the ledger was billed 9"]


def test_a_file_that_changed_without_a_change_in_money_is_a_difference_too() -> None:
    world = a_closed_month()
    world.hour("03/04", b"[ ]")
    result = reconciled(world)
    assert (result.equal, result.days, result.differing) == (False, ["03"], [])


def test_one_ledger_entry_removed() -> None:
    world = a_closed_month()
    del world.state_bucket.objects[keys.ledger_entry(world.plan, JULY, "c-2")]
    ((contract, _, differs),) = found(world)
    assert contract == "c-2"
    assert differs[0] == "the ledger has no entry"
    assert reconciled(world).rows[0].ledger == MISSING


@pytest.mark.parametrize(("state", "equal"), [("waived", True), ("sent", False)])
def test_what_was_waived_is_expected_to_be_missing_and_what_is_in_doubt_is_a_difference(
    state: str, *, equal: bool
) -> None:
    world = a_closed_month()
    key = keys.ledger_entry(world.plan, JULY, "c-2")
    entry = json.loads(world.state_bucket.objects[key])
    entry["lines"][0]["state"] = state
    world.state_bucket.objects[key] = json.dumps(entry).encode()
    world.clazar.accepted = [one for one in world.clazar.accepted if one["contract_id"] != "c-2"]
    assert reconciled(world).equal == equal


def test_what_the_ledger_holds_as_open_stands_apart_from_real_differences() -> None:
    world = WholeMonth("refuse", dimensions={"units": "cpu / mem"})
    world.every_hour("2025-07", [a_record(f"c-{n}", d) for n in (1, 2) for d in ("cpu", "mem")])
    world.hour("01/05", [a_record("c-3", "cpu")])
    world.run()
    result = reconciled(world)
    assert (result.equal, result.differing) == (False, [])
    assert [(row.contract, row.open) for row in result.open] == [("c-1", "NO"), ("c-3", "FORMULA")]


def test_a_record_of_a_line_that_is_open_is_a_difference() -> None:
    world = billed([a_record("c-1", value=7), a_record("c-2", value=9)], "refuse")
    record = {**world.clazar.accepted[0], "contract_id": "c-1", "id": "r-99"}
    world.clazar.accepted.append(record)
    ((contract, _, differs),) = found(world)
    wrong = ["Clazar lists 1 record, expected 0: r-99", "open in the ledger: NO"]
    assert (contract, differs) == ("c-1", wrong)
    assert reconciled(world).open == []


def test_a_quantity_changed_in_the_ledger() -> None:
    world = a_closed_month()
    key = keys.ledger_entry(world.plan, JULY, "c-2")
    world.state_bucket.objects[key] = world.state_bucket.objects[key].replace(
        b'"quantity": "9"', b'"quantity": "8"'
    )
    ((contract, _, differs),) = found(world)
    assert contract == "c-2"
    assert differs[-1] == "Clazar bills 9, the ledger 8"
    assert "rounded" in differs[0]


def test_a_contract_that_was_settled_in_the_state_file_is_no_difference() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1", value=7), a_record("c-2", value=9)])
    done = {"success_contracts": {"2025-07": ["c-1"]}}
    world.state_bucket.put("metering_state.json", json.dumps({"S:E:P": done}).encode())
    world.run()
    result = reconciled(world)
    assert result.equal
    assert [row.ledger for row in result.rows] == [BY_HAND, "9"]


def test_a_month_whose_formula_changed_is_compared_by_what_was_measured() -> None:
    world = a_closed_month(dimensions={"units": "cpu * 3"})
    world.plans[0] = a_plan(start_month="2025-07", dimensions={"units": "cpu * 4"})
    assert not [row for row in reconciled(world).rows if any("files" in t for t in row.differs)]


def test_a_clazar_that_throttles_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_module, "_PAUSES", (0.0, 0.0))
    world = a_closed_month()
    world.clazar.listing_busy = 2
    assert reconciled(world).equal
    world.clazar.listing_busy = 100
    with pytest.raises(PartnerUnreachable):
        reconciled(world)


def test_a_clazar_without_a_listing_is_no_calm_month() -> None:
    world = a_closed_month()
    world.clazar.lists = False
    with pytest.raises(Failed, match="does not list"):
        reconciled(world)


def test_without_clazar_the_rest_is_compared_and_the_gap_is_said() -> None:
    result = reconciled(a_closed_month(), ask=False)
    assert (result.equal, result.asked) == (True, False)
    assert {row.clazar for row in result.rows} == {"not asked"}
    assert any("--clazar" in note for note in result.notes)


def test_a_contract_that_two_plans_bill_is_no_double() -> None:
    world = a_closed_month()
    other = a_plan(plan_id="Q")
    key = keys.ledger_entry(other, JULY, "c-2")
    mine = keys.ledger_entry(world.plan, JULY, "c-2")
    world.state_bucket.objects[key] = world.state_bucket.objects[mine]
    record = next(one for one in world.clazar.accepted if one["contract_id"] == "c-2")
    world.clazar.accepted.append({**record, "id": "r-99"})
    assert reconciled(world, others=[Books(world.state_bucket, other)]).differing == []
