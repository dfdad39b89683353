"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import UNSET

LIMIT = 10**30
_SMALLEST_EXPONENT = -60
_MEMO_SIZE = 100_000
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")


class Record(msgspec.Struct, frozen=True, gc=False):
    """The fields of an exported record that are read; all others are skipped unparsed."""

    externalPayerId: Any = UNSET  # noqa: N815  # the exporter's name
    dimension: Any = None
    value: Any = None
    pricePerUnit: Any = UNSET  # noqa: N815
    subscriptionId: Any = None  # noqa: N815
    instanceId: Any = None  # noqa: N815
    podName: Any = None  # noqa: N815
    hostName: Any = None  # noqa: N815
    timestamp: Any = None


class Inadmissible(str):
    """A number's text that is negative or too long to be summed exactly."""

    __slots__ = ()


def _exact_decimals() -> Callable[[str], Decimal | Inadmissible]:
    memo: dict[str, Decimal | Inadmissible] = {}

    def decimal_of(text: str) -> Decimal | Inadmissible:
        known = memo.get(text)
        if known is None:
            if len(memo) >= _MEMO_SIZE:
                memo.clear()
            known = memo[text] = _admitted(text)
        return known

    return decimal_of


def _admitted(text: str) -> Decimal | Inadmissible:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that no decimal has
        return Inadmissible(text)
    short = int(number.as_tuple().exponent) >= _SMALLEST_EXPONENT
    return number if 0 <= number < LIMIT and short else Inadmissible(text)


decode_records = msgspec.json.Decoder(list[Record], float_hook=_exact_decimals()).decode


def duplicate_keys(body: bytes, records: list[Record]) -> Iterator[tuple[int, str]]:
    """Yield records (by index) that have a field twice, with its name; the decoder takes the last.

    Keys are counted as text first, and only a file with more of them than records is parsed again.
    A record without a value or a dimension is refused anyway, so all of those have one.
    """
    count = len(records)
    payers = count - sum([record.externalPayerId is UNSET for record in records])
    prices = count - sum([record.pricePerUnit is UNSET for record in records])
    pods = count - sum([record.podName is None for record in records])
    instances = count - sum([record.instanceId is None for record in records])
    if (
        body.count(b'"value"') > count
        or body.count(b'"dimension"') > count
        or body.count(b'"externalPayerId"') > payers
        or body.count(b'"pricePerUnit"') > prices
        or body.count(b'"podName"') > pods
        or body.count(b'"instanceId"') > instances
        or (b"\\" in body and _ESCAPED_LETTER.search(body))
    ):
        text = body.decode(errors="replace")  # what is skipped need not be UTF-8
        for index, pairs in enumerate(json.loads(text, object_pairs_hook=list, parse_int=str)):
            names = Counter(name for name, _ in pairs if name in Record.__struct_fields__)
            yield from ((index, name) for name, times in names.items() if times > 1)
