"""The files of a month: which hours they cover, and how they are cut into partitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from functions.domain.month import Month
from functions.domain.problem import Problem

_NAME = r"[^/]+\.json"
_PARTITION_BYTES = 512 * 1024 * 1024
_MAX_PARTITIONS = 744


class UsageFile(msgspec.Struct, frozen=True):
    """One exported object as it was listed; the ETag pins the content that is billed."""

    key: str
    etag: str
    size: int
    hour: str | None


def is_folder(key: str, size: int) -> bool:
    """Whether an object is only what the S3 console makes of an empty folder."""
    return key.endswith("/") and size == 0


def place(key: str, prefix: str, month: Month, *, etag: str, size: int) -> UsageFile | Problem:
    """Read a key's hour folder. The folder, not a record's timestamp, decides the month.

    Omnistrate stamps records up to an hour after the folder they are in.
    """
    rest = key.removeprefix(prefix)
    hourly = re.fullmatch(rf"([0-9]{{2}})/([0-9]{{2}})/{_NAME}", rest)
    if hourly is None:
        if re.fullmatch(_NAME, rest):
            return UsageFile(key, etag, size, None)
        return Problem(key=key, detail="not a usage file: expected [DD/HH/]NAME.json")
    day, hour = int(hourly[1]), int(hourly[2])
    if not 1 <= day <= month.hours // 24 or hour > 23:  # noqa: PLR2004
        return Problem(key=key, detail=f"{month} has no day {hourly[1]} hour {hourly[2]}")
    return UsageFile(key, etag, size, f"{hourly[1]}/{hourly[2]}")


def within(files: Iterable[UsageFile], month: Month, end: datetime) -> list[UsageFile]:
    """Return the files of hours before an end. Flat files say no hour and are in the month."""
    last = _folder(end - timedelta(hours=1))
    return [file for file in files if end >= month.end or (file.hour or last) <= last]


def missing_hours(
    month: Month, files: Iterable[UsageFile], *, end: datetime, earlier: bool, later: bool
) -> list[str]:
    """Return the hours (`DD/HH`) without a file between the plan's first and last hour.

    `end`: where the window ends. `earlier` and `later` say whether the plan has usage before the
    month or after the window. Files of the flat layout say nothing about hours, so with one of them
    nothing counts as missing.
    """
    folders = {file.hour for file in files}
    present = {hour for hour in folders if hour is not None}
    if len(present) < len(folders):
        return []
    count = int((end - month.start).total_seconds()) // 3600
    hours = _folders(month)[:count]
    first = 0 if earlier or not present else hours.index(min(present))
    last = count - 1 if later or not present else hours.index(max(present))
    if not present and not (earlier and later):
        return [] if later else list(hours)
    return [hour for hour in hours[first : last + 1] if hour not in present]


def partly_covered(month: Month, files: Iterable[UsageFile], end: datetime) -> list[str]:
    """Say so if a plan's usage begins or ends within the window: right once, then suspicious."""
    hours = sorted({file.hour for file in files if file.hour is not None})
    found = []
    if hours and hours[0] != _folder(month.start):
        found.append(f"{month}: the plan's usage begins with hour {hours[0]}")
    if hours and hours[-1] != _folder(end - timedelta(hours=1)):
        found.append(f"{month}: the plan's usage ends with hour {hours[-1]}")
    return found


@lru_cache(maxsize=48)
def _folders(month: Month) -> tuple[str, ...]:
    return tuple(_folder(month.start + timedelta(hours=hour)) for hour in range(month.hours))


def _folder(instant: datetime) -> str:
    return f"{instant:%d/%H}"


def ranges(hours: Sequence[str], *, shown: int = 5) -> str:
    """Write missing hours for a person: how many and the first few."""
    more = f" and {len(hours) - shown} more" if len(hours) > shown else ""
    return f"{len(hours)} ({', '.join(hours[:shown])}{more})"


def partitions(files: Sequence[UsageFile]) -> list[list[UsageFile]]:
    """Cut files, ordered by key, into partitions by size; an hour is never cut in two.

    Measurements are compared within an hour, so its files must be read by one reader. The flat
    layout has one "hour" of everything.
    """
    limit = max(_PARTITION_BYTES, sum(file.size for file in files) // _MAX_PARTITIONS)
    parts: list[list[UsageFile]] = []
    size, hour = 0, ""
    for file in sorted(files, key=lambda file: (file.hour or "", file.key)):
        if not parts or (size + file.size > limit and (file.hour or "") != hour):
            parts.append([])
            size = 0
        parts[-1].append(file)
        size, hour = size + file.size, file.hour or ""
    return parts
