"""What the receiver lists for a contract's month: rows placed in their window, or a doubt.

Not understood is not absent: a row that may be the contract's and cannot be placed never permits
sending. Filters are applied again here, because a listing that ignores one must not look like
acceptance.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from functions.domain.month import Month

_EPOCH = re.compile(r"\d{9,13}(\.\d+)?")
_MILLISECONDS_FROM = 10**11  # as seconds this is the year 5138
_SECONDS = (10**9, 2 * 10**9)  # 2001 to 2033: other digits may be a date
_SHOWN = 80
_FARTHEST_ZONE = timedelta(hours=14)

Status = Literal["billed", "not billed", "undecided"]
_STATUSES: Mapping[str, Status] = {"success": "billed", "fail": "not billed", "error": "not billed"}


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is stored for a dimension in the month.

    `whole`: its window begins with the month, as ours does; others cover a part of the month.
    `strayed`: it begins outside the month, and with no other month either.
    """

    record_id: str
    quantity: str
    status: Status = "billed"
    whole: bool = True
    strayed: bool = False


class Listing(msgspec.Struct, frozen=True):
    """What is stored, by dimension and row, and what could not be placed.

    `doubts`: why something may be stored that is not seen, by dimension; under "" for all of them.
    `strays`: records whose window is no month's, by dimension and row. The receiver may have moved
    one of ours there, by a time zone or to the moment when it came.
    """

    stored: dict[str, dict[str, Stored]] = {}
    doubts: dict[str, str] = {}
    strays: dict[str, dict[str, Stored]] = {}

    def of(self, dimension: str) -> tuple[Stored, ...]:
        """Return the records of a dimension that are billed, or may be."""
        return tuple(self.stored.get(_folded(dimension), {}).values())

    def doubt(self, dimension: str) -> str:
        """Return what may be a record of a dimension and cannot be placed; empty if nothing may."""
        return self.doubts.get(_folded(dimension)) or self.doubts.get("", "")

    def stray(self, dimension: str, quantity: str) -> str:
        """Return which record of this quantity may be of another window; empty if none may."""
        for record in self.strays.get(_folded(dimension), {}).values():
            if same_quantity(record.quantity, quantity):
                return f"record {record.record_id} has this quantity, but not the window of a month"
        return ""


def with_rows(listing: Listing, rows: Sequence[Any], contract: str, month: Month) -> Listing:
    """Return the listing with the rows of one page."""
    stored = {name: dict(records) for name, records in listing.stored.items()}
    doubts = dict(listing.doubts)
    strays = {name: dict(records) for name, records in listing.strays.items()}
    for index, row in enumerate(rows):
        match _place(row, contract, month):
            case dimension, str(doubt):
                doubts.setdefault(dimension, doubt)
            case dimension, Stored() as record:
                identity = record.record_id or f"{json.dumps(row, sort_keys=True)} {index}"
                of = strays if record.strayed else stored
                of.setdefault(dimension, {})[identity] = record
    return Listing(stored, doubts, strays)


def _place(row: object, contract: str, month: Month) -> tuple[str, Stored | str] | None:
    """Return a row's dimension and its record, or why it cannot be placed although it may be ours.

    None if it is another's, or not billed.
    """
    if not isinstance(row, Mapping):
        return "", f"{row!r} is not a record"[:_SHOWN]
    status = _STATUSES.get(str(row.get("status")).strip().casefold(), "undecided")
    same = same_contract(row.get("contract_id"), contract)
    dimension, begins = row.get("dimension"), read_time(row.get("start_time"))
    name = _folded(dimension) if isinstance(dimension, str) else ""
    inside = begins is None or month.start <= begins < month.end
    if same is False or status == "not billed" or not (inside or _may_stray(begins, month)):
        return None
    understood = {
        "contract_id": same,
        "dimension": name,
        "start_time": begins,
        "quantity": status != "billed" or read_quantity(row.get("quantity")) is not None,
    }
    if field := next((field for field, value in understood.items() if not value), ""):
        text = _text(f"record {row.get('id')}: {field} {row.get(field)!r} is not understood")
        return (name, text[: 2 * _SHOWN]) if inside else None
    return name, Stored(
        record_id=_text(row.get("id") or ""),
        quantity=_text(row.get("quantity")),
        status=status,
        whole=inside and begins is not None and begins < month.start + timedelta(hours=1),
        strayed=not inside,
    )


def _may_stray(begins: datetime | None, month: Month) -> bool:
    """Return True of a window outside the month, not long before it, that is no month's either."""
    if begins is None or begins < month.start - _FARTHEST_ZONE:
        return False
    return begins != Month.of(begins).start


def same_contract(listed: object, ours: str) -> bool | None:
    """Return True if two contract ids name the same contract; None if nobody can tell.

    UUIDs compare as UUIDs. Other ids that differ only in case may or may not be the same.
    """
    text = str(listed).strip() if isinstance(listed, str | int) else ""
    if not text or isinstance(listed, bool):
        return None
    if text == ours or (as_uuid(text) and as_uuid(text) == as_uuid(ours)):
        return True
    return None if text.casefold() == ours.casefold() else False


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the UUID that a text is, however it is written."""
    try:
        return uuid.UUID(text.strip().lower())
    except ValueError:
        return None


def spellings(contract: str) -> tuple[str, ...]:
    """Return how a contract id may be written: ours first; a UUID in lower and upper case, too."""
    usual = str(as_uuid(contract) or contract)
    return tuple(dict.fromkeys((contract, usual, usual.upper() if as_uuid(usual) else usual)))


def same_dimension(listed: object, ours: str) -> bool:
    """Return True if two dimension names are the same, but for case and blanks around them."""
    return isinstance(listed, str) and _folded(listed) == _folded(ours)


def _folded(dimension: str) -> str:
    return _text(dimension).casefold()


def _text(value: object) -> str:
    """Return a value as a text that can be kept; JSON may hold half a character."""
    return str(value).strip().encode(errors="replace").decode()


def read_time(value: object) -> datetime | None:
    """Read a time that has one sensible reading; None for anything else.

    ISO 8601 (without an offset it is UTC), a date, or seconds or milliseconds since 1970.
    """
    text = str(value).strip().upper()
    try:
        if _EPOCH.fullmatch(text):
            number = float(text)
            seconds = number / (1000 if number >= _MILLISECONDS_FROM else 1)
            known = _SECONDS[0] <= seconds < _SECONDS[1]
            return datetime.fromtimestamp(seconds, UTC) if known else None
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_quantity(value: object) -> Decimal | None:
    """Return a quantity as a number, None if it is not one."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def same_quantity(stored: object, ours: str) -> bool:
    """Return True if two quantities are the same number, however it is written."""
    number = read_quantity(stored)
    return number is not None and number == Decimal(ours)
