"""The bill of a month: conservation, rounding, formulas, quarantine."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.usage.bill import MonthBill
from functions.domain.usage.billing import bill, check_conservation
from functions.domain.usage.marketplace import above_limit
from functions.domain.usage.record import Group
from functions.errors import BadInput
from tests.builders import a_plan


def the_bill(sums: dict[Group, Any], **fields: Any) -> MonthBill:
    return bill(a_plan(**fields), sums.items())


def used(*names: str, value: Any = 1) -> dict[Group, Any]:
    """Return what one contract used, without prices."""
    return {("c", name, None, None): value for name in names}


groups = st.tuples(
    st.sampled_from([None, "c-1", "c-2"]),
    st.sampled_from(["cpu_core_hours", "memory_byte_hours"]),
    st.one_of(st.none(), st.decimals(0, 10, places=3)),
    st.none(),
)
sums_of_a_month = st.dictionaries(groups, st.decimals(0, 10**9, places=4), max_size=12)


@given(sums_of_a_month, st.sampled_from(["floor", "half_up", "ceiling"]))
def test_what_goes_in_is_billed_or_left_over_or_quarantined(
    sums: dict[Group, Decimal], rounding: str
) -> None:
    plan = a_plan(rounding=rounding)
    month = bill(plan, sums.items())
    check_conservation(plan, sums.items(), month)
    billed = sum(Fraction(q) for c in month.contracts for q in c.quantities.values())
    left = sum(Fraction(r) for c in month.contracts for r in c.remainders.values())
    held = sum(Fraction(q.quantity) for q in month.quarantined)
    assert billed + left + held == sum(map(Fraction, sums.values()))


@given(sums_of_a_month)
def test_quantities_are_strings_of_positive_integers(sums: dict[Group, Decimal]) -> None:
    for contract in bill(a_plan(), sums.items()).contracts:
        for quantity in contract.quantities.values():
            assert quantity.isascii() and quantity.isdigit() and int(quantity) > 0  # noqa: PT018


def test_a_zero_is_not_sent_and_leaves_nothing() -> None:
    (contract,) = the_bill(used("d", value=0)).contracts
    assert (contract.usage, contract.quantities, contract.remainders) == ({"d": "0"}, {}, {})


def test_without_formulas_every_dimension_passes_through() -> None:
    month = the_bill(used("replica_hours", "new_one", value=3))
    assert month.contracts[0].quantities == {"replica_hours": "3", "new_one": "3"}


def test_usage_that_no_formula_reads_is_named() -> None:
    sums: dict[Group, Any] = {("c", name, Decimal(1), None): 1 for name in ("z", "cpu", "a", "mem")}
    sums |= used("unused", value=0)
    formulas = {"x": "cpu", "y": "mem_total_price"}
    assert the_bill(sums, dimensions=formulas).unbilled_dimensions == ["a", "z"]
    assert the_bill(sums).unbilled_dimensions == []
    own = the_bill(used("list_total_price"), dimensions={"x": "list_total_price"})
    assert own.unbilled_dimensions == []


def test_a_formula_bills_prices_exactly() -> None:
    sums: dict[Group, Any] = {
        ("c", "cpu_core_hours", Decimal("8.7"), None): 1,
        ("c", "cpu_core_hours", Decimal("0.3"), None): 10,
    }
    formulas = {"cents": "cpu_core_hours_total_price / 0.01"}
    assert the_bill(sums, dimensions=formulas).contracts[0].quantities == {"cents": "1170"}


def test_a_dimension_named_like_the_price_of_another_is_an_error_of_the_plan() -> None:
    sums = used("cpu", "cpu_total_price", "gpu", "gpu_total_price", value=2)
    with pytest.raises(
        BadInput, match=": cpu_total_price, gpu_total_price is the name of exported"
    ):
        the_bill(sums, dimensions={"a": "cpu", "b": "cpu_total_price", "c": "gpu_total_price"})
    only_read = the_bill(sums, dimensions={"a": "cpu"})
    assert only_read.contracts[0].quantities == {"a": "2"}, "nobody reads it"


SUMS: dict[Group, Any] = {(name, "cpu_core_hours", Decimal(1), None): 2 for name in ("c-1", "c-2")}


@pytest.mark.parametrize(
    "formula", ["cpu_core_hour", "cpu_core_hour_total_price + cpu_core_hour", "CPU_core_hour"]
)
def test_a_name_that_was_never_exported_is_one_error_of_the_plan_with_those_that_exist(
    formula: str,
) -> None:
    with pytest.raises(BadInput) as found:
        bill(a_plan(dimensions={"x": formula, "y": formula}), SUMS.items(), {}, ["gpu_hours"])
    name = formula.partition("_hour")[0] + "_hour"
    assert str(found.value).startswith(
        f"plan S:E:P: dimensions: usage of {name} was never exported; "
        "did you mean cpu_core_hours? known: cpu_core_hours, gpu_hours, memory_byte_hours, "
    )


def test_a_name_like_no_other_is_an_error_without_a_guess() -> None:
    with pytest.raises(BadInput, match="usage of yyy, zzz was never exported; known: cpu_core"):
        the_bill(SUMS, dimensions={"x": "zzz + yyy"})


def test_a_formula_that_no_contract_needs_is_not_looked_at() -> None:
    quarantined: dict[Group, Any] = {(None, "d", None, "sub-1"): 2}
    for sums in (quarantined, {}):
        assert the_bill(sums, dimensions={"x": "zzz"}).contracts == []


@pytest.mark.parametrize("name", ["replica_hours", "gpu_hours"])
def test_a_dimension_that_nobody_used_this_month_is_zero_in_a_formula(name: str) -> None:
    plan = a_plan(dimensions={"all": f"cpu_core_hours + {name}", "cents": f"{name}_total_price"})
    bills = bill(plan, SUMS.items(), {}, ["gpu_hours"]).contracts
    assert [contract.quantities for contract in bills] == [{"all": "2"}, {"all": "2"}]
    assert [contract.failure for contract in bills] == [None, None]


def test_a_bill_names_all_usage_that_was_exported_so_far() -> None:
    sums: dict[Group, Any] = {("c", "cpu", None, None): 0, (None, "mem", None, "sub-1"): 1}
    assert bill(a_plan(), sums.items(), {}, ["gpu", "cpu"]).dimensions == ("cpu", "gpu", "mem")


def test_a_quantity_that_aws_does_not_take_is_named_with_a_formula_that_scales_it() -> None:
    sums: dict[Group, Any] = {
        (f"c-{n}", "memory_byte_hours", None, None): value
        for n, value in enumerate((2**31, 2**31 - 1, 2**40), start=1)
    }
    contracts = the_bill(sums).contracts
    assert above_limit(a_plan(), contracts) == (
        "AWS takes quantities up to 2,147,483,647; scale with a formula such as "
        '"memory_byte_hours": "memory_byte_hours / 2**30", and with one for each other '
        "dimension: c-1 memory_byte_hours 2147483648, c-3 memory_byte_hours 1099511627776"
    )
    assert above_limit(a_plan(cloud="azure"), contracts) == "", "no other cloud has one"


def test_a_uuid_is_one_contract_however_its_usage_spells_it() -> None:
    low = "ae641bd1-edf8-4038-bfed-d2ff556c729e"
    spellings = (low, low.upper(), "{" + low + "}")
    month = the_bill({(name, "cpu", None, None): 2 for name in spellings})
    (contract,) = month.contracts
    assert (contract.contract_id, contract.quantities) == (low.upper(), {"cpu": "6"})
