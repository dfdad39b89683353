"""A day's files added up. A fold says what the files hold; it is no state of billing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.usage.record import Group
from functions.domain.usage.tally import EXACT, Tally

_FORMAT = 1
_NOTHING = Decimal(0)


def made_of(plan: Plan, digest: str) -> str:
    """Return what a fold depends on: this code, how duplicates are counted, and the files."""
    return f"{_FORMAT} {plan.duplicates} {digest}"


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """A day's sums, with what they were made of and the hours that have files.

    Decimals are written as text, because JSON readers make floats of numbers. `twins`: how many
    files repeat another one of their hour and count as well; `twin`: the first.
    """

    made_of: str
    hours: list[str]
    files: int
    records: int
    duplicates: int
    dropped: dict[str, Decimal]
    sums: list[tuple[Group, Decimal]]
    twins: int
    twin: str

    @classmethod
    def read(cls, body: bytes) -> Fold | None:
        """Return a stored fold, None if other code wrote it."""
        try:
            return msgspec.json.decode(body, type=cls)
        except msgspec.DecodeError:
            return None

    @classmethod
    def of(cls, tally: Tally, made_of: str, hours: set[str | None]) -> Fold:
        """Return a day's sums as they are stored."""
        return cls(
            made_of=made_of,
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

    `problems`: the key of what is wrong with the files. `error`, `cause`: why they could not be
    read now.
    """

    day: str = ""
    digest: str = ""
    files: int = 0
    problems: str = ""
    error: str = ""
    cause: str = ""


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

    def add(self, fold: Fold) -> None:
        """Add a day."""
        self.files += fold.files
        self.flat_files += 0 if fold.hours else fold.files
        self.records += fold.records
        self.duplicates += fold.duplicates
        self.twins += fold.twins
        self.twin = self.twin or fold.twin
        self.hours.update(fold.hours)
        for group, value in fold.sums:
            self.sums[group] = EXACT.add(self.sums.get(group, _NOTHING), value)
        for name, value in fold.dropped.items():
            self.dropped[name] = EXACT.add(self.dropped.get(name, _NOTHING), value)

    def by_dimension(self) -> dict[str, str]:
        """Return the usage of all contracts, and of none, by dimension."""
        found: dict[str, Decimal] = {}
        for (_, dimension, _, _), value in self.sums.items():
            found[dimension] = EXACT.add(found.get(dimension, _NOTHING), value)
        return {name: f"{value:f}" for name, value in sorted(found.items())}

    def usage(self, bill: MonthBill, days: Days, warnings: list[str]) -> MonthUsage:
        """Return a month's bill with what it was added up from."""
        return MonthUsage(
            files=self.files,
            hours=len(self.hours),
            records=self.records,
            duplicates=self.duplicates,
            dropped={name: f"{value:f}" for name, value in sorted(self.dropped.items())},
            warnings=warnings,
            days=days.digests,
            bill=bill,
        )
