"""What an operator has to know of a month's usage, said with its bill."""

from collections.abc import Iterator
from datetime import timedelta

from functions.domain.usage.bill import MonthBill
from functions.domain.usage.fold import Days, Total
from functions.domain.usage.marketplace import above_limit, checked
from functions.domain.wording import counted, some


def checks(days: Days, total: Total, bill: MonthBill) -> Iterator[str]:
    """Yield what was looked at with nothing wrong: silence would leave that open."""
    if total.hours:  # files beside the hour folders say nothing of them
        hours = (days.end - days.month.start) // timedelta(hours=1)
        yield f"{len(total.hours)} of {counted(hours, 'hour')} have usage files"
    yield from checked(days.plan, days.month, bill.contracts)


def warnings(days: Days, total: Total, bill: MonthBill) -> Iterator[str]:
    """Yield quantities that AWS does not take, twice written files, usage that is not billed."""
    month = days.month
    if above := above_limit(days.plan, bill.contracts):
        yield f"{month}: {above}"
    if total.twins:
        also = f" and {total.twins - 1} more" if total.twins > 1 else ""
        yield f"{month}: identical files of one hour, which both count: {total.twin}{also}"
    if bill.quarantined:
        held = some((str(one) for one in bill.quarantined), 5)
        yield f"{month}: usage without externalPayerId is not billed: {', '.join(held)}"
    if bill.unbilled_dimensions:
        names = ", ".join(bill.unbilled_dimensions[:10])
        yield f"{month}: no formula reads the dimensions {names}"
