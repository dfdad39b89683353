"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import UNSET

LIMIT = 10**30
_SMALLEST_EXPONENT = -60
_LONGEST_PLAIN = 30
_MEMO_SIZE = 100_000
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")


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
    return number if 0 <= number < LIMIT and short else Inadmissible(text)


_decimal_of = _ExactDecimals().__getitem__
decode_money = msgspec.json.Decoder(list[Money], float_hook=_decimal_of).decode
decode_records = msgspec.json.Decoder(list[Record], float_hook=_decimal_of).decode


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
