"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain, repeat
from operator import is_not
from typing import Any
from urllib.parse import quote

import msgspec
import stringzilla
from msgspec import UNSET, UnsetType

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
_decode_money = msgspec.json.Decoder(list[Money], float_hook=_decimal_of).decode
decode_records = msgspec.json.Decoder(list[Record], float_hook=_decimal_of).decode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_QUOTED = {of: [f'"{name}"'.encode() for name in of.__struct_fields__] for of in (Money, Record)}


def is_plain(body: bytes, records: Sequence[Money]) -> bool:
    """Return True if a file adds up by its four fields: all are numbers, none stands twice."""
    whole = [record.value for record in records if type(record.value) is not Decimal]
    prices = {type(record.pricePerUnit) for record in records}
    if bool in prices or {*map(type, whole)} - {int}:  # True is equal to 1, and is no price
        return False
    if whole and not (is_number(min(whole)) and is_number(max(whole))):
        return False
    lacking = UnsetType in prices and sum(record.pricePerUnit is UNSET for record in records)
    return not _may_repeat(body, Money, 4 * len(records) - lacking)


def _may_repeat(body: bytes, kind: type[Money], present: int) -> bool:
    """Return False only if no record has a field twice: the names of fields are counted as text.

    `present`: how many the records have. One without value or dimension is refused.
    """
    escaped = b"\\" in body and _ESCAPED_LETTER.search(body)
    return bool(escaped or sum([stringzilla.count(body, name) for name in _QUOTED[kind]]) > present)


def duplicate_keys(body: bytes, records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """Yield records (by index) that have a field twice, and say so; the decoder takes the last.

    Only a file with more names in its text than in its records is parsed again.
    """
    fields = chain.from_iterable(map(msgspec.structs.astuple, records))
    if _may_repeat(body, Record, sum(map(is_not, fields, repeat(UNSET)))):
        text = body.decode(errors="replace")  # what is skipped need not be UTF-8
        for index, pairs in enumerate(json.loads(text, object_pairs_hook=list, parse_int=str)):
            names = Counter(name for name, _ in pairs if name in Record.__struct_fields__)
            twice = (name for name, times in names.items() if times > 1)
            yield from ((index, f"duplicate key {name!r}") for name in twice)


def is_number(value: object) -> bool:
    """Return True if a value or price can be summed exactly."""
    return type(value) is Decimal or (type(value) is int and 0 <= value < _LIMIT)


class Sum(msgspec.Struct, eq=False, gc=False):
    """The values of a group added up.

    `pair`: the same for those that differ in their price alone; 0: take a closer look at them.
    """

    group: Group
    pair: int
    value: int | Decimal = 0


_UNCLEAR = Sum(("", "", None, None), 0)


class Sums(dict[tuple[Any, ...], Sum]):
    """The sums of a day by the names in a record."""

    def __missing__(self, names: tuple[Any, ...]) -> Sum:
        try:
            group = group_of(*names)
        except ValueError:  # said of the record when it is looked at
            return _UNCLEAR
        self[names] = found = Sum(group, hash(group[:2]) if group[0] else 0)
        return found

    def money_of(self, body: bytes) -> tuple[list[Sum], list[Money]]:
        """Return the sums that a file's records belong to, and these by their four fields."""
        try:
            found = _decode_money(body)
            return [self[r.externalPayerId, r.dimension, r.pricePerUnit] for r in found], found
        except (*UNREADABLE, TypeError):  # a list where a name should be
            return [_UNCLEAR], []


def group_of(contract: Any, dimension: Any, price: Any, subscription: Any = None) -> Group:
    """Return what a record's value is added to; ValueError says which of its names is no good."""
    if type(dimension) is not str or not dimension.strip():
        raise ValueError(f"dimension {shown(dimension)} is not a name")
    if price is None or price is UNSET:
        price = None
    elif not is_number(price):
        raise ValueError(f"pricePerUnit {shown(price)} is not a number of zero or more")
    else:
        price = Decimal(price)
    if contract in (None, UNSET) or (type(contract) is str and not contract.strip()):
        return None, dimension, price, str(subscription or "(missing)")[:80]
    text = type(contract) is str and contract.isprintable() and contract == contract.strip()
    if not text or 3 * len(contract.encode()) > _LONGEST_ID < len(quote(contract, safe="")):
        raise ValueError(f"externalPayerId {shown(contract)} is not a contract id")
    return contract, dimension, price, None


def shown(value: object) -> str:
    """Quote a value for a message."""
    if value is None or value is UNSET:
        return "(missing)"
    if isinstance(value, Inadmissible):
        return f"{str(value)[:80]} (negative, or too many digits)"
    return str(value)[:80] if isinstance(value, Decimal) else repr(value)[:80]
