"""Usage records -> exact sums. One `Tally` per day; days add up in any order.

A record is read for the few fields that decide money. `externalPayerId` is the contract id; one
without it is kept apart (quarantined), never dropped. Numbers are `int` or `Decimal` from the text
of the file, never a float.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from functions.domain.usage.fold import EXACT, Total
from functions.domain.usage.problem import Problem, line_of_error, line_of_record
from functions.domain.usage.record import (
    Group,
    Money,
    Record,
    checked,
    decode_money,
    decode_records,
    duplicate_keys,
    group_of,
    identity,
    is_number,
    may_repeat_money,
    repeated_in,
    shown,
)

MAX_PROBLEMS = 100
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Measured = tuple[int | Decimal, Group]


class Tally(Total):
    """Running sums of a day, plus what could not be summed. Complete after `end_hour`."""

    def __init__(self, *, duplicates: str) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        self._known: dict[tuple[Any, ...], Group] = {}
        self._largest = duplicates == "max"
        self._hour: str | None = None
        self._files: list[tuple[str, bytes]] = []
        self._seen: dict[tuple[Any, ...], _Measured] = {}
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
            self.hours.add(hour)
            self._files.append((key, body))
        else:
            self._add_closely(key, body)

    def end_hour(self) -> None:
        """Add up the files of the hour that was read.

        A contract and dimension that occur once in their hour have nothing to be compared with:
        the four fields that make money are enough of their file. Others are read with all fields.
        """
        money = [_money_of(body) for _, body in self._files]
        repeated = repeated_in(money)
        for index, (key, body) in enumerate(self._files):
            if index in repeated or not self._add_money(body, money[index]):
                self._add_closely(key, body)
        self._files.clear()
        self._seen.clear()
        self._bodies.clear()

    def _add_money(self, body: bytes, records: Sequence[Money] | None) -> bool:
        """Add a file by its four fields; False, and nothing added, if it takes a closer look."""
        if records is None or may_repeat_money(body, records):
            return False
        known, keys = self._known, list(map(group_of, records))
        try:
            new = [at for at, key in enumerate(keys) if key not in known]
        except TypeError:  # a list or an object where a price should be
            return False
        for at in new:
            refused, group = checked(records[at])
            if refused or group[0] is None:
                return False
            known[keys[at]] = group
        values = [record.value for record in records]
        flags = bool in {type(record.pricePerUnit) for record in records}  # equal to 0 and 1
        if flags or not all(map(is_number, values)):
            return False
        self.records += len(records)
        with decimal.localcontext(EXACT):
            for group, value in zip(map(known.__getitem__, keys), values, strict=True):
                self.groups[group] += value
        return True

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
        if not is_number(value):
            return f"value {shown(value)} is not a number of zero or more"
        refused, group = checked(record)
        if refused:
            return refused
        if group[0] is None:
            group = (*group[:3], str(record.subscriptionId or "(missing)")[:80])
        if self._largest and (record.podName or record.instanceId):
            return self._add_once(record, value, group)
        self.groups[group] += value
        return None

    def _add_once(self, record: Record, value: int | Decimal, group: Group) -> str | None:
        """Count the larger of two measurements of one pod, hour and dimension."""
        measured = identity(record, self._hour)
        if measured is None:
            return f"timestamp {shown(record.timestamp)} says no hour, nor does the folder"
        try:
            earlier = self._seen.get(measured)
        except TypeError:
            return f"identity {shown(measured)} is not text"
        if earlier is None:
            self._seen[measured] = (value, group)
            self.groups[group] += value
            return None
        self.duplicates += 1
        kept, dropped = sorted((earlier, (value, group)), key=_by_size, reverse=True)
        self._seen[measured] = kept
        self.groups[earlier[1]] -= earlier[0]
        self.groups[kept[1]] += kept[0]
        self.dropped[group[1]] += dropped[0]
        return None

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


def _by_size(measured: _Measured) -> tuple[int | Decimal, int | Decimal]:
    price = measured[1][2]  # of two equal ones the one with a price
    return measured[0], -1 if price is None else price


def _not_records(error: Exception, body: bytes) -> str:
    mark = "it starts with a byte order mark; " if body.startswith(b"\xef\xbb\xbf") else ""
    return f"not a JSON array of records: {mark}{error}"
