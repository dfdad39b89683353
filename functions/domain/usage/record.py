"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import quote

import msgspec
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

    subscriptionId: Any = None  # noqa: N815
    instanceId: Any = None  # noqa: N815
    podName: Any = None  # noqa: N815
    hostName: Any = None  # noqa: N815
    timestamp: Any = None


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
_pair_of = attrgetter("externalPayerId", "dimension")
group_of = attrgetter("externalPayerId", "dimension", "pricePerUnit")
_identity_of = attrgetter(
    "externalPayerId", "dimension", "subscriptionId", "instanceId", "podName", "hostName"
)


def may_repeat_money(body: bytes, records: Sequence[Money]) -> bool:
    """Return False only if no record can have one of its four fields twice."""
    return _may_repeat(body, _counts(records))


def duplicate_keys(body: bytes, records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """Yield records (by index) that have a field twice, with its name; the decoder takes the last.

    Keys are counted as text first, and only a file with more of them than records is parsed again.
    """
    counts = _counts(records) | {
        b'"podName"': sum([record.podName is not None for record in records]),
        b'"instanceId"': sum([record.instanceId is not None for record in records]),
    }
    if _may_repeat(body, counts):
        text = body.decode(errors="replace")  # what is skipped need not be UTF-8
        for index, pairs in enumerate(json.loads(text, object_pairs_hook=list, parse_int=str)):
            names = Counter(name for name, _ in pairs if name in Record.__struct_fields__)
            yield from ((index, name) for name, times in names.items() if times > 1)


def _counts(records: Sequence[Money]) -> dict[bytes, int]:
    """Return how often keys must be there. A record without value or dimension is refused."""
    return {
        b'"value"': len(records),
        b'"dimension"': len(records),
        b'"externalPayerId"': sum([record.externalPayerId is not UNSET for record in records]),
        b'"pricePerUnit"': sum([record.pricePerUnit is not UNSET for record in records]),
    }


def _may_repeat(body: bytes, counts: Mapping[bytes, int]) -> bool:
    more = any(body.count(key) > count for key, count in counts.items())
    return more or (b"\\" in body and _ESCAPED_LETTER.search(body) is not None)


def repeated_in(files: Sequence[Sequence[Money] | None]) -> set[int]:
    """Return the files of an hour in which a contract and dimension occur again, by index."""
    try:
        counts = Counter(map(_pair_of, chain.from_iterable(records or () for records in files)))
    except TypeError:  # a list or an object where a name should be
        return set(range(len(files)))
    repeated = {pair for pair, times in counts.items() if times > 1}
    return {
        index
        for index, records in enumerate(files)
        if repeated and not repeated.isdisjoint(map(_pair_of, records or ()))
    }


def is_number(value: object) -> bool:
    """Return True if a value or a price can be summed exactly."""
    return type(value) is Decimal or (type(value) is int and 0 <= value < _LIMIT)


def checked(record: Money) -> tuple[str | None, Group]:
    """Explain why a record's names or price are no good, and which group it belongs to."""
    contract, dimension = record.externalPayerId, record.dimension
    price = None if record.pricePerUnit is UNSET else record.pricePerUnit
    refused = None
    if type(dimension) is not str or not dimension.strip():
        refused = f"dimension {shown(dimension)} is not a name"
    elif price is not None and not is_number(price):
        refused = f"pricePerUnit {shown(price)} is not a number of zero or more"
    elif contract in (None, UNSET) or (type(contract) is str and not contract.strip()):
        contract = None
    elif not _is_contract_id(contract):
        refused = f"externalPayerId {shown(contract)} is not a contract id"
    if not refused and price is not None:
        price = Decimal(price)
    return refused, (contract, dimension, price, None)


def _is_contract_id(value: object) -> bool:
    return (
        type(value) is str
        and value.isprintable()
        and value == value.strip()
        and len(quote(value, safe="")) <= _LONGEST_ID
    )


def identity(record: Record, hour: str | None) -> tuple[Any, ...] | None:
    """Return what two measurements of the same thing share; None if nothing says the hour.

    An empty name is none: both are written where there is nothing to name.
    """
    found = tuple(None if part == "" else part for part in _identity_of(record))
    if hour:
        return found
    # The flat layout has no hour folders.
    try:
        return (*found, f"{parse_instant(record.timestamp):%Y-%m-%dT%H}")
    except ValueError:
        return None


def shown(value: object) -> str:
    """Quote a value for a message."""
    if value is None:
        return "(missing)"
    if isinstance(value, Inadmissible):
        return f"{str(value)[:80]} (negative, or too many digits)"
    return str(value)[:80] if isinstance(value, Decimal) else repr(value)[:80]
