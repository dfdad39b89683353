"""An exported usage record, decoded for the few fields that decide money, with exact numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

LIMIT = 10**30
_SMALLEST_EXPONENT = -60
_MEMO_SIZE = 100_000


class Record(msgspec.Struct, frozen=True, gc=False):
    """The fields of an exported record that are read; all others are skipped unparsed."""

    externalPayerId: Any = None  # noqa: N815  # the exporter's name
    dimension: Any = None
    value: Any = None
    pricePerUnit: Any = None  # noqa: N815
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
