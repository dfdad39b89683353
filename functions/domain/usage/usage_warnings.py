"""What an operator has to know of a month's usage, said with its bill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.usage.bill import ContractBill, MonthBill
from functions.domain.usage.fold import MonthTotal
from functions.domain.wording import some

_MOST_FOR_AWS = 2**31 - 1


def warnings(plan: Plan, month: Month, total: MonthTotal, bill: MonthBill) -> Iterator[str]:
    """Yield quantities that AWS does not take, twice written files, usage that is not billed."""
    if above := above_limit(plan, bill.contracts):
        yield f"{month}: {above}"
    if total.twins:
        also = f" and {total.twins - 1} more" if total.twins > 1 else ""
        yield f"{month}: identical files of one hour, which both count: {total.twin}{also}"
    if bill.quarantined:
        held = ", ".join(
            f"{item.quantity} {item.dimension} of subscription {item.subscription}"
            for item in bill.quarantined[:5]
        )
        count = len(bill.quarantined)
        yield f"{month}: usage without externalPayerId is not billed: {count}: {held}"
    if bill.unbilled_dimensions:
        names = ", ".join(bill.unbilled_dimensions[:10])
        yield f"{month}: no formula reads the dimensions {names}"


def above_limit(plan: Plan, contracts: Iterable[ContractBill]) -> str:
    """Return the quantities that AWS does not take, and formulas that would scale them."""
    found = [
        (contract.contract_id, name, quantity)
        for contract in contracts
        for name, quantity in contract.quantities.items()
        if plan.cloud == "aws" and int(quantity) > _MOST_FOR_AWS
    ]
    if not found:
        return ""
    read = {name: plan.dimensions.get(name) for _, name, _ in found}
    formulas = (f'"{n}": "{f"({text})" if text else n} / 2**30"' for n, text in read.items())
    others = "" if plan.dimensions else ", and with one for each other dimension"
    return (
        f"AWS takes quantities up to {_MOST_FOR_AWS:,}; scale with a formula such as "
        f"{', '.join(some(formulas, 3))}{others}: {', '.join(some(map(' '.join, found)))}"
    )
