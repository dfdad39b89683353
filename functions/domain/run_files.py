"""What one execution writes for itself under `runs/` (or `previews/`) between its states."""

from __future__ import annotations

import msgspec

from functions.domain.billing import MonthBill
from functions.domain.problem import Problem


class Sum(msgspec.Struct, frozen=True, array_like=True):
    """One group's sum; numbers as text, because JSON readers make floats of them."""

    contract: str | None
    dimension: str
    price: str | None
    subscription: str | None
    quantity: str


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition comes to, or why it does not."""

    files: int
    records: int
    duplicates: int
    dropped: dict[str, str]
    problems: list[Problem]
    sums: list[Sum]


class MonthUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A month's bill with where it comes from; kept with the run for reports and audits."""

    files: int
    records: int
    duplicates: int
    dropped: dict[str, str]
    warnings: list[str]
    processed: list[str]
    bill: MonthBill
