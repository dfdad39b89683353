"""Usage without a payer, a price or a working formula: never dropped, never free, never silent."""

import json
from typing import Any

import pytest

from tests.builders import a_record
from tests.unit.metering.whole_month import STATE_FILE, WholeMonth

CPU = "cpu_core_hours"
MEMORY = "memory_byte_hours"


def a_quantity(world: WholeMonth, name: str) -> str:
    """Return what contract c-1 is billed of a dimension."""
    (contract,) = (item for item in world.bill().bill.contracts if item.contract_id == "c-1")
    assert contract.failure is None
    return contract.quantities[name]


def test_a_month_in_which_no_record_has_a_payer_is_reported_with_its_usage() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record(None, value=5), a_record("", value=2.5)])
    ended = world.run()
    assert ended.notify
    assert "7.5 cpu of subscription sub-1" in ended.result["message"]
    assert not world.clazar.requests


def test_a_zero_is_not_sent_and_counts_as_done() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1", value=0)])
    assert world.run().succeeded
    assert not world.clazar.requests
    assert world.state()["success_contracts"] == {"2025-07": ["c-1"]}


def test_usage_whose_payer_is_added_later_is_billed_when_its_month_is_asked_for() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1"), a_record(None, value=5)])
    world.run()
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    world.hour("01/00", [a_record("c-1"), a_record("c-2", value=5)])
    world.run(months=["2025-07"])
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1"), ("c-2", "cpu", "2025-07", "5")]


@pytest.mark.parametrize("price", [{}, {"pricePerUnit": None}])
def test_usage_without_a_price_is_an_error_of_its_contract_and_not_free(
    price: dict[str, Any],
) -> None:
    world = WholeMonth(dimensions={"cents": f"{CPU}_total_price * 100"})
    world.hour("01/00", [a_record("c-1", CPU, **price), a_record("c-2", CPU, pricePerUnit=0.5)])
    ended = world.run()
    assert ended.error == "ContractsNeedAttention"
    assert "c-1 (FORMULA since " in ended.cause
    assert "without pricePerUnit" in world.errors()[0]["message"]
    assert world.clazar.billed() == [("c-2", "cents", "2025-07", "50")]


def test_a_price_per_gib_of_bytes_is_scaled_by_its_formula_to_the_unit() -> None:
    world = WholeMonth(dimensions={"cents": f"{MEMORY}_total_price / 2**30 / 0.01"})
    world.hour("01/00", [a_record("c-1", MEMORY, value=3 * 2**30, pricePerUnit=0.05)])
    assert a_quantity(world, "cents") == "15"


def test_every_amount_that_floats_lose_a_cent_of_is_billed_whole() -> None:
    losing = [cents for cents in range(1, 100_001) if int(cents / 100 / 0.01) != cents]
    assert len(losing) > 9_000, "the arithmetic of the earlier exporter loses these"
    chosen = losing[::20]
    world = WholeMonth(dimensions={"cents": f"{CPU}_total_price / 0.01"})
    world.hour("01/00", [a_record(f"c-{c}", CPU, pricePerUnit=c / 100) for c in chosen])
    billed = {item.contract_id: item.quantities for item in world.bill().bill.contracts}
    assert billed == {f"c-{c}": {"cents": str(c)} for c in chosen}


def test_a_month_in_which_every_formula_fails_names_all_and_holds_up_no_later_month() -> None:
    world = WholeMonth(
        dimensions={"x": f"{CPU} / (1 - {CPU})"}, missing_hours="warn", start_month="2025-06"
    )
    world.hour("01/00", [a_record("c-1", CPU), a_record("c-2", CPU)], month="2025-06")
    world.hour("01/00", [a_record("c-1", CPU, value=0.5)], month="2025-07")
    ended = world.run()
    assert ended.error == "ContractsNeedAttention"
    assert "2025-06: 2 contracts (FORMULA since 2026-01-01): c-1, c-2" in ended.cause
    assert [item["contract_id"] for item in world.errors("2025-06")] == ["c-1", "c-2"]
    assert world.clazar.billed() == [("c-1", "x", "2025-07", "1")]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_formula_over_a_single_price_is_an_error_and_not_a_price_of_zero(
    *, dry_run: bool
) -> None:
    world = WholeMonth(dimensions={"cents": f"{CPU} * pricePerUnit"})
    world.hour("01/00", [a_record(f"c-{n}", CPU, pricePerUnit=0.5) for n in range(300)])
    stopped = world.run(dry_run=dry_run)
    assert (stopped.error, stopped.notify) == ("BadInput", not dry_run)
    assert stopped.cause.count("usage of pricePerUnit was never exported; known: cpu_core") == 1
    assert STATE_FILE not in world.state_bucket.objects
    assert not world.clazar.requests


def test_usage_of_an_earlier_month_is_remembered_and_zero_in_a_month_without_it() -> None:
    world = WholeMonth(
        dimensions={"all": f"{CPU} + gpu_hours"}, missing_hours="warn", start_month="2025-06"
    )
    world.hour("01/00", [a_record("c-1", CPU), a_record("c-2", "gpu_hours")], month="2025-06")
    world.hour("01/00", [a_record("c-1", CPU)], month="2025-07")
    preview = world.run(dry_run=True).result["months"]
    counted = [(month["month"], month["contracts"]) for month in preview]
    assert counted == [("2025-06", 2), ("2025-07", 1)]
    assert not [name for name in world.state_bucket.objects if name.startswith("ledger/")]
    alone = world.run(dry_run=True, months=["2025-07"])
    assert alone.error == "BadInput"
    assert "gpu_hours was never exported" in alone.cause
    assert world.run(max_months=1).succeeded
    assert world.run().succeeded
    billed = [bill[2:] for bill in world.clazar.billed()]
    assert billed == [("2025-06", "1"), ("2025-07", "1"), ("2025-06", "1")]


def test_a_quantity_above_the_limit_of_aws_is_reported_and_in_the_report() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1", MEMORY, value=2**35), a_record("c-2", MEMORY)])
    said = f"c-1 {MEMORY} {2**35}"
    for dry_run in (True, False):
        reported = world.run(dry_run=dry_run).result["message"]
        assert said in reported
        assert "c-2" not in reported
    assert said in json.loads(world.content("reports/S/E/P/2025-07/report.json"))["warnings"][-1]


@pytest.mark.parametrize(
    ("records", "plan", "reported"),
    [
        ([a_record("c-1")], {}, True),
        ([a_record("c-1", podName="p")], {}, False),
        ([a_record("c-1", instanceId="i")], {}, False),
        ([a_record("c-1", podName="p"), a_record("c-1", podName="")], {}, True),
        ([a_record("c-1", podName="p")], {"duplicates": "sum"}, True),
        ([], {"duplicates": "sum"}, False),
    ],
)
@pytest.mark.parametrize("folder", ["01/00", ""])
def test_identical_files_of_one_hour_that_count_both_are_named(
    records: list[Any], plan: dict[str, Any], folder: str, *, reported: bool
) -> None:
    world = WholeMonth(**plan)
    content = [{**record, "timestamp": "2025-07-01T00:30:00Z"} for record in records]
    for name in ("sub-1", "sub-2", "sub-3"):
        key = f"omnistrate-metering/S/E/P/2025/07/{folder}/{name}.json".replace("//", "/")
        world.usage_bucket.edit(key, json.dumps(content).encode())
    world.hour("01/01", records) if folder else None
    warnings = [text for text in world.bill().warnings if "identical files" in text]
    assert bool(warnings) is reported
    for text in warnings:
        assert text.startswith("2025-07: identical files of one hour, which both count: ")
        assert f"{folder}/sub-1.json and " in text
        assert f"{folder}/sub-2.json and 1 more" in text
        assert text in world.run().result["message"]
