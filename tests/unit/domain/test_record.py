"""When a file's four fields of money are enough, and when its records are looked at closely."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from functions.domain.usage.record import Money, is_plain
from functions.domain.usage.tally import Tally

_decode = msgspec.json.Decoder(list[Money], float_hook=Decimal).decode
USUAL = {"externalPayerId": "c", "dimension": "d", "value": 1, "pricePerUnit": 0.5}
NO_PRICE = {"externalPayerId": "c", "dimension": "d", "value": 1}


def plain(*records: dict[str, Any] | str) -> bool:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in records]
    body = f"[{','.join(texts)}]".encode()
    return is_plain(body, _decode(body))


def test_numbers_and_prices_are_added_up_as_they_stand_with_or_without_a_price() -> None:
    assert plain()
    assert plain(USUAL, NO_PRICE, {**USUAL, "value": 0.25})
    assert plain(NO_PRICE, NO_PRICE)


@pytest.mark.parametrize("record", [USUAL, NO_PRICE])
def test_a_field_that_stands_twice_takes_a_closer_look(record: dict[str, Any]) -> None:
    twice = '{"externalPayerId": "c", "dimension": "d", "value": 1, "value": 2}'
    assert not plain(record, twice)
    assert not plain(twice, record)


@pytest.mark.parametrize("value", [10**30, -1, "1", True, None])
def test_a_value_that_is_no_number_of_money_takes_a_closer_look(value: Any) -> None:
    assert not plain(USUAL, {**USUAL, "value": value}, {**USUAL, "value": 3})


def test_a_file_without_an_hour_adds_up_exactly() -> None:
    tally = Tally(duplicates="sum")
    records = [{**USUAL, "timestamp": "2025-07-01T00:00:00Z", "value": v} for v in (10**28, 0.25)]
    tally.add_file("k", None, json.dumps(records).encode())
    tally.end()
    assert list(tally.groups.values()) == [Decimal("10000000000000000000000000000.25")]
    assert tally.hours == set()


def test_the_hours_that_have_files_are_known() -> None:
    tally = Tally(duplicates="max")
    for hour in ("01/00", "01/01"):
        tally.add_file("k", hour, b"[]")
    tally.end()
    assert tally.hours == {"01/00", "01/01"}
