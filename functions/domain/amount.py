"""Amounts of a credits file: dollars and cents as a person or a spreadsheet writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal
from functools import reduce

# Far more digits than any sum here has: nothing is ever rounded but on purpose.
EXACT = Context(prec=120)
_DIGITS = r"[0-9]{1,30}"
# A comma is a thousands separator where three digits follow, or more before written-out cents:
# then it cannot be a decimal comma.
_DOLLARS = (
    rf"(?:(?:{_DIGITS}|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}}){{1,9}})(?:\.[0-9]{{1,2}})?"
    rf"|[1-9][0-9]{{0,15}}(?:,[0-9]{{3,15}})\.[0-9]{{2}})"
)
_PLAIN = re.compile(rf"\$? *({_DOLLARS})")
_REVERSED = re.compile(rf"(?:- *\$?|\$ *-) *({_DOLLARS})|(?:\( *\$?|\$ *\() *({_DOLLARS}) *\)")
_NOTHING = re.compile(r"(\$? *-)?")
_LONGEST_SHOWN = 40


class BadAmount(ValueError):
    """A text that is not an amount; the message quotes it."""


def parse_amount(text: str, *, blank_is_zero: bool, allow_reversals: bool) -> Decimal:
    """Read US dollars with at most two decimals; a reversal (negative) only where allowed.

    `blank_is_zero`: an empty cell or the dash of an accounting format is zero.
    """
    amount = text.strip(" ")
    if found := _PLAIN.fullmatch(amount):
        return _value(found[1])
    if blank_is_zero and _NOTHING.fullmatch(amount):
        return Decimal(0)
    if found := _REVERSED.fullmatch(amount):
        if not allow_reversals:
            raise BadAmount(f"amount {shown(text)} is negative, and allow_reversals is not set")
        return EXACT.minus(_value(found[1] or found[2]))
    raise BadAmount(f"amount {shown(text)} is not plain dollars and cents like $6,407.96")


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add up without rounding."""
    return reduce(EXACT.add, amounts, Decimal(0))


def has_cents(text: str) -> bool:
    """Say whether an amount is written out to the cent, so that nothing can be cut off its end."""
    return bool(re.search(r"\.[0-9]{2}[ )]*$", text))


def _value(dollars: str) -> Decimal:
    return Decimal(dollars.replace(",", ""))


def shown(text: str) -> str:
    """Quote a cell for a message."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
