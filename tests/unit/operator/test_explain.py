"""A billed quantity is explained down to its records, and they add up exactly."""

import json
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adapters import keys
from functions.adapters.books import Books
from functions.domain.month import Month
from infra.operator.explain import explain
from infra.operator.explained import Explained, Explanation, Sum
from tests.builders import a_record
from tests.unit.metering.whole_month import ROOT, WholeMonth
from tests.unit.operator.typed import billed

JULY = Month.parse("2025-07")


def explained(world: WholeMonth, contract: str = "c-1", month: Month = JULY) -> Explanation:
    found = explain(Books(world.state_bucket, world.plan), world.usage_bucket, month, contract)
    assert found
    return found


def only(found: Explanation) -> Explained:
    (one,) = found.dimensions
    return one


def leaf_sum(total: Sum) -> Fraction:
    of_records = [Fraction(leaf.value) for leaf in total.records if not leaf.duplicate_of]
    return sum([*of_records, *map(leaf_sum, total.parts)], Fraction(0))


def test_a_quantity_is_followed_to_its_day_hour_file_and_record() -> None:
    world = billed([a_record("c-2"), a_record("c-1", value=7)])
    found = explained(world)
    one = only(found)
    assert (found.exact, one.quantity, one.state, one.remainder) == (True, "7", "accepted", "0")
    (day,) = one.usage[0].parts
    (hour,) = day.parts
    (file,) = hour.parts
    assert (day.name, hour.name) == ("01", "01/00")
    assert file.name.endswith("2025/07/01/00/sub-1.json")
    assert [(leaf.record, leaf.value) for leaf in file.records] == [(2, "7")]


def test_a_dropped_duplicate_is_shown_with_the_record_that_counts() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [])
    pod = {"podName": "p", "instanceId": "i"}
    lower = world.hour("01/00", [a_record("c-1", value=3, **pod)], name="a")
    higher = world.hour("01/00", [a_record("c-1", value=5, **pod)], name="b")
    world.run()
    one = only(explained(world))
    assert (one.exact, one.quantity) == (True, "5")
    assert [(leaf.file, leaf.duplicate_of) for leaf in one.duplicates] == [
        (lower, f"{higher} record 1")
    ]


def test_what_was_carried_in_is_shown_with_the_month_that_left_it() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1", value=1.75)])
    world.every_hour("2025-08", [a_record("c-1", value=1.5)])
    world.run(as_of="2025-09-02T00:00:00Z")
    one = only(explained(world, month=Month.parse("2025-08")))
    assert (one.exact, one.amount, one.carried, one.quantity) == (True, "1.5", "0.75", "2")
    assert (one.carried_from, one.remainder) == ({"2025-07": "0.75"}, "0.25")


def test_usage_that_came_after_the_bill_is_called_no_explanation() -> None:
    world = billed([a_record("c-1", value=7)])
    world.hour("02/05", [a_record("c-1", value=1)], name="late")
    found = explained(world)
    assert not found.exact
    wrong = [(check.found, check.expected) for check in only(found).checks if not check.holds]
    assert wrong == [("8", "7"), ("8", "7")]


def test_a_contract_whose_formula_failed_is_explained_as_not_billed() -> None:
    world = WholeMonth(dimensions={"ratio": "cpu / (cpu - 7)"})
    world.hour("01/00", [a_record("c-1", dimension="cpu", value=7)])
    world.hour("01/01", [a_record("c-2", dimension="cpu", value=9)])
    world.run()
    assert explained(world).not_billed.startswith("FORMULA since ")
    assert "cpu / (cpu - 7)" in explained(world).not_billed
    one = only(explained(world))
    assert (one.dimension, one.quantity, one.state) == ("ratio", "", "FORMULA")
    assert (one.usage[0].name, one.usage[0].total, one.exact) == ("cpu", "7", False)
    assert not explained(world, "c-2").not_billed


def test_a_formula_with_a_price_is_explained() -> None:
    records = [a_record("c-1", value=2, pricePerUnit=0.25)]
    records += [a_record("c-1", "mem", value=4, pricePerUnit=1)]
    world = billed(records, dimensions={"money": "cpu_total_price * 100 + mem / 3"})
    one = only(explained(world))
    assert (one.exact, one.quantity, one.amount) == (True, "51", "154/3")
    assert [(total.name, total.total) for total in one.usage] == [("cpu", "2"), ("mem", "4")]


def test_prices_are_shown_and_the_record_without_one_is_found() -> None:
    world = WholeMonth(dimensions={"money": "cpu_total_price"})
    world.every_hour("2025-07", [a_record("c-1", value=2, pricePerUnit=0.25)])
    world.hour("02/00", [a_record("c-2", value=1, pricePerUnit=0.5)], name="a")
    world.hour("02/00", [a_record("c-2", value=1)], name="b")
    world.run()
    one = only(explained(world))
    assert (one.reads, one.usage[0].prices) == ({"cpu_total_price": "0.5"}, ["0.25"])
    failed = only(explained(world, "c-2"))
    assert (failed.quantity, failed.usage[0].prices) == ("", ["", "0.5"])
    (without,) = (leaf.file for leaf in failed.usage[0].leaves() if not leaf.price)
    assert without.endswith("02/00/b.json")


def test_what_can_no_longer_be_computed_is_explained_without_a_quantity() -> None:
    """Nothing of it was to be sent; then a formula without a value came in its way."""
    world = WholeMonth(dimensions={"u": "cpu_total_price"}, missing_hours="warn")
    world.hour("01/00", [a_record("c-1", value=1, pricePerUnit=0.25)])
    world.run()
    key = keys.ledger_entry(world.plan, JULY, "c-1")
    entry = json.loads(world.state_bucket.objects[key])
    failure = {"code": "FORMULA", "message": "no price", "errors": [], "at": "2025-08-02T00:00:00Z"}
    world.state_bucket.objects[key] = json.dumps({**entry, "failure": failure}).encode()
    one = only(explained(world))
    assert (one.dimension, one.quantity, one.amount, one.state) == ("u", "", "", "FORMULA")


def test_what_is_zero_or_was_dropped_needs_no_price() -> None:
    world = WholeMonth(dimensions={"u": "cpu_total_price"}, missing_hours="warn")
    pod = {"podName": "p", "instanceId": "i"}
    world.hour("01/00", [a_record("c-1", value=0), a_record("c-1", value=1, **pod)], name="a")
    world.hour("01/00", [a_record("c-1", value=2, pricePerUnit=0.25, **pod)], name="b")
    world.run()
    assert only(explained(world)).usage[0].prices == ["0.25"]


def test_files_in_no_hour_folder_are_explained_with_their_duplicates() -> None:
    world = WholeMonth()
    fields = {"podName": "p", "timestamp": "2025-07-03T04:10:00Z"}
    records = [a_record("c-1", value=3, **fields), a_record("c-1", value=2, **fields)]
    world.usage_bucket.put(f"{ROOT}/2025/07/sub-1.json", json.dumps(records).encode())
    world.run()
    one = only(explained(world))
    assert (one.exact, one.quantity) == (True, "3")
    assert [leaf.value for leaf in one.duplicates] == ["2"]
    assert [day.name for day in one.usage[0].parts] == ["beside the days"]


def test_a_contract_id_in_two_spellings_is_one_contract() -> None:
    world = WholeMonth()
    name = "0b8e5a53-5c4b-4f3a-9d5e-0123456789ab"
    world.every_hour("2025-07", [a_record(name, value=3)])
    world.hour("02/00", [a_record(name.upper(), value=4)], name="b")
    world.hour("02/01", json.dumps([a_record(name, value=5)]).replace("-", "\\u002d").encode())
    world.run()
    (contract,) = Books(world.state_bucket, world.plan).contracts_in_ledger(JULY)
    one = only(explained(world, contract))
    assert (one.exact, one.quantity) == (True, "12")


def test_nothing_in_the_ledger_is_no_explanation() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1")])
    assert explain(Books(world.state_bucket, world.plan), world.usage_bucket, JULY, "c-1") is None


_VALUES = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=6)
_PLACES = st.tuples(st.integers(1, 31), st.integers(0, 23), st.sampled_from(["a", "b"]))
_PODS = st.sampled_from([None, "p-1", "p-2"])


@given(st.lists(st.tuples(_PLACES, _PODS, _VALUES), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_leaves_of_any_quantities_add_up_exactly(
    usage: list[tuple[tuple[int, int, str], str | None, Decimal]],
) -> None:
    world = WholeMonth(missing_hours="warn", dimensions={"units": "cpu / 7"})
    files: dict[tuple[int, int, str], list[dict[str, Any]]] = {(1, 0, "z"): [a_record("c-2")]}
    for place, pod, value in usage:
        record = a_record("c-1", value="@", podName=pod)
        files.setdefault(place, []).append({**record, "value": f"@{value}@"})
    for (day, hour, name), records in files.items():
        key = world.hour(f"{day:02d}/{hour:02d}", records, name=name)
        world.usage_bucket.objects[key] = (
            world.usage_bucket.objects[key].replace(b'"@', b"").replace(b'@"', b"")
        )
    world.run()
    found = explained(world)
    one = only(found)
    assert found.exact
    of_records = leaf_sum(one.usage[0]) / 7
    assert of_records == Fraction(one.quantity) + Fraction(one.remainder)


def test_a_month_of_744_files_takes_less_than_two_seconds() -> None:
    world = WholeMonth()
    for hour in range(744):
        records = [a_record(f"c-{number}", value=hour) for number in range(100)]
        world.hour(f"{hour // 24 + 1:02d}/{hour % 24:02d}", records)
    world.run()
    began = time.perf_counter()
    found = explained(world)
    assert found.exact
    assert (found.files, only(found).quantity) == (744, str(sum(range(744))))
    assert time.perf_counter() - began < 2
