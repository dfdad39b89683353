"""Usage records -> exact sums. One `Tally` per day; days add up in any order.

A record is read for the few fields that decide money. `externalPayerId` is the contract id; one
without it is kept apart (quarantined), never dropped. Numbers are `int` or `Decimal` from the text
of the file, never a float.
"""

import decimal
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UnsetType

from functions.domain.usage.fold import EXACT, Total
from functions.domain.usage.problem import Problem, line_of_error, line_of_record
from functions.domain.usage.record import (
    Group,
    Groups,
    Money,
    Record,
    are_numbers,
    decode_money,
    decode_records,
    duplicate_keys,
    group_of,
    identity,
    may_repeat,
    names_of,
    shown,
)

MAX_PROBLEMS = 100
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Measured = tuple[int | Decimal, Group]
_price_of = attrgetter("pricePerUnit")


class Tally(Total):
    """Running sums of a day, plus what could not be summed. Complete after `end`."""

    def __init__(self, *, duplicates: str) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        # Typed, because True is equal to 1 and is no price.
        self._group_of = lru_cache(maxsize=None, typed=True)(group_of)
        self._groups = Groups()
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
        self._end_hour()
        with decimal.localcontext(EXACT):
            for group, value in zip(self._groups.known[1:], self._groups.sums[1:], strict=True):
                self.groups[group] += value
        self._groups = Groups()

    def _end_hour(self) -> None:
        """Add up the files of the hour that was read.

        A contract and dimension that occur once in their hour have nothing to be compared with:
        the four fields that make money are enough of their file. Others are read with all fields.
        """
        found = [self._money_of(body) for _, body in self._files]
        pair_of = self._groups.pairs.__getitem__
        pairs = list(map(pair_of, chain.from_iterable(numbers for numbers, _ in found)))
        again = set[int]()
        if len(set(pairs)) < len(pairs):
            again = {pair for pair, times in Counter(pairs).items() if times > 1}
        for (key, body), (numbers, records) in zip(self._files, found, strict=True):
            repeats = again and not again.isdisjoint(map(pair_of, numbers))
            if repeats or 0 in numbers or not self._add_money(body, numbers, records):
                self._add_closely(key, body)
        self._files.clear()
        self._seen.clear()
        self._bodies.clear()

    def _money_of(self, body: bytes) -> tuple[list[int], list[Money]]:
        """Return a file's records by their four fields, and the group of each."""
        try:
            records = decode_money(body)
            return list(map(self._groups.__getitem__, map(names_of, records))), records
        except (*_UNREADABLE, TypeError):  # a list where a name should be
            return [0], []

    def _add_money(self, body: bytes, numbers: list[int], records: Sequence[Money]) -> bool:
        """Add a file by its four fields; False, and nothing added, if it takes a closer look."""
        values = [record.value for record in records]
        prices = set(map(type, map(_price_of, records)))
        if bool in prices or not are_numbers(values):  # True is equal to 1, and is no price
            return False
        if may_repeat(body, records, complete=UnsetType not in prices):
            return False
        self.records += len(records)
        sums = self._groups.sums
        with decimal.localcontext(EXACT):
            for number, value in zip(numbers, values, strict=True):
                sums[number] += value
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
        if not are_numbers([value]):
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


def _by_size(measured: _Measured) -> tuple[int | Decimal, int | Decimal]:
    price = measured[1][2]  # of two equal ones the one with a price
    return measured[0], -1 if price is None else price
