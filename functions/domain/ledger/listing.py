"""What the receiver lists for a contract's month: rows placed in their window, or a doubt.

Not understood is not absent: a row that may be the contract's and cannot be placed never permits
sending. Filters are applied again here, because a listing that ignores one must not look like
acceptance.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Literal, Self

import msgspec
from msgspec.structs import replace

from functions.domain.ledger.reading import (
    as_text,
    not_billed,
    read_quantity,
    read_time,
    same_contract,
    same_dimension,
    same_quantity,
    taken_back,
)
from functions.domain.month import Month

_SHOWN = 80
_FARTHEST_ZONE = timedelta(hours=38)  # of the time of day, and a day more if only a date is listed

Status = Literal["billed", "not billed", "undecided"]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is stored for a dimension in the month.

    One that is not billed is kept, in case that it is listed in another way, too.
    `whole`: its window begins with the month, as ours does; others cover a part of the month.
    `strayed`: it begins outside the month, and with no other month either.
    """

    record_id: str
    quantity: str
    status: Status = "billed"
    whole: bool = True
    strayed: bool = False


class Listing(msgspec.Struct, frozen=True):
    """What is stored, by dimension as it is written and row, and what could not be placed.

    `doubts`: why something may be stored that is not seen, by dimension; under "" for all of them.
    `strays`: records whose window is no past month's, by dimension and row. The receiver may have
    moved one of ours there, by a time zone or to the moment when it came. `unclear`: what is said
    beside the records and not understood: after an unknown outcome nothing is absent then.
    """

    stored: dict[str, dict[str, Stored]] = {}
    doubts: dict[str, str] = {}
    strays: dict[str, dict[str, Stored]] = {}
    unclear: str = ""

    def of(self, dimension: str) -> tuple[Stored, ...]:
        """Return the records of a dimension that are billed, or may be."""
        return tuple(self.stored.get(dimension, {}).values())

    def doubt(self, dimension: str) -> str:
        """Return what may be a record of a dimension and cannot be placed; empty if nothing may."""
        return self.doubts.get(dimension) or self.doubts.get("", "")

    def stray(self, dimension: str, quantity: str) -> str:
        """Return which record of this quantity may be of another window; empty if none may."""
        for record in self.strays.get(dimension, {}).values():
            if same_quantity(record.quantity, quantity):
                return f"record {record.record_id} has this quantity, but not the window of a month"
        return ""

    def by(self, known: Collection[str]) -> Self:
        """Return what may be billed by these dimensions, which may be written in other ways.

        What is written as one of them is of that one. What may be of several is a doubt for all.
        """
        doubts = dict[str, str]()
        stored: dict[str, dict[str, Stored]] = {}
        strays: dict[str, dict[str, Stored]] = {}
        for written, text in self.doubts.items():
            doubts |= dict.fromkeys(_meant(written, known), text)
        for found, of in ((self.stored, stored), (self.strays, strays)):
            for written, rows in found.items():
                records = {row: one for row, one in rows.items() if one.status != "not billed"}
                if not records:
                    continue
                name, *others = _meant(written, known)
                of.setdefault(name, {}).update(records)
                text = f"records of {written!r} may be of {' or of '.join((name, *others))}"
                doubts |= dict.fromkeys((name, *others) if others else (), text)
        return replace(self, stored=stored, doubts=doubts, strays=strays)

    def without(self, known: Collection[str]) -> Self:
        """Return the listing without the records that are known to be of other months."""

        def left(found: Mapping[str, dict[str, Stored]]) -> dict[str, dict[str, Stored]]:
            return {
                dimension: {row: r for row, r in records.items() if r.record_id not in known}
                for dimension, records in found.items()
            }

        return replace(self, stored=left(self.stored), strays=left(self.strays))

    @property
    def has_moved(self) -> bool:
        """Whether a record is listed whose window is not a month's."""
        records = chain(*(found.values() for found in self.stored.values()))
        return any(map(len, self.strays.values())) or not all(record.whole for record in records)


def with_rows(
    listing: Listing, rows: Sequence[Any], contract: str, month: Month, now: datetime
) -> Listing:
    """Return the listing with the rows of one page, as they are read now."""
    stored = {name: dict(records) for name, records in listing.stored.items()}
    doubts = dict(listing.doubts)
    strays = {name: dict(records) for name, records in listing.strays.items()}
    for index, row in enumerate(rows):
        match _place(row, contract, month, now):
            case dimension, str(doubt):
                doubts.setdefault(dimension, doubt)
            case dimension, Stored() as record:
                of = (strays if record.strayed else stored).setdefault(dimension, {})
                name = identity(row, index)
                if of.setdefault(name, record) != record:  # it says two things of itself
                    of[name] = replace(record, status="undecided")
    return replace(listing, stored=stored, doubts=doubts, strays=strays)


def _meant(written: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the known dimensions that a written one may be; itself if it is none of them."""
    alike = sorted(name for name in known if same_dimension(written, name))
    return (written,) if written in known or not alike else tuple(alike)


def identity(row: object, index: int) -> str:
    """Return what tells a row from the others: its id, or all of it and its place on the page."""
    named = row.get("id") if isinstance(row, Mapping) else None
    return as_text(named) if named else f"{json.dumps(row, sort_keys=True)} {index}"


def _place(
    row: object, contract: str, month: Month, now: datetime
) -> tuple[str, Stored | str] | None:
    """Return a row's dimension and its record, or why it cannot be placed although it may be ours.

    None if it is another's, or says nothing and is not billed.
    """
    if not isinstance(row, Mapping):
        return "", f"{row!r} is not a record"[:_SHOWN]
    status = _status(row)
    same = same_contract(row.get("contract_id"), contract)
    dimension, begins = row.get("dimension"), read_time(row.get("start_time"))
    name = as_text(dimension) if isinstance(dimension, str) else ""
    inside = begins is None or month.start <= begins < month.end
    elsewhere = begins is not None and not inside and not _may_stray(begins, month, now)
    if same is False or elsewhere:
        return None
    number = read_quantity(row.get("quantity"))
    counted = status != "billed" or (number is not None and number > 0)
    understood = {"contract_id": same, "dimension": name, "start_time": begins, "quantity": counted}
    if field := next((field for field, value in understood.items() if not value), ""):
        text = as_text(f"record {row.get('id')}: {field} {row.get(field)!r} is not understood")
        return None if status == "not billed" else (name, text[: 2 * _SHOWN])
    return name, Stored(
        record_id=as_text(row.get("id") or ""),
        quantity=as_text(row.get("quantity")),
        status=status,
        whole=inside and begins is not None and begins < month.start + timedelta(hours=1),
        strayed=not inside,
    )


def _status(row: Mapping[str, Any]) -> Status:
    status = str(row.get("status")).strip().casefold()
    is_done = status == "success" and not taken_back(row)
    if not_billed(row) or (is_done and read_quantity(row.get("quantity")) == 0):
        return "not billed"
    return "billed" if is_done else "undecided"


def _may_stray(begins: datetime, month: Month, now: datetime) -> bool:
    """Return True of a window outside the month, not long before it, that is no past month's."""
    other = Month.of(begins)
    return begins >= month.start - _FARTHEST_ZONE and (begins != other.start or other.end > now)
