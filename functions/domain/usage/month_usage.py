"""A month's bill with where it comes from: what MergeUsage hands to the states behind it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Self

import msgspec

from functions.domain.ledger.reading import same_dimension
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.fold import Days, Total
from functions.domain.usage.marketplace import above_limit, checked
from functions.domain.wording import counted, some


class MonthUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A month's bill with where it comes from; kept with the run for reports and audits.

    `hours`: how many have files; 0 if these are beside the hour folders. `checks`: what was looked
    at with nothing wrong. `days`: the digests of the days that it was added up from. `before`: the
    month that it is compared with, if there is one.
    """

    files: int
    hours: int = 0
    records: int
    duplicates: int
    dropped: dict[str, str]
    warnings: list[str]
    checks: list[str] = []
    days: dict[str, str]
    bill: MonthBill
    processed: list[str] = []
    before: str = ""

    @classmethod
    def of(cls, days: Days, total: Total, bill: MonthBill, warnings: Iterable[str] = ()) -> Self:
        """Return a month's bill with what it was added up from; more warnings come first."""
        dropped = sorted(total.dropped.items())
        return cls(
            files=total.files,
            hours=len(total.hours),
            records=total.records,
            duplicates=total.duplicates,
            dropped={name: f"{Decimal(value):f}" for name, value in dropped},
            warnings=[*warnings, *worth_a_look(days, total, bill)],
            checks=list(checks(days, total, bill)),
            days=days.digests,
            bill=bill,
        )


def checks(days: Days, total: Total, bill: MonthBill) -> Iterator[str]:
    """Yield what was looked at with nothing wrong: silence would leave that open."""
    if total.hours:  # files beside the hour folders say nothing of them
        hours = (days.end - days.month.start) // timedelta(hours=1)
        yield f"{len(total.hours)} of {counted(hours, 'hour')} have usage files"
    yield from checked(days.plan, days.month, bill.contracts)


def worth_a_look(days: Days, total: Total, bill: MonthBill) -> Iterator[str]:
    """Yield quantities that AWS does not take, twice written files, usage that is not billed."""
    month = days.month
    if above := above_limit(days.plan, bill.contracts):
        yield f"{month}: {above}"
    if total.files and not total.records:
        what = "check whether the export includes what customers pay for"
        yield f"{month}: none of {counted(total.files, 'usage file')} holds a record; {what}"
    if total.twins:
        also = f" and {total.twins - 1} more" if total.twins > 1 else ""
        yield f"{month}: identical files of one hour, which both count: {total.twin}{also}"
    billed = sorted({name for contract in bill.contracts for name in contract.quantities})
    if alike := [n for n in billed if sum(same_dimension(n, other) for other in billed) > 1]:
        yield f"{month}: alike dimensions are billed apart: {', '.join(map(repr, alike[:10]))}"
    if bill.quarantined:
        held = some((str(one) for one in bill.quarantined), 5)
        yield f"{month}: usage without externalPayerId is not billed: {', '.join(held)}"
    if bill.unbilled_dimensions:
        names = ", ".join(bill.unbilled_dimensions[:10])
        yield f"{month}: no formula reads the dimensions {names}"
