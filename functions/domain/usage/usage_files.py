"""The files of a month by day, the unit that is read, and which hours they cover."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from functions.domain.month import Month
from functions.domain.usage.problem import Problem

FLAT = "flat"
_BEHIND = "99"  # every hour
_PLACE = re.compile(r"(?:([0-9]{2}/[0-9]{2})/)?[^/]+\.json")


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One line of a listing; the ETag pins the content that is billed. `hour`: a file's folder."""

    key: str
    etag: str
    size: int
    hour: str | None = None


def days(month: Month, end: datetime) -> list[str]:
    """Return what is folded of a month up to an hour: the flat files and every day, `DD`.

    A day that is cut by the end is another one, `DDTHH`: its fold holds the hours before `HH`.
    """
    whole, hours = divmod((end - month.start) // timedelta(hours=1), 24)
    cut = [f"{whole + 1:02d}T{hours:02d}"] if hours else []
    return [FLAT, *(f"{day:02d}" for day in range(1, whole + 1)), *cut]


def place(listed: Listed, prefix: str, month: Month) -> Listed | Problem:
    """Read a key's hour folder. The folder, not a record's timestamp, decides the month.

    The export stamps records up to an hour after the folder they are in.
    """
    key = listed.key
    hourly = _PLACE.fullmatch(key.removeprefix(prefix))
    if hourly is None:
        return Problem(key=key, detail="not a usage file: expected [DD/HH/]NAME.json")
    last = f"{month.hours // 24}"
    if (hour := hourly[1]) and not ("01" <= hour[:2] <= last and hour[3:] < "24"):
        return Problem(key=key, detail=f"{month} has no day {hour[:2]} hour {hour[3:]}")
    return Listed(key, listed.etag, listed.size, hour)


def of_day(day: str, files: Iterable[Listed]) -> list[Listed]:
    """Return a day's files in the order in which they are read: an hour is never cut in two."""
    cut = day.replace("T", "/") if "T" in day else _BEHIND
    kept = (file for file in files if (file.hour or "") < cut)
    return sorted(kept, key=lambda file: (file.hour or "", file.key))


def digest(files: Iterable[Listed]) -> str:
    """Return what stands for a day's files: their keys, ETags and sizes, in order."""
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.key}\n{file.etag}\n{file.size}\n".encode())
    return found.hexdigest()


def missing_hours(
    month: Month, present: Collection[str], *, end: datetime, earlier: bool, later: bool
) -> list[str]:
    """Return the hours (`DD/HH`) without a file between the plan's first and last hour.

    `end`: where the window ends. `earlier` and `later` say whether the plan has usage before the
    month or after the window.
    """
    hours = _hours(month, end)
    first = hours[0] if earlier else min(present, default=_BEHIND)
    last = hours[-1] if later else max(present, default=hours[-1])
    return [hour for hour in hours if first <= hour <= last and hour not in present]


def partly_covered(month: Month, present: Collection[str], end: datetime) -> Iterator[str]:
    """Warn if a plan's usage begins or ends within the window: right once, then suspicious."""
    hours = _hours(month, end) if present else []
    if hours and (before := hours.index(first := min(present))):
        yield f"{month}: the plan's usage begins with hour {first}, {before} hours into it"
    if hours and (after := len(hours) - 1 - hours.index(last := max(present))):
        yield f"{month}: the plan's usage ends with hour {last}, {after} hours before the end"


def _hours(month: Month, end: datetime) -> list[str]:
    hours = range((end - month.start) // timedelta(hours=1))
    return [f"{at // 24 + 1:02d}/{at % 24:02d}" for at in hours]
