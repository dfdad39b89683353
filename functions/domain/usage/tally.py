"""Usage records -> exact sums. One `Tally` per day; days add up in any order.

A record is read for the few fields that decide money. `externalPayerId` is the contract id; one
without it is kept apart (quarantined), never dropped. Numbers are `int` or `Decimal` from the text
of the file, never a float.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from functions.domain.month import parse_instant
from functions.domain.usage.problem import Problem, line_of_error, line_of_record
from functions.domain.usage.record import (
    LIMIT,
    Inadmissible,
    Money,
    Record,
    decode_money,
    decode_records,
    duplicate_keys,
    may_repeat_money,
)

# Every sum of admissible numbers fits in these digits; a sum that would round traps instead.
EXACT = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation])
# As it stands in a key of the ledger: S3 allows 1,024 bytes for all of it.
_LONGEST_ID = 400
MAX_PROBLEMS = 100
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# What sums are kept by: contract, dimension, price per unit, and the subscription only where there
# is no contract, so that somebody can find out who should have paid. A bare tuple: this is hot.
Group = tuple[str | None, str, int | Decimal | None, str | None]

_pair_of = attrgetter("externalPayerId", "dimension")
_group_of = attrgetter("externalPayerId", "dimension", "pricePerUnit")
_identity_of = attrgetter(
    "externalPayerId", "dimension", "subscriptionId", "instanceId", "podName", "hostName"
)
_Measured = tuple[int | Decimal, Group]
_Counted = tuple[Group, int | Decimal]


class Tally:
    """Running sums of a day, plus what could not be summed. Complete after `end_hour`."""

    def __init__(self, *, duplicates: str) -> None:
        self.problems: list[Problem] = []
        self.files = 0
        self.records = 0
        self.duplicates = 0
        self.dropped: dict[str, int | Decimal] = {}
        self.groups: dict[Group, int | Decimal] = {}
        self._known: dict[tuple[Any, ...], Group] = {}
        self._largest = duplicates == "max"
        self._hour: str | None = None
        self._files: list[tuple[str, bytes]] = []
        self._seen: dict[tuple[Any, ...], _Measured] = {}
        self.twins, self.twin = 0, ""
        self._bodies: dict[int, str] = {}

    def add_file(self, key: str, hour: str | None, body: bytes) -> None:
        """Add one file. `hour` is its folder, None in the flat layout.

        Files of one hour must follow each other: two records of the same hour and pod are one
        measurement taken twice, and the larger one counts.
        """
        if hour != self._hour:
            self.end_hour()
            self._hour = hour
        self.files += 1
        if hour:
            self._files.append((key, body))
        else:
            self._add_closely(key, body)

    def end_hour(self) -> None:
        """Add up the files of the hour that was read.

        A contract and dimension that occur once in their hour have nothing to be compared with:
        the four fields that make money are enough of their file. Others are read with all fields.
        """
        money = [_money_of(body) for _, body in self._files]
        repeated = _with_repeated(money)
        for index, (key, body) in enumerate(self._files):
            records, counted = money[index], None
            if (
                records is not None
                and index not in repeated
                and not may_repeat_money(body, records)
            ):
                counted = self._counted(records)
            if counted is None:
                self._add_closely(key, body)
                continue
            self.records += len(counted)
            with decimal.localcontext(EXACT):
                for group, value in counted:
                    self.groups[group] = self.groups.get(group, 0) + value
        self._files.clear()
        self._seen.clear()
        self._bodies.clear()

    def _counted(self, records: Sequence[Money]) -> list[_Counted] | None:
        """Return each record's group and value, None if one of them takes a closer look."""
        known, keys = self._known, list(map(_group_of, records))
        try:
            new = [at for at, key in enumerate(keys) if key not in known]
        except TypeError:  # a list or an object where a price should be
            return None
        for at in new:
            refused, group = _checked(records[at])
            if refused or group[0] is None:
                return None
            known[keys[at]] = group
        values = [record.value for record in records]
        flags = bool in {type(record.pricePerUnit) for record in records}  # equal to 0 and 1
        if flags or not all(map(_is_number, values)):
            return None
        return list(zip(map(known.__getitem__, keys), values, strict=True))

    def _add_closely(self, key: str, body: bytes) -> None:
        try:
            records = decode_records(body)
        except _UNREADABLE as error:
            detail = _not_records(error, body)
            self.add_problem(Problem(key=key, line=line_of_error(body, error), detail=detail))
            return
        self.records += len(records)
        with decimal.localcontext(EXACT):
            try:
                for index, record in enumerate(records):
                    if refused := self._add(record):
                        self._refuse(key, body, index, refused)
                for index, name in duplicate_keys(body, records):
                    self._refuse(key, body, index, f"duplicate key {name!r}")
                self._note_twin(key, records, body)
            except RecursionError:  # while a refused record was to be explained
                self.add_problem(Problem(key=key, detail="a record is nested too deeply"))

    def _note_twin(self, key: str, records: list[Record], body: bytes) -> None:
        """Count a file with the same content as another one of its hour, if both count."""
        once = self._largest and all(record.podName or record.instanceId for record in records)
        first = key if once or not records else self._bodies.setdefault(hash(body), key)
        if first != key:
            self.twins += 1
            self.twin = self.twin or f"{first} and {key}"

    def _add(self, record: Record) -> str | None:
        value = record.value
        if not _is_number(value):
            return f"value {_shown(value)} is not a number of zero or more"
        refused, group = _checked(record)
        if refused:
            return refused
        if group[0] is None:
            group = (*group[:3], str(record.subscriptionId or "(missing)")[:80])
        if self._largest and (record.podName or record.instanceId):
            return self._add_once(record, value, group)
        self.groups[group] = self.groups.get(group, 0) + value
        return None

    def _add_once(self, record: Record, value: int | Decimal, group: Group) -> str | None:
        """Count the larger of two measurements of one pod, hour and dimension."""
        identity = self._identity(record)
        if identity is None:
            return f"timestamp {_shown(record.timestamp)} says no hour, nor does the folder"
        try:
            earlier = self._seen.get(identity)
        except TypeError:
            return f"identity {_shown(identity)} is not text"
        groups = self.groups
        if earlier is None:
            self._seen[identity] = (value, group)
            groups[group] = groups.get(group, 0) + value
            return None
        self.duplicates += 1
        kept, dropped = sorted((earlier, (value, group)), key=_by_size, reverse=True)
        self._seen[identity] = kept
        groups[earlier[1]] -= earlier[0]
        groups[kept[1]] = groups.get(kept[1], 0) + kept[0]
        self.dropped[group[1]] = self.dropped.get(group[1], 0) + dropped[0]
        return None

    def _identity(self, record: Record) -> tuple[Any, ...] | None:
        """Return what two measurements of the same thing share; None if nothing says the hour."""
        identity = _without_blanks(_identity_of(record))
        if self._hour:
            return identity
        hour = _clock_hour(record.timestamp)
        return None if hour is None else (*identity, hour)

    def _refuse(self, key: str, body: bytes, index: int, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:  # the line of each of 10,000 records takes minutes
            self.add_problem(Problem(key=key, line=line_of_record(body, index), detail=detail))

    def add_problem(self, problem: Problem) -> None:
        """Note why something cannot be summed; past the first hundred they are not kept."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def _money_of(body: bytes) -> list[Money] | None:
    """Return the four fields of each record, None if they cannot be read."""
    try:
        return decode_money(body)
    except _UNREADABLE:
        return None


def _with_repeated(files: Sequence[Sequence[Money] | None]) -> set[int]:
    """Return the files of an hour in which a contract and dimension occur again, by index."""
    first: dict[tuple[Any, Any], int] = {}
    found: set[int] = set()
    try:
        pairs = set(map(_pair_of, chain.from_iterable(records or () for records in files)))
        if len(pairs) == sum(len(records or ()) for records in files):
            return found
        for index, records in enumerate(files):
            for record in records or ():
                pair = _pair_of(record)
                if pair in first:
                    found |= {index, first[pair]}
                else:
                    first[pair] = index
    except TypeError:  # a list or an object where a name should be
        return set(range(len(files)))
    return found


def _is_number(value: object) -> bool:
    return type(value) is Decimal or (type(value) is int and 0 <= value < LIMIT)


def _checked(record: Money) -> tuple[str | None, Group]:
    """Explain why a record's names or price are no good, and which group it belongs to."""
    contract, dimension = record.externalPayerId, record.dimension
    price = None if record.pricePerUnit is UNSET else record.pricePerUnit
    refused = None
    if type(dimension) is not str or not dimension.strip():
        refused = f"dimension {_shown(dimension)} is not a name"
    elif price is not None and not _is_number(price):
        refused = f"pricePerUnit {_shown(price)} is not a number of zero or more"
    elif contract in (None, UNSET) or (type(contract) is str and not contract.strip()):
        contract = None
    elif not _is_contract_id(contract):
        refused = f"externalPayerId {_shown(contract)} is not a contract id"
    return refused, (contract, dimension, price, None)


def _is_contract_id(value: object) -> bool:
    return (
        type(value) is str
        and value.isprintable()
        and value == value.strip()
        and len(quote(value, safe="")) <= _LONGEST_ID
    )


def _by_size(measured: _Measured) -> tuple[int | Decimal, int | Decimal]:
    price = measured[1][2]  # of two equal ones the one with a price
    return measured[0], -1 if price is None else price


def _without_blanks(identity: tuple[Any, ...]) -> tuple[Any, ...]:
    """Take an empty name for none: both are written where there is nothing to name."""
    return tuple(None if part == "" else part for part in identity)


def _clock_hour(timestamp: object) -> str | None:
    """Return the hour of a record in the flat layout, which has no hour folders."""
    try:
        return f"{parse_instant(timestamp):%Y-%m-%dT%H}"
    except ValueError:
        return None


def _shown(value: object) -> str:
    if value is None:
        return "(missing)"
    if isinstance(value, Inadmissible):
        return f"{str(value)[:80]} (negative, or too many digits)"
    return str(value)[:80] if isinstance(value, Decimal) else repr(value)[:80]


def _not_records(error: Exception, body: bytes) -> str:
    mark = "it starts with a byte order mark; " if body.startswith(b"\xef\xbb\xbf") else ""
    return f"not a JSON array of records: {mark}{error}"
