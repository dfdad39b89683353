"""Usage records -> exact sums. One `Tally` per day; days add up in any order.

`externalPayerId` is the contract id; a record without it is kept apart (quarantined), never
dropped. Numbers are `int` or `Decimal` from the text of the file, never a float.
"""

import decimal
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from functions.domain.conversion import not_text
from functions.domain.month import parse_instant
from functions.domain.usage.fold import EXACT, Total
from functions.domain.usage.problem import Problem, line_of_error, line_of_record
from functions.domain.usage.record import (
    UNREADABLE,
    Group,
    Record,
    Sums,
    decode_records,
    duplicate_keys,
    group_of,
    is_number,
    is_plain,
    shown,
)

MAX_PROBLEMS = 100
_money_of = attrgetter("externalPayerId", "dimension", "pricePerUnit")
_names_of = attrgetter(
    "externalPayerId", "dimension", "subscriptionId", "instanceId", "podName", "hostName"
)
Measured = tuple[int | Decimal, int | Decimal, Group]  # value, price, and where they are summed


class Tally(Total):
    """Running sums of a day, plus what could not be summed. Complete after `end`."""

    def __init__(self, *, duplicates: str) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        self._sums = Sums()
        self._largest = duplicates == "max"
        self._hour: str | None = None
        self._files: list[tuple[str, bytes]] = []
        self._seen: dict[tuple[Any, ...], Measured] = {}
        self._bodies: dict[int, str] = {}

    def add_file(self, key: str, hour: str | None, body: bytes) -> None:
        """Add one file. `hour` is its folder, None in the flat layout.

        Files of one hour must follow each other: two records of the same hour and pod are one
        measurement taken twice, and the larger one counts.
        """
        with decimal.localcontext(EXACT):
            if hour != self._hour:
                self._end_hour()
                self._hour = hour
            self.files += 1
            if hour:
                self.hours.add(hour)
                self._files.append((key, body))
            else:
                self._add_closely(key, body)

    def end(self) -> None:
        """Add up the last hour."""
        with decimal.localcontext(EXACT):
            self._end_hour()
            for found in self._sums.values():
                if found.pair:
                    self.groups[found.group] += found.value
        self._sums.clear()

    def _end_hour(self) -> None:
        """Add up the files of the hour that was read.

        A contract and dimension that occur once in their hour have nothing to be compared with:
        the four fields that make money are enough of their file. Others are read with all fields.
        """
        found = [(key, body, *self._sums.money_of(body)) for key, body in self._files]
        pairs = [each.pair for *_, sums, _ in found for each in sums]
        times = Counter(pairs) if len(set(pairs)) < len(pairs) else {}
        closer = {0, *(pair for pair in times if times[pair] > 1)}
        for key, body, sums, records in found:
            if closer.isdisjoint([each.pair for each in sums]) and is_plain(body, records):
                self.records += len(records)
                for each, record in zip(sums, records, strict=True):
                    each.value += record.value
            else:
                self._add_closely(key, body)
        self._files.clear()
        self._seen.clear()
        self._bodies.clear()

    def _add_closely(self, key: str, body: bytes) -> None:
        try:
            records = decode_records(body)
        except UNREADABLE as error:
            kind = "UTF-8 with a byte order mark" if body.startswith(BOM_UTF8) else not_text(body)
            said = f"the file is {kind}; {error}" if kind else error
            self._refuse(key, f"not a JSON array of records: {said}", line_of_error(body, error))
            return
        self.records += len(records)
        try:
            for index, detail in chain(self._refused(records), duplicate_keys(body, records)):
                if len(self.problems) < MAX_PROBLEMS:  # the line of each of 10,000 takes minutes
                    self._refuse(key, detail, line_of_record(body, index))
            self._note_twin(key, records, body)
        except RecursionError:  # while a refused record was to be explained
            self._refuse(key, "a record is nested too deeply")

    def _refused(self, records: list[Record]) -> Iterator[tuple[int, str]]:
        """Add records; yield those that cannot be summed (by index), and why."""
        for index, record in enumerate(records):
            try:
                self._add(record)
            except ValueError as error:
                yield index, str(error)

    def _note_twin(self, key: str, records: list[Record], body: bytes) -> None:
        """Count a file with the same content as another one of its hour, if both count."""
        once = self._largest and all(record.podName or record.instanceId for record in records)
        first = key if once or not records else self._bodies.setdefault(hash(body), key)
        if first != key:
            self.twins += 1
            self.twin = self.twin or f"{first} and {key}"

    def _add(self, record: Record) -> None:
        value = record.value
        if not is_number(value):
            raise ValueError(f"value {shown(value)} is not a number of zero or more")
        group = group_of(*_money_of(record), record.subscriptionId)
        if self._largest and (record.podName or record.instanceId):
            price = -1 if group[2] is None else group[2]  # of two equal ones the one with a price
            self._add_once(self._identity(record), (value, price, group))
        else:
            self.groups[group] += value

    def _identity(self, record: Record) -> tuple[Any, ...]:
        """Return what measurements of the same thing share; ValueError if nothing says the hour.

        An empty name is none: both are written where there is nothing to name.
        """
        names = tuple(None if name == "" or name is UNSET else name for name in _names_of(record))
        if self._hour:
            return names
        try:
            return (*names, f"{parse_instant(record.timestamp):%Y-%m-%dT%H}")
        except ValueError:
            text = f"timestamp {shown(record.timestamp)} says no hour, nor does the folder"
            raise ValueError(text) from None

    def _add_once(self, measured: tuple[Any, ...], found: Measured) -> None:
        """Count the larger of two measurements of one pod, hour and dimension."""
        try:
            earlier = self._seen.get(measured)
        except TypeError:
            raise ValueError(f"identity {shown(measured)} is not text") from None
        kept = self._seen[measured] = max(earlier or found, found)
        if earlier:
            self.duplicates += 1
            self.dropped[found[2][1]] += min(earlier, found)[0]
            self.groups[earlier[2]] -= earlier[0]
        self.groups[kept[2]] += kept[0]

    def _refuse(self, key: str, detail: str, line: int | None = None) -> None:
        """Note why something cannot be summed; past the first hundred they are not kept."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(key=key, line=line, detail=detail))
