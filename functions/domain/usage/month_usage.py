"""A month's bill with where it comes from: what MergeUsage hands to the states behind it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Self

import msgspec

from functions.domain.usage import usage_warnings
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.fold import Days, Total


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
            warnings=[*warnings, *usage_warnings.warnings(days, total, bill)],
            checks=list(usage_warnings.checks(days, total, bill)),
            days=days.digests,
            bill=bill,
        )
