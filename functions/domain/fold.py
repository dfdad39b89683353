"""A day's files added up. A fold says what the files hold; it is no state of billing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from functions.domain.billing import MonthBill
from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.run_files import MonthUsage
from functions.domain.usage import EXACT, Group, Tally
from functions.domain.usage_files import FLAT

_FORMAT = 1


def version(plan: Plan) -> str:
    """Return what folds depend on beside the files: this code, and how duplicates are counted."""
    return f"{_FORMAT} {plan.duplicates}"


class FoldHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a fold was made of; enough to see whether it can be used as it is."""

    version: str
    digest: str


def is_of(body: bytes, head: FoldHead) -> bool:
    """Return True if a stored fold was made of these files, by this code and this rule."""
    try:
        return msgspec.json.decode(body, type=FoldHead) == head
    except msgspec.DecodeError:
        return False


class Fold(FoldHead, frozen=True, kw_only=True):
    """A day's sums, with which files (by digest) and hours they are of.

    Decimals are written as text, because JSON readers make floats of numbers. `twins`: how many
    files repeat another one of their hour and count as well; `twin`: the first.
    """

    hours: list[str]
    files: int
    records: int
    duplicates: int
    dropped: dict[str, Decimal]
    sums: list[tuple[Group, Decimal]]
    twins: int = 0
    twin: str = ""

    @classmethod
    def of(cls, tally: Tally, head: FoldHead, hours: set[str | None]) -> Fold:
        """Return a day's sums as they are stored."""
        return cls(
            version=head.version,
            digest=head.digest,
            hours=sorted(hour for hour in hours if hour),
            files=tally.files,
            records=tally.records,
            duplicates=tally.duplicates,
            dropped={name: Decimal(value) for name, value in tally.dropped.items()},
            sums=[(_exact(group), Decimal(value)) for group, value in tally.groups.items()],
            twins=tally.twins,
            twin=tally.twin,
        )


def _exact(group: Group) -> Group:
    contract, dimension, price, subscription = group
    return contract, dimension, None if price is None else Decimal(price), subscription


class DayRead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an execution has found of a day: its digest, or why there is no fold of it.

    `problems`: the key of what is wrong with the files. `error`: why they could not be read now.
    """

    day: str = ""
    digest: str = ""
    files: int = 0
    problems: str = ""
    error: str = ""


class Days(NamedTuple):
    """The days of a month, and what an execution has found of them."""

    plan: Plan
    month: Month
    names: list[str]
    read: dict[str, DayRead]

    @property
    def end(self) -> datetime:
        """Where the last of them ends."""
        day, _, hour = self.names[-1].partition("T")
        return self.month.start + timedelta(days=int(day) - bool(hour), hours=int(hour or 0))

    @property
    def are_sound(self) -> bool:
        """Every day was found, with nothing wrong."""
        found = (self.read.get(name) for name in self.names)
        return all(read and not read.error and not read.problems for read in found)

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the days with files; they say what a month is billed from."""
        return {day: read.digest for day, read in self.read.items() if read.files}


class MonthTotal:
    """The folds of a month's days, added up one by one."""

    def __init__(self) -> None:
        self.files = self.flat_files = self.records = self.duplicates = self.twins = 0
        self.twin = ""
        self.hours: set[str] = set()
        self.dropped: dict[str, Decimal] = {}
        self.sums: dict[Group, Decimal] = {}

    def add(self, day: str, fold: Fold) -> None:
        """Add a day."""
        self.files += fold.files
        self.flat_files += fold.files if day == FLAT else 0
        self.records += fold.records
        self.duplicates += fold.duplicates
        self.twins += fold.twins
        self.twin = self.twin or fold.twin
        self.hours.update(fold.hours)
        nothing = Decimal(0)
        for group, value in fold.sums:
            self.sums[group] = EXACT.add(self.sums.get(group, nothing), value)
        for name, value in fold.dropped.items():
            self.dropped[name] = EXACT.add(self.dropped.get(name, nothing), value)

    def by_dimension(self) -> dict[str, str]:
        """Return the usage of all contracts, and of none, by dimension."""
        found: dict[str, Decimal] = {}
        for (_, dimension, _, _), value in self.sums.items():
            found[dimension] = EXACT.add(found.get(dimension, Decimal(0)), value)
        return {name: f"{value:f}" for name, value in sorted(found.items())}

    def usage(self, bill: MonthBill, days: Days, warnings: list[str]) -> MonthUsage:
        """Return a month's bill with what it was added up from."""
        return MonthUsage(
            files=self.files,
            records=self.records,
            duplicates=self.duplicates,
            dropped={name: f"{value:f}" for name, value in sorted(self.dropped.items())},
            warnings=warnings,
            days=days.digests,
            bill=bill,
        )
