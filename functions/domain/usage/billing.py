"""Usage sums of a month -> what each contract is billed, what is left over, what has no payer.

The law of this module: per dimension, input + carried in = billed + remainder + quarantined,
exactly. With formulas it holds for each formula's value: value + carried in = billed + remainder.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from functions.domain import formula
from functions.domain.formula import PRICE
from functions.domain.ledger.coverage import sources
from functions.domain.ledger.reading import as_uuid
from functions.domain.ledger.remainders import Balance
from functions.domain.plan import Plan
from functions.domain.usage.bill import ContractBill, MonthBill, Quarantined
from functions.domain.usage.record import Group
from functions.domain.wording import suggestion
from functions.errors import BadInput

_KNOWN_DIMENSIONS = frozenset(
    ("cpu_core_hours", "memory_byte_hours", "storage_allocated_byte_hours", "replica_hours")
)
Sums = Collection[tuple[Group, int | Decimal]]


class _Usage(NamedTuple):
    totals: dict[str, Fraction]
    prices: dict[str, Fraction]
    unpriced: set[str]


def bill(
    plan: Plan,
    sums: Sums,
    carried: Balance | None = None,
    exported_before: Iterable[str] = (),
    known: Collection[str] = (),
) -> MonthBill:
    """Work out every contract's quantities; ordered by contract and dimension.

    `carried`: what rounding left of other months, by contract and dimension. `exported_before`:
    the names of their usage. A formula that reads usage that never was is BadInput for all.
    `known`: contracts whose spelling stays, of two spellings of one contract the first.
    """
    exported = {dimension for (_, dimension, _, _), _ in sums}.union(exported_before)
    balance = carried or {}
    spelled = _spellings(sums, [*known, *sorted(name for name, _ in balance)])
    usage, quarantined = _by_payer(sums, spelled)
    left: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for (name, dimension), amount in balance.items():
        left[spelled[name], dimension] += amount
    if usage:
        _check_names(plan, _KNOWN_DIMENSIONS | exported)
    month = MonthBill(
        contracts=[_bill_contract(plan, name, usage[name], left) for name in sorted(usage)],
        quarantined=quarantined,
        unbilled_dimensions=_unbilled(plan, usage.values()),
        dimensions=tuple(sorted(exported)),
    )
    check_conservation(plan, sums, month)
    return month


def _by_payer(
    sums: Sums, spelled: Mapping[str, str]
) -> tuple[dict[str, _Usage], list[Quarantined]]:
    """Return the usage of each contract, and that of none by subscription."""
    usage: dict[str, _Usage] = defaultdict(
        lambda: _Usage(defaultdict(Fraction), defaultdict(Fraction), set())
    )
    nobodys: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for (written, dimension, price, subscription), value in sums:
        if written is None:
            nobodys[subscription or "", dimension] += Fraction(value)
            continue
        of_contract = usage[spelled[written]]
        of_contract.totals[dimension] += Fraction(value)
        if price is not None:
            of_contract.prices[dimension] += Fraction(value) * Fraction(price)
        elif value:
            of_contract.unpriced.add(dimension)
    return usage, [
        Quarantined(subscription=who, dimension=what, quantity=formula.exact_text(amount))
        for (who, what), amount in sorted(nobodys.items())
        if amount
    ]


def _spellings(sums: Sums, known: Collection[str]) -> dict[str, str]:
    """Return the spelling that each contract id goes by: a UUID is one contract in any spelling."""
    names = sorted({contract for (contract, *_), _ in sums if contract is not None})
    first: dict[object, str] = {}
    return {name: first.setdefault(as_uuid(name) or name, name) for name in (*known, *names)}


def check_conservation(plan: Plan, sums: Sums, month: MonthBill) -> None:
    """Raise unless every unit of input is billed, a remainder, quarantined or a named failure.

    Recomputed from the texts that are stored and sent, not from the numbers they were made of.
    """
    difference: dict[str, Fraction] = defaultdict(Fraction)
    for (_, dimension, _, _), value in sums:
        difference[dimension] += Fraction(value)
    for held in month.quarantined:
        difference[held.dimension] -= Fraction(held.quantity)
    for contract in month.contracts:
        for dimension, total in contract.usage.items():
            difference[dimension] -= Fraction(total)
            if not plan.dimensions and contract.amount(dimension) != Fraction(total):
                name = f"{contract.contract_id} {dimension}"
                raise ArithmeticError(f"{name}: {total} is not conserved")
    lost = sorted(name for name, value in difference.items() if value)
    if lost:
        raise ArithmeticError(f"usage of {', '.join(lost)} is not conserved")


def _bill_contract(plan: Plan, name: str, usage: _Usage, balance: Balance) -> ContractBill:
    used = {key: formula.exact_text(usage.totals[key]) for key in sorted(usage.totals)}
    try:
        amounts = _amounts(plan, usage)
    except formula.FormulaError as error:
        return ContractBill(contract_id=name, usage=used, failure=str(error))
    quantities, carried, remainders = {}, {}, {}
    for dimension, amount in sorted(amounts.items()):
        carry = balance.get((name, dimension), Fraction(0))
        due = amount + carry
        quantity = max(0, round_to_whole(due, plan.rounding))  # a balance may be below zero
        if carry:
            carried[dimension] = formula.exact_text(carry)
        if quantity:
            quantities[dimension] = str(quantity)
        if due != quantity:
            remainders[dimension] = formula.exact_text(due - quantity)
    return ContractBill(
        contract_id=name, usage=used, quantities=quantities, carried=carried, remainders=remainders
    )


def _amounts(plan: Plan, usage: _Usage) -> Mapping[str, Fraction]:
    if not plan.dimensions:
        return usage.totals
    amounts = {}
    values = {f"{name}{PRICE}": price for name, price in usage.prices.items()} | usage.totals
    for dimension, text in plan.dimensions.items():
        read = formula.names_in(text)
        for name in sorted(usage.unpriced):
            if f"{name}{PRICE}" in read:
                message = f"formula {text!r}: usage of {name} has records without pricePerUnit"
                raise formula.FormulaError(message)
        # Nothing was used of what is not there.
        named = {name: values.get(name, Fraction(0)) for name in read}
        amounts[dimension] = formula.evaluate(text, named)
        if amounts[dimension] < 0:
            raise formula.FormulaError(f"formula {text!r} of {dimension} is negative")
    return amounts


def _check_names(plan: Plan, exported: frozenset[str]) -> None:
    """Raise BadInput if formulas read what no file has ever held, or what can mean two things."""
    read = frozenset().union(*map(formula.names_in, plan.dimensions.values()))
    unknown = sorted({name.removesuffix(PRICE) for name in read - exported} - exported)
    twofold = sorted(read & exported & {f"{name}{PRICE}" for name in exported})
    if unknown:
        known = suggestion(unknown, exported)
        wrong = f"usage of {', '.join(unknown)} was never exported; {known}"
    elif twofold:
        wrong = f"{', '.join(twofold)} is the name of exported usage and of a total price"
    else:
        return
    raise BadInput(f"plan {plan.key}: dimensions: {wrong}; nothing of the month was sent")


def _unbilled(plan: Plan, usages: Iterable[_Usage]) -> list[str]:
    """Return dimensions that were used but that no formula reads."""
    used = {name for usage in usages for name, total in usage.totals.items() if total}
    read = (sources(name, plan.dimensions) for name in plan.dimensions)
    return sorted(used.difference(*read)) if plan.dimensions else []


def round_to_whole(amount: Fraction, rounding: str) -> int:
    """Round once, to a whole unit: `floor`, `half_up` or `ceiling`."""
    if rounding == "ceiling":
        return math.ceil(amount)
    return math.floor(amount + Fraction(1, 2)) if rounding == "half_up" else math.floor(amount)
