"""Usage records -> exact sums. One `Tally` per day; days add up in any order.

A record is read for the few fields that decide money. `externalPayerId` is the contract id; one
without it is kept apart (quarantined), never dropped. Numbers are `int` or `Decimal` from the text
of the file, never a float.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from itertools import starmap
from operator import itemgetter
from typing import Any

import msgspec

from functions.domain.usage.fold import EXACT, Total
from functions.domain.usage.problem import Problem, line_of_error, line_of_record
from functions.domain.usage.record import (
    Group,
    Money,
    Record,
    decode_money,
    decode_records,
    duplicate_keys,
    group_of,
    identity,
    is_number,
    may_repeat,
    names_of,
    repeated_in,
    shown,
)

MAX_PROBLEMS = 100
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Measured = tuple[int | Decimal, Group]
_contract_of = itemgetter(0)


class Tally(Total):
    """Running sums of a day, plus what could not be summed. Complete after `end_hour`."""

    def __init__(self, *, duplicates: str) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        # Typed, because True is equal to 1 and is no price.
        self._group_of = lru_cache(maxsize=None, typed=True)(group_of)
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
        if records is None or may_repeat(body, records):
            return False
        try:
            groups = list(starmap(self._group_of, map(names_of, records)))
        except (TypeError, ValueError):  # a list where a name should be, or one that is no good
            return False
        values = [record.value for record in records]
        whole = [value for value in values if type(value) is not Decimal]
        if None in map(_contract_of, groups) or not all(map(is_number, whole)):
            return False
        self.records += len(records)
        with decimal.localcontext(EXACT):
            for group, value in zip(groups, values, strict=True):
                self.groups[group] += value
        return True

    def _add_closely(self, key: str, body: bytes) -> None:
        try:
            records = decode_records(body)
        except _UNREADABLE as error:
            mark = "it starts with a byte order mark; " if body.startswith(b"\xef\xbb\xbf") else ""
            detail = f"not a JSON array of records: {mark}{error}"
            self._refuse(key, detail, partial(line_of_error, body, error))
            return
        self.records += len(records)
        with decimal.localcontext(EXACT):
            try:
                for index, record in enumerate(records):
                    try:
                        self._add(record)
                    except ValueError as error:
                        self._refuse(key, str(error), partial(line_of_record, body, index))
                for index, name in duplicate_keys(body, records):
                    detail = f"duplicate key {name!r}"
                    self._refuse(key, detail, partial(line_of_record, body, index))
                self._note_twin(key, records, body)
            except RecursionError:  # while a refused record was to be explained
                self._refuse(key, "a record is nested too deeply")

    def _note_twin(self, key: str, records: list[Record], body: bytes) -> None:
        """Count a file with the same content as another one of its hour, if both count."""
        once = self._largest and all(record.podName or record.instanceId for record in records)
        first = key if once or not records else self._bodies.setdefault(hash(body), key)
        if first != key:
            self.twins += 1
            self.twin = self.twin or f"{first} and {key}"

    def _add(self, record: Record) -> None:
        """Add a record; ValueError explains what is wrong with it."""
        value = record.value
        if not is_number(value):
            raise ValueError(f"value {shown(value)} is not a number of zero or more")
        try:
            group = self._group_of(*names_of(record))
        except TypeError:  # no text, and nothing that can be known again
            group = group_of(*names_of(record))
        if group[0] is None:
            group = (*group[:3], str(record.subscriptionId or "(missing)")[:80])
        if self._largest and (record.podName or record.instanceId):
            self._add_once(identity(record, self._hour), (value, group))
        else:
            self.groups[group] += value

    def _add_once(self, measured: tuple[Any, ...], found: _Measured) -> None:
        """Count the larger of two measurements of one pod, hour and dimension."""
        try:
            earlier = self._seen.get(measured)
        except TypeError:
            raise ValueError(f"identity {shown(measured)} is not text") from None
        kept = found
        if earlier:
            kept = max(earlier, found, key=_by_size)
            self.duplicates += 1
            self.dropped[found[1][1]] += min(earlier[0], found[0])
            self.groups[earlier[1]] -= earlier[0]
        self._seen[measured] = kept
        self.groups[kept[1]] += kept[0]

    def _refuse(
        self, key: str, detail: str, line_of: Callable[[], int | None] = lambda: None
    ) -> None:
        """Note why something cannot be summed; past the first hundred they are not kept."""
        if len(self.problems) < MAX_PROBLEMS:  # the line of each of 10,000 records takes minutes
            self.problems.append(Problem(key=key, line=line_of(), detail=detail))


def _money_of(body: bytes) -> list[Money] | None:
    """Return the four fields of each record, None if they cannot be read."""
    try:
        return decode_money(body)
    except _UNREADABLE:
        return None


def _by_size(measured: _Measured) -> tuple[int | Decimal, int | Decimal]:
    price = measured[1][2]  # of two equal ones the one with a price
    return measured[0], -1 if price is None else price
