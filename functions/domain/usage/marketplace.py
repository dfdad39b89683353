"""What a marketplace takes of a month's usage: until when, and quantities of which size."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from functions.domain.usage.bill import ContractBill
from functions.domain.wording import counted, some

_SOON, _HOURS = timedelta(hours=2), timedelta(hours=48)
# Sources: AWS BatchMeterUsage takes last month's usage until 06:00 UTC on the 1st; Azure takes an
# event for 24 hours. Google states no limit.
_TAKEN_FOR: Mapping[str, timedelta] = {"aws": timedelta(hours=6), "azure": timedelta(hours=24)}
_MARKETPLACES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}
_MOST_FOR_AWS = 2**31 - 1


def deadline(cloud: str, month: Month) -> datetime | None:
    """Return until when a marketplace takes the usage of a month; None if no limit is known."""
    taken_for = _TAKEN_FOR.get(cloud)
    return month.end + taken_for if taken_for else None


def time_left(until: datetime, at: datetime) -> str:
    """Return how long there is, as people say it; empty once it has been over for two days."""
    left = until - at
    if left <= timedelta(0):
        return "deadline passed" if -left < _HOURS else ""
    if left < _SOON:
        return f"{counted(int(left / timedelta(minutes=1)), 'minute')} left"
    if left < _HOURS:
        return f"{counted(int(left / timedelta(hours=1)), 'hour')} left"
    return f"{counted(left.days, 'day')} left"


def taken_until(cloud: str, month: Month, at: datetime) -> str:
    """Say until when a marketplace takes a month's usage; empty if that is unknown or long over."""
    until = deadline(cloud, month)
    left = time_left(until, at) if until else ""
    takes = f"{_MARKETPLACES[cloud]} takes its usage until"
    return f"{takes} {format_instant(until)}: {left}" if until and left else ""


def checked(plan: Plan, month: Month, contracts: Iterable[ContractBill]) -> Iterator[str]:
    """Yield the limits of the marketplace, if it has any, that a month's bill is within."""
    if until := deadline(plan.cloud, month):
        yield f"{_MARKETPLACES[plan.cloud]} takes usage of this month until {format_instant(until)}"
    found = max(_quantities(contracts), default=None)
    if plan.cloud == "aws" and found and 0 < found[0] <= _MOST_FOR_AWS:
        most, contract, name = found
        largest = f"the largest of this month is {most:,}, {name} of {contract}"
        yield f"AWS takes quantities up to {_MOST_FOR_AWS:,}: {largest}"


def above_limit(plan: Plan, contracts: Iterable[ContractBill]) -> str:
    """Return the quantities that AWS does not take, and formulas that would scale them."""
    found = [
        (name, f"{contract} {name} {quantity}")
        for quantity, contract, name in _quantities(contracts)
        if plan.cloud == "aws" and quantity > _MOST_FOR_AWS
    ]
    if not found:
        return ""
    read = {name: plan.dimensions.get(name) for name, _ in found}
    formulas = (f'"{n}": "{f"({text})" if text else n} / 2**30"' for n, text in read.items())
    others = "" if plan.dimensions else ", and with one for each other dimension"
    return (
        f"AWS takes quantities up to {_MOST_FOR_AWS:,}; scale with a formula such as "
        f"{', '.join(some(formulas, 3))}{others}: {', '.join(some(text for _, text in found))}"
    )


def _quantities(contracts: Iterable[ContractBill]) -> Iterator[tuple[int, str, str]]:
    for contract in contracts:
        for name, text in contract.quantities.items():
            yield int(text), contract.contract_id, name
