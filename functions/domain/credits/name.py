"""The name of a credits file: it alone decides which months the file speaks of."""

import re
from collections.abc import Sequence

from functions.domain.credits.cells import tidy
from functions.domain.month import Month
from functions.errors import BadCredits

MOST_MONTHS = 24

_NAME = re.compile(r"credits-([0-9]{4}-[0-9]{2})(?:_([0-9]{4}-[0-9]{2}))?\.csv")
_FIRST = Month(2006, 1)  # there was no AWS before
# A month in a name that is not right, the year first or last; and the number of a copy.
_YEAR, _MONTH, _COPY = "(20[0-9]{2})", "(0?[1-9]|1[0-2])", r"\([0-9]+\)|copy [0-9]+|v[0-9]+"
_MEANT = re.compile(rf"(?<![0-9])(?:{_YEAR}[-_. ]?{_MONTH}|{_MONTH}[-_. ]?{_YEAR})(?![0-9])")


def months_of(key: str, as_of: Month) -> list[Month]:
    """Return the months that a file's name speaks of, oldest first; BadCredits names the fault.

    The name is the whole key: a file in a folder is not a credits file.
    """
    found = _NAME.fullmatch(key)
    if found is None:
        raise BadCredits(f"{key}: {_advice(key)}")
    try:
        first, last = Month.parse(found[1]), Month.parse(found[2] or found[1])
    except ValueError as error:
        raise BadCredits(f"{key}: {error}") from error
    if first < _FIRST:
        raise BadCredits(f"{key}: {first} is before {_FIRST}")
    if last > as_of:
        raise BadCredits(f"{key}: {last} is in the future")
    if last < first:
        raise BadCredits(f"{key}: {first} is after {last}; the oldest month comes first")
    months = _from_to(first, last)
    if len(months) > MOST_MONTHS:
        raise BadCredits(f"{key}: {len(months)} months; a file has at most {MOST_MONTHS} months")
    return months


def _from_to(first: Month, last: Month) -> list[Month]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [first.plus(number) for number in range(count)]


def months_meant(key: str) -> list[Month]:
    """Return the months that a name holds although it is not right; none if that is not clear."""
    name = re.sub(_COPY, "", tidy(key.rpartition("/")[2]).casefold())
    meant = [Month(int(a or d), int(b or c)) for a, b, c, d in _MEANT.findall(name)]
    if re.search("[0-9]", _MEANT.sub("", name)) or len(meant) not in (1, 2):
        return []
    return _from_to(meant[0], meant[-1])


def is_range(key: str) -> bool:
    """Return True if a file's name spans months: a back-fill."""
    return len(set(re.findall(r"[0-9]{4}-[0-9]{2}", key))) > 1


def right_name(months: Sequence[Month]) -> str:
    """Return the name of a file of these months."""
    ends = dict.fromkeys((months[0], months[-1]))
    return f"credits-{'_'.join(map(str, ends))}.csv"


def _advice(key: str) -> str:
    """Explain how to name a file: by the months that its name holds, if nothing else is there."""
    if key.startswith("snapshots/"):
        return f'to put it back give {{"restore": "{key}"}}'
    folder, _, last = f"/{key}".rpartition("/")
    name, meant = tidy(last).casefold(), months_meant(key)
    several = "credits-YYYY-MM.csv, or credits-YYYY-MM_YYYY-MM.csv for several months,"
    right = right_name(meant) if meant else several
    kind = "" if ".csv" in name else "save it as CSV UTF-8, "
    if re.search(r"\.(gz|zip|bz2|xz|zst|7z)$", name):
        kind = "unpack it, "
    where = " to the root of the bucket" if folder else ""
    return f"{kind}name it {right} and upload it again{where}"
