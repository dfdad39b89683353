"""A month's bill with where it comes from: what MergeUsage hands to the states behind it."""

from __future__ import annotations

import msgspec

from functions.domain.usage.bill import MonthBill


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
