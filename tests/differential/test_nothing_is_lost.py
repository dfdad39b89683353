"""Per dimension, input = billed + remainder + quarantined + dropped, however the files are cut."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.formula import exact_text
from functions.domain.usage import billing
from functions.domain.usage.bill import ContractBill, MonthBill
from functions.domain.usage.tally import Tally
from tests.builders import a_plan
from tests.differential.steadily import steadily

DUPLICATES, ROUNDINGS = ("max", "sum"), ("floor", "half_up", "ceiling")


class Written(NamedTuple):
    """A record's text with what the tests have to know of it."""

    hour: str
    payer: str | None
    dimension: str
    value: str
    text: str


@st.composite
def written_records(draw: st.DrawFn) -> Written:
    hour = draw(st.sampled_from(["01/00", "01/01", "31/23"]))
    payer = draw(st.sampled_from([None, "c-1", "c-1", "c-2", "c/ü"]))
    dimension = draw(st.sampled_from(["cpu_core_hours", "gpu_hours"]))
    value = draw(values)
    fields = {"externalPayerId": payer, "dimension": dimension}
    fields |= draw(st.sampled_from([{}, {"podName": "p"}, {"instanceId": "i", "podName": "p"}]))
    fields |= draw(st.sampled_from([{}, {"subscriptionId": "s"}]))
    price = draw(st.sampled_from(["", ', "pricePerUnit": 0', ', "pricePerUnit": 2.5']))
    text = f'{json.dumps(fields)[:-1]}, "value": {value}{price}}}'
    return Written(hour, payer, dimension, value, text)


# Small numbers often, so that equal measurements come up.
values = st.one_of(
    st.sampled_from(["0", "1", "1.0", "2", "0.5", "25e-1"]),
    st.integers(0, 10**29).map(str),
    st.decimals(0, 10**9, allow_nan=False, places=20).map(str),
)
records_of_a_month = st.lists(written_records(), max_size=20)
rules = st.tuples(st.sampled_from(DUPLICATES), st.sampled_from(ROUNDINGS))
Rules = tuple[str, str]
Files = list[tuple[str, list[Written]]]


class Outcome(NamedTuple):
    bill: MonthBill
    dropped: dict[str, str]
    duplicates: int


def in_files(records: Iterable[Written]) -> Files:
    files: dict[str, list[Written]] = defaultdict(list)
    for record in records:
        files[record.hour].append(record)
    return sorted(files.items())


def outcome(partitions: Sequence[Files], rule: Rules) -> Outcome:
    duplicates, rounding = rule
    tallies = []
    for files in partitions:
        tally = Tally(duplicates=duplicates)
        for hour, records in files:
            body = f"[{','.join(record.text for record in records)}]"
            tally.add_file(f"{hour}/x.json", hour, body.encode())
        tally.end()
        assert not tally.problems
        tallies.append(tally)
    dropped: dict[str, Fraction] = defaultdict(Fraction)
    for tally in tallies:
        for dimension, value in tally.dropped.items():
            dropped[dimension] += Fraction(value)
    sums = [item for tally in tallies for item in tally.groups.items()]
    return Outcome(
        billing.bill(a_plan(rounding=rounding), sums),
        {dimension: exact_text(value) for dimension, value in sorted(dropped.items())},
        sum(tally.duplicates for tally in tallies),
    )


def added(texts: Iterable[tuple[str, str]]) -> dict[str, Fraction]:
    """Add up texts by dimension; what comes to nothing is left out."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for dimension, text in texts:
        found[dimension] += Fraction(text)
    return {dimension: total for dimension, total in found.items() if total}


@steadily
@given(records_of_a_month, rules)
def test_every_unit_is_billed_or_left_over_or_quarantined_or_dropped(
    records: list[Written], rule: Rules
) -> None:
    bill, dropped, _ = outcome([in_files(records)], rule)
    out = [item for contract in bill.contracts for item in contract.quantities.items()]
    out += [item for contract in bill.contracts for item in contract.remainders.items()]
    out += [(held.dimension, held.quantity) for held in bill.quarantined]
    out += dropped.items()
    assert added(out) == added((record.dimension, record.value) for record in records)


@steadily
@given(records_of_a_month, rules, st.data())
def test_the_order_of_records_files_and_partitions_does_not_matter(
    records: list[Written], rule: Rules, data: st.DataObject
) -> None:
    hours = [[file] for file in in_files(data.draw(st.permutations(records)))]
    partitions = data.draw(st.permutations(hours))
    assert outcome(partitions, rule) == outcome([in_files(records)], rule)


@steadily
@given(records_of_a_month, rules, st.data())
def test_an_hour_in_two_files_is_the_hour_in_one(
    records: list[Written], rule: Rules, data: st.DataObject
) -> None:
    whole = in_files(records)
    cut: Files = []
    for hour, of_hour in whole:
        at = data.draw(st.integers(0, len(of_hour)))
        parts = [(hour, of_hour[:at]), (hour, of_hour[at:])]
        cut += data.draw(st.permutations(parts))
    assert outcome([cut], rule) == outcome([whole], rule)


@steadily
@given(records_of_a_month, rules)
def test_the_bill_of_all_contracts_is_the_bills_of_each_one(
    records: list[Written], rule: Rules
) -> None:
    payers = {record.payer for record in records}
    alone = [
        outcome([in_files(record for record in records if record.payer == payer)], rule)
        for payer in payers
    ]
    together = outcome([in_files(records)], rule)
    contracts: list[ContractBill] = [bill for found in alone for bill in found.bill.contracts]
    held = [item for found in alone for item in found.bill.quarantined]
    assert together.bill.contracts == sorted(contracts, key=lambda bill: bill.contract_id)
    assert together.bill.quarantined == held
    assert together.duplicates == sum(found.duplicates for found in alone)


@steadily
@given(records_of_a_month, st.sampled_from(ROUNDINGS))
def test_keeping_the_larger_measurement_bills_no_more_than_adding_them_up(
    records: list[Written], rounding: str
) -> None:
    larger, all_of_them = (
        added(
            (f"{bill.contract_id} {dimension}", quantity)
            for bill in outcome([in_files(records)], (duplicates, rounding)).bill.contracts
            for dimension, quantity in bill.quantities.items()
        )
        for duplicates in DUPLICATES
    )
    assert larger.keys() <= all_of_them.keys()
    assert all(larger[name] <= all_of_them[name] for name in larger)


@pytest.mark.parametrize("first_price", ["", ', "pricePerUnit": 0', ', "pricePerUnit": 9'])
@pytest.mark.parametrize("second_price", ["", ', "pricePerUnit": 0', ', "pricePerUnit": 9'])
@pytest.mark.parametrize("sizes", [(1, 2, 4), (2, 1, 4), (1, 1, 1)])
def test_a_price_that_only_a_dropped_measurement_had_may_come_again(
    sizes: tuple[int, int, int], first_price: str, second_price: str
) -> None:
    """The record behind the two measurements is an ordinary one with either price."""
    pod = '"externalPayerId": "c-1", "dimension": "gpu_hours", "podName": "p"'
    other = '"externalPayerId": "c-1", "dimension": "gpu_hours"'
    for third_price in (first_price, second_price):
        texts = [
            f'{{{pod}, "value": {sizes[0]}{first_price}}}',
            f'{{{pod}, "value": {sizes[1]}{second_price}}}',
            f'{{{other}, "value": {sizes[2]}{third_price}}}',
        ]
        records = [Written("01/00", "c-1", "gpu_hours", "", text) for text in texts]
        (contract,) = outcome([in_files(records)], ("max", "floor")).bill.contracts
        assert contract.quantities == {"gpu_hours": str(max(sizes[:2]) + sizes[2])}
