"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain, repeat
from operator import attrgetter, is_not
from typing import Any
from urllib.parse import quote

import msgspec
import stringzilla
from msgspec import UNSET

from functions.domain.month import parse_instant

_LIMIT = 10**30
# As it stands in a key of the ledger: S3 allows 1,024 bytes for all of it.
_LONGEST_ID = 400
_SMALLEST_EXPONENT = -60
_LONGEST_PLAIN = 30
_MEMO_SIZE = 100_000
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")

# What sums are kept by: contract, dimension, price per unit, and the subscription only where there
# is no contract, so that somebody can find out who should have paid. A bare tuple: this is hot.
Group = tuple[str | None, str, int | Decimal | None, str | None]


class Money(msgspec.Struct, frozen=True, gc=False):
    """The four fields that make money. All others are skipped unparsed."""

    externalPayerId: Any = UNSET  # noqa: N815  # the exporter's name
    dimension: Any = None
    value: Any = None
    pricePerUnit: Any = UNSET  # noqa: N815


class Record(Money, frozen=True, gc=False):
    """All fields that are read: those by which measurements are told apart as well."""

    subscriptionId: Any = UNSET  # noqa: N815
    instanceId: Any = UNSET  # noqa: N815
    podName: Any = UNSET  # noqa: N815
    hostName: Any = UNSET  # noqa: N815
    timestamp: Any = UNSET


class Inadmissible(str):
    """A number's text that is negative or too long to be summed exactly."""

    __slots__ = ()


class _ExactDecimals(dict[str, "Decimal | Inadmissible"]):
    """Numbers by their text: most of a file's come again."""

    def __missing__(self, text: str) -> Decimal | Inadmissible:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        known = self[text] = _admitted(text)
        return known


def _admitted(text: str) -> Decimal | Inadmissible:
    if len(text) <= _LONGEST_PLAIN and text[0] != "-" and "e" not in text and "E" not in text:
        return Decimal(text)  # neither too large nor too long
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that no decimal has
        return Inadmissible(text)
    short = int(number.as_tuple().exponent) >= _SMALLEST_EXPONENT
    return number if 0 <= number < _LIMIT and short else Inadmissible(text)


_decimal_of = _ExactDecimals().__getitem__
decode_money = msgspec.json.Decoder(list[Money], float_hook=_decimal_of).decode
decode_records = msgspec.json.Decoder(list[Record], float_hook=_decimal_of).decode
names_of = attrgetter("externalPayerId", "dimension", "pricePerUnit")
_identity_of = attrgetter(
    "externalPayerId", "dimension", "subscriptionId", "instanceId", "podName", "hostName"
)


def may_repeat(body: bytes, records: Sequence[Money], *, complete: bool = False) -> bool:
    """Return False only if no record has a field twice: the names of fields are counted as text.

    `complete`: no record lacks a field. One without value or dimension is refused.
    """
    if not records or (b"\\" in body and _ESCAPED_LETTER.search(body)):
        return bool(records)
    names = records[0].__struct_fields__
    present = len(names) * len(records)
    if not complete:
        fields = chain.from_iterable(map(msgspec.structs.astuple, records))
        present = sum(map(is_not, fields, repeat(UNSET)))
    counted: int = sum(stringzilla.count(body, f'"{name}"'.encode()) for name in names)
    return counted > present


def duplicate_keys(body: bytes, records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """Yield records (by index) that have a field twice, with its name; the decoder takes the last.

    Only a file with more names in its text than in its records is parsed again.
    """
    if may_repeat(body, records):
        text = body.decode(errors="replace")  # what is skipped need not be UTF-8
        for index, pairs in enumerate(json.loads(text, object_pairs_hook=list, parse_int=str)):
            names = Counter(name for name, _ in pairs if name in Record.__struct_fields__)
            yield from ((index, name) for name, times in names.items() if times > 1)


def are_numbers(values: Iterable[Any]) -> bool:
    """Return True if values or prices can be summed exactly."""
    whole = [value for value in values if type(value) is not Decimal]
    return not whole or ({*map(type, whole)} == {int} and min(whole) >= 0 and max(whole) < _LIMIT)


class Groups(dict[tuple[Any, ...], int]):
    """The groups of a day by number, found by the names in a record; 0: take a closer look at it.

    `pairs`: the same number for those that differ in their price alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Group] = [("", "", None, None)]
        self.sums: list[int | Decimal] = [0]
        self.pairs = [0]
        self._pair_of: dict[tuple[Any, ...], int] = {}

    def __missing__(self, names: tuple[Any, ...]) -> int:
        try:
            group = group_of(*names)
        except ValueError:  # said of the record when it is looked at
            return 0
        number = len(self.known) if group[0] else 0
        if number:
            self.known.append(group)
            self.sums.append(0)
            self.pairs.append(self._pair_of.setdefault(group[:2], number))
        self[names] = number
        return number


def group_of(contract: Any, dimension: Any, price: Any) -> Group:
    """Return what a record's value is added to; ValueError says which of its names is no good."""
    if type(dimension) is not str or not dimension.strip():
        raise ValueError(f"dimension {shown(dimension)} is not a name")
    if price is None or price is UNSET:
        price = None
    elif not are_numbers([price]):
        raise ValueError(f"pricePerUnit {shown(price)} is not a number of zero or more")
    else:
        price = Decimal(price)
    if contract in (None, UNSET) or (type(contract) is str and not contract.strip()):
        contract = None
    elif not _is_contract_id(contract):
        raise ValueError(f"externalPayerId {shown(contract)} is not a contract id")
    return contract, dimension, price, None


def _is_contract_id(value: object) -> bool:
    return (
        type(value) is str
        and value.isprintable()
        and value == value.strip()
        and len(quote(value, safe="")) <= _LONGEST_ID
    )


def identity(record: Record, hour: str | None) -> tuple[Any, ...]:
    """Return what two measurements of the same thing share; ValueError if nothing says the hour.

    An empty name is none: both are written where there is nothing to name.
    """
    found = tuple(None if part == "" or part is UNSET else part for part in _identity_of(record))
    if hour:
        return found
    try:
        return (*found, f"{parse_instant(record.timestamp):%Y-%m-%dT%H}")
    except ValueError:
        text = f"timestamp {shown(record.timestamp)} says no hour, nor does the folder"
        raise ValueError(text) from None


def shown(value: object) -> str:
    """Quote a value for a message."""
    if value is None or value is UNSET:
        return "(missing)"
    if isinstance(value, Inadmissible):
        return f"{str(value)[:80]} (negative, or too many digits)"
    return str(value)[:80] if isinstance(value, Decimal) else repr(value)[:80]
