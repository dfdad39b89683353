"""Bills with remainders carried in, with formulas and failures: every number that is written."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.ledger.remainders import Balance
from functions.domain.usage.bill import ContractBill, MonthBill, Quarantined
from functions.domain.usage.billing import bill, check_conservation, round_to_whole
from functions.domain.usage.record import Group
from tests.builders import a_contract, a_plan

Sums = dict[Group, Any]


def used(*names: str, value: Any = 1) -> Sums:
    return {("c-1", name, None, None): value for name in names}


def billed(sums: Sums, carried: Balance | None = None, **fields: Any) -> MonthBill:
    month = bill(a_plan(**fields), sums.items(), carried)
    check_conservation(a_plan(**fields), sums.items(), month)
    return month


def the_bill(amount: str, carry: str, **fields: Any) -> ContractBill:
    sums: Sums = {("c-1", "cpu", None, None): Decimal(amount)}
    carried = {("c-1", "cpu"): Fraction(carry), ("c-2", "cpu"): Fraction(9)}
    (contract,) = billed(sums, carried, **fields).contracts
    return contract


@pytest.mark.parametrize(
    ("rounding", "quantities", "left"),
    [
        ("floor", {"cpu": "3"}, {"cpu": "0.25"}),
        ("half_up", {"cpu": "3"}, {"cpu": "0.25"}),
        ("ceiling", {"cpu": "4"}, {"cpu": "-0.75"}),
    ],
)
def test_what_other_months_left_is_billed_with_this_one(
    rounding: str, quantities: dict[str, str], left: dict[str, str]
) -> None:
    due = {"quantities": quantities, "carried": {"cpu": "0.75"}, "remainders": left}
    found = the_bill("2.5", "0.75", rounding=rounding)
    assert found == a_contract(usage={"cpu": "2.5"}, **due)


def test_what_other_months_billed_too_much_is_taken_off_down_to_nothing() -> None:
    assert the_bill("2.5", "-0.75").quantities == {"cpu": "1"}
    assert the_bill("1", "-3").remainders == {"cpu": "-2"}
    assert the_bill("1", "-3").quantities == {}


def test_the_amounts_of_a_bill_are_its_own_months_usage() -> None:
    for amount, carry in (("2.5", "0.75"), ("2.5", "-0.75"), ("1", "-3"), ("0.25", "0")):
        assert the_bill(amount, carry).amounts == {"cpu": amount}
    assert the_bill("0", "0.5").amounts == {"cpu": "0"}, "a carry that is billed has usage of zero"


def test_without_remainders_the_month_stands_alone() -> None:
    (contract,) = billed(used("cpu", value=2)).contracts
    assert contract == a_contract(usage={"cpu": "2"}, quantities={"cpu": "2"})


def test_contracts_and_dimensions_are_billed_in_order() -> None:
    names = [("c-2", "b"), ("c-1", "z"), ("c-1", "a"), ("c-2", "a")]
    contracts = billed({(who, what, None, None): 1 for who, what in names}).contracts
    assert [(each.contract_id, list(each.usage), list(each.quantities)) for each in contracts] == [
        ("c-1", ["a", "z"], ["a", "z"]),
        ("c-2", ["a", "b"], ["a", "b"]),
    ]


def test_a_formula_that_fails_leaves_a_bill_of_the_usage_and_the_reason() -> None:
    sums: Sums = {**used("cpu"), ("c-1", "a", None, None): Decimal("0.5")}
    sums[("c-2", "cpu", None, None)] = 2
    contract, other = billed(sums, dimensions={"x": "1 / (cpu - 1)"}).contracts
    reason = "formula '1 / (cpu - 1)': division by zero"
    assert contract == a_contract(usage={"a": "0.5", "cpu": "1"}, failure=reason)
    assert (other.failure, other.quantities) == (None, {"x": "1"})


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("cpu_total_price", "'cpu_total_price': usage of cpu has records without pricePerUnit"),
        ("2 - cpu", "'2 - cpu' of x is negative"),
    ],
)
def test_a_missing_price_and_a_negative_result_are_reported(formula: str, said: str) -> None:
    sums: Sums = {**used("cpu"), ("c-1", "cpu", Decimal("0.1"), None): 5}
    assert billed(sums, dimensions={"x": formula}).contracts[0].failure == f"formula {said}"


def test_a_total_price_is_usage_times_price_and_nothing_for_what_was_not_used() -> None:
    sums: Sums = {
        ("c-1", "cpu", Decimal("0.1"), None): 5,
        ("c-1", "cpu", Decimal("0.2"), None): 10,
        ("c-1", "cpu", None, None): 0,
        ("c-2", "disk", Decimal(3), None): 1,
    }
    formulas = {
        "cents": "cpu_total_price * 100",
        "all": "cpu + disk + disk_total_price + replica_hours_total_price",
    }
    first, second = billed(sums, dimensions=formulas).contracts
    assert first.quantities == {"all": "15", "cents": "250"}
    assert second.quantities == {"all": "4"}


def test_a_result_of_nothing_is_not_sent() -> None:
    (contract,) = billed(used("cpu"), dimensions={"x": "cpu - 1"}).contracts
    assert (contract.quantities, contract.remainders, contract.failure) == ({}, {}, None)


def test_usage_without_a_payer_is_held_by_subscription_and_dimension() -> None:
    sums: Sums = {
        (None, "mem", None, "s-1"): 2,
        (None, "cpu", None, "s-1"): Decimal("0.5"),
        (None, "cpu", None, None): 3,
        (None, "zero", None, "s-1"): 0,
    }
    held = [("", "cpu", "3"), ("s-1", "cpu", "0.5"), ("s-1", "mem", "2")]
    assert billed(sums) == MonthBill(
        contracts=[],
        quarantined=[
            Quarantined(subscription=who, dimension=what, quantity=amount)
            for who, what, amount in held
        ],
        unbilled_dimensions=[],
        dimensions=("cpu", "mem", "zero"),
    )


@pytest.mark.parametrize(
    "change",
    [
        *({"quantities": {"cpu": "4"}}, {"quantities": {}}, {"remainders": {}}),
        *({"remainders": {"cpu": "0.5"}}, {"carried": {}}, {"carried": {"cpu": "-0.75"}}),
    ],
)
def test_a_contract_whose_numbers_do_not_add_up_is_named(change: dict[str, Any]) -> None:
    sums = used("cpu", value=Decimal("2.5"))
    month = billed(sums, {("c-1", "cpu"): Fraction(3, 4)})
    broken = replace(month, contracts=[replace(month.contracts[0], **change)])
    with pytest.raises(ArithmeticError, match=r"^c-1 cpu: 2\.5 is not conserved$"):
        check_conservation(a_plan(), sums.items(), broken)


def test_with_formulas_the_quantities_are_of_other_dimensions_and_the_usage_still_adds_up() -> None:
    sums: Sums = {("c-1", "cpu", None, None): 5, (None, "mem", None, "s"): 2}
    plan = a_plan(dimensions={"cpu": "cpu * 2"})
    month = bill(plan, sums.items())
    check_conservation(plan, sums.items(), month)
    assert month.contracts[0].quantities == {"cpu": "10"}
    for lost in (replace(month, contracts=[]), replace(month, quarantined=[])):
        with pytest.raises(ArithmeticError, match="is not conserved"):
            check_conservation(plan, sums.items(), lost)


def test_all_usage_that_is_lost_is_named_in_order() -> None:
    month = billed(used("kept"))
    with pytest.raises(ArithmeticError, match=r"^usage of a, z is not conserved$"):
        check_conservation(a_plan(), used("z", "a", "kept").items(), month)


@pytest.mark.parametrize(
    ("amount", "whole"),
    [
        *(("2", (2, 2, 2)), ("2.25", (2, 2, 3)), ("2.49", (2, 2, 3)), ("2.5", (2, 3, 3))),
        *(("2.75", (2, 3, 3)), ("-0.25", (-1, 0, 0))),
    ],
)
def test_each_rounding_is_to_a_whole_unit(amount: str, whole: tuple[int, int, int]) -> None:
    found = [round_to_whole(Fraction(amount), rule) for rule in ("floor", "half_up", "ceiling")]
    assert tuple(found) == whole
