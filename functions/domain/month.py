"""A calendar month in UTC: the unit that is billed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_PATTERN = re.compile(r"(?!0000)([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """One month; ordered, hashable, written `YYYY-MM`."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read `YYYY-MM`; anything else is a ValueError that names the value."""
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{text!r} is not a month (YYYY-MM)")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, instant: datetime) -> Self:
        """Return the month that holds an instant."""
        utc = instant.astimezone(UTC)
        return cls(utc.year, utc.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def plus(self, months: int) -> Self:
        """Return the month so many months later (earlier when negative)."""
        years, index = divmod(self.month - 1 + months, 12)
        return type(self)(self.year + years, index + 1)

    @property
    def start(self) -> datetime:
        """The first instant of the month."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the month."""
        return self.plus(1).start

    def window_end(self, until: str | None) -> datetime:
        """Return where what is billed of the month ends: at `until`, if that comes first."""
        return self.end if until is None else min(parse_instant(until), self.end)

    def last_second(self, until: str | None = None) -> datetime:
        """Return the last whole second of what is billed, as the receivers want it."""
        return self.window_end(until) - timedelta(seconds=1)

    @property
    def hours(self) -> int:
        """How many hours the month has."""
        return int((self.end - self.start).total_seconds()) // 3600

    @property
    def path(self) -> str:
        """`YYYY/MM`, as in the keys of the usage bucket."""
        return f"{self.year:04d}/{self.month:02d}"


def parse_instant(text: object) -> datetime:
    """Read an ISO 8601 timestamp that says its offset; ValueError names the value."""
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"{text!r} is not a timestamp with an offset (2025-07-25T20:15:32Z)")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is no instant of the years 1 to 9999 in UTC") from error


def format_instant(instant: datetime) -> str:
    """Write an instant as `YYYY-MM-DDTHH:MM:SSZ`."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
