"""Numbers of usage records: exact, or set apart with their text; a fresh decoder each time."""

import importlib.util
from decimal import Decimal
from typing import Any

import pytest

SPEC = importlib.util.find_spec("functions.domain.usage.record")


def values(*texts: str) -> list[Any]:
    """Decode with a reader of its own: the module's remembers the numbers that it has read."""
    assert SPEC
    assert SPEC.loader
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    body = ",".join(f'{{"value": {text}}}' for text in texts)
    return [record.value for record in module.decode_records(f"[{body}]")]


@pytest.mark.parametrize(
    "text",
    ["0.0", "0e5", "-0.0", "0.5", "1e29", f"{'9' * 30}.9", f"0.{'0' * 59}1", "1e-60", "12.50"],
)
def test_a_number_is_what_its_text_says(text: str) -> None:
    (value,) = values(text)
    assert type(value) is Decimal
    assert str(value) == str(Decimal(text))


@pytest.mark.parametrize(
    "text",
    [
        *("-0.5", "-1e-9", "1e30", f"1{'0' * 30}.0", "1e-61", f"0.{'0' * 60}1", "1E99", "1e-99"),
        *("1e9999999999999999999", "1e-9999999999999999999"),
    ],
)
def test_a_number_that_is_negative_or_has_too_many_digits_keeps_its_text(text: str) -> None:
    (value,) = values(text)
    assert type(value).__name__ == "Inadmissible"
    assert value == text


def test_a_number_that_comes_again_is_the_same_number() -> None:
    assert values("0.5", "0.25", "-0.5", "0.5", "-0.5") == [
        Decimal("0.5"),
        Decimal("0.25"),
        "-0.5",
        Decimal("0.5"),
        "-0.5",
    ]


def test_a_whole_number_stays_one() -> None:
    assert [type(value) for value in values("0", "5", "18446744073709551615")] == [int] * 3
