"""The name of a credits file: it alone decides which months the file speaks of."""

from __future__ import annotations

import re

from functions.domain.month import Month
from functions.errors import BadCredits

MOST_MONTHS = 24

_NAME = re.compile(r"credits-([0-9]{4}-[0-9]{2})(?:_([0-9]{4}-[0-9]{2}))?\.csv")
_FIRST = Month(2006, 1)  # there was no AWS before


def months_of(key: str, as_of: Month) -> list[Month]:
    """Return the months that a file's name speaks of, oldest first; BadCredits names the fault.

    The name is the whole key: a file in a folder is not a credits file.
    """
    found = _NAME.fullmatch(key)
    if found is None:
        raise BadCredits(
            f"{key}: a credits file is named credits-YYYY-MM.csv or credits-YYYY-MM_YYYY-MM.csv "
            "and lies at the top of the bucket"
        )
    try:
        first, last = Month.parse(found[1]), Month.parse(found[2] or found[1])
    except ValueError as error:
        raise BadCredits(f"{key}: {error}") from error
    if first < _FIRST:
        raise BadCredits(f"{key}: {first} is before {_FIRST}")
    if last > as_of:
        raise BadCredits(f"{key}: {last} is in the future")
    if last < first:
        raise BadCredits(f"{key}: {first} lies after {last}; the oldest month comes first")
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count > MOST_MONTHS:
        raise BadCredits(f"{key}: {count} months; a file has at most {MOST_MONTHS} months")
    return [first.plus(number) for number in range(count)]


def is_range(key: str) -> bool:
    """Say whether a file's name spans months: a back-fill."""
    return "_" in key
