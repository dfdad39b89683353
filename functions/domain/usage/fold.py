"""A day's files added up. A fold says what the files hold; it is no state of billing."""

import decimal
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self

import msgspec

from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.usage.record import Group

_FORMAT = 1
# Every sum of admissible numbers fits in these digits; a sum that would round traps instead.
EXACT = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation])


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
    def read(cls, body: bytes, made_of: str) -> Self | None:
        """Return a stored fold, None if other code wrote it, or made it of something else."""
        try:
            found = msgspec.json.decode(body, type=cls)
        except msgspec.DecodeError:
            return None
        return found if found.made_of == made_of else None


def made_of(plan: Plan, digest: str) -> str:
    """Return what a fold depends on: this code, how duplicates are counted, and the files."""
    return f"{_FORMAT} {plan.duplicates} {digest}"


class Total:
    """Usage added up: that of a day file by file (a `Tally`), or a month's fold by fold."""

    def __init__(self) -> None:
        self.files = self.records = self.duplicates = self.twins = 0
        self.twin = ""
        self.hours: set[str] = set()
        self.dropped: dict[str, int | Decimal] = defaultdict(int)
        self.groups: dict[Group, int | Decimal] = defaultdict(int)

    def add(self, fold: Fold) -> None:
        """Add a day."""
        self.files += fold.files
        self.records += fold.records
        self.duplicates += fold.duplicates
        self.twins += fold.twins
        self.twin = self.twin or fold.twin
        self.hours.update(fold.hours)
        with decimal.localcontext(EXACT):
            for group, value in fold.sums:
                self.groups[group] += value
            for name, value in fold.dropped.items():
                self.dropped[name] += value

    def fold(self, made_of: str) -> Fold:
        """Return the sums as they are stored."""
        return Fold(
            made_of=made_of,
            hours=sorted(self.hours),
            files=self.files,
            records=self.records,
            duplicates=self.duplicates,
            dropped={name: Decimal(value) for name, value in self.dropped.items()},
            sums=[(group, Decimal(value)) for group, value in self.groups.items()],
            twins=self.twins,
            twin=self.twin,
        )


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
    """The days of a month in order, and what an execution has found of them."""

    plan: Plan
    month: Month
    read: dict[str, DayRead]

    @property
    def end(self) -> datetime:
        """Where the last of them ends."""
        day, _, hour = next(reversed(self.read)).partition("T")
        return self.month.start + timedelta(days=int(day) - bool(hour), hours=int(hour or 0))

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the days with files; they say what a month is billed from."""
        return {day: read.digest for day, read in self.read.items() if read.files}
