"""A value that cannot be read is named with its place, and with what may stand there."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from functions.domain.conversion import NOT_BLANK, given, parse
from functions.domain.month import Month
from functions.errors import BadInput


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    word: Literal["one", "two"] = "one"
    text: Annotated[str, msgspec.Meta(pattern=NOT_BLANK)] = "x"


class Whole(msgspec.Struct, frozen=True):
    part: Part | None = None
    numbers: list[int] = []


def refusal(value: Any, what: str = "") -> str:
    with pytest.raises(BadInput) as refused:
        parse(value, Whole, what)
    return str(refused.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"part": {"Word": "six"}}, "enum value 'six' - at `$.part.Word`: 'six'; known are one, "),
        ({"part": {"word": 1}}, "field `word` - at `$.part`: {'word': 1}; known are Word, Text"),
        ({"part": {"Text": " "}}, "Expected `str` that is not blank - at `$.part.Text`: ' '"),
        ({"part": 5}, "Expected `object | null`, got `int` - at `$.part`: 5"),
        ({"numbers": [1, "x"]}, "Expected `int`, got `str` - at `$.numbers[1]`: [1, 'x']"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place_and_value(value: Any, said: str) -> None:
    assert said in refusal(value)


def test_a_reader_says_whose_value_it_was_and_a_long_value_is_cut() -> None:
    assert refusal(3) == "Whole: Expected `object`, got `int`"
    assert refusal(3, "plan P") == "plan P: Expected `object`, got `int`"
    assert len(refusal({"numbers": "x" * 1_000})) < 300


def test_a_text_that_cannot_be_read_is_named_by_its_field() -> None:
    assert given("month", Month.parse, "2025-07") == Month(2025, 7)
    with pytest.raises(BadInput, match=r"^month: '2025-7' is not a month \(YYYY-MM\)$"):
        given("month", Month.parse, "2025-7")
