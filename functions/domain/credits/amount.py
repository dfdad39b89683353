"""Amounts of a credits file: dollars and cents as an operator or a spreadsheet writes them."""

import re
from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from functools import reduce

from functions.domain.credits.cells import shown, tidy, what_is_wrong

# Far more digits than any sum here has: nothing is ever rounded but on purpose.
EXACT = Context(prec=150)
# A binary fraction of a cent or more, written out in full, has at most 59 decimals.
_CENT, _MOST_DIGITS, _MOST_DECIMALS = Decimal("0.01"), 60, 60
_NUMBER = re.compile(r"(?<![.,])[.,]*[0-9][0-9.,]*")  # begun once a row of dots: else quadratic
# A comma is a thousands separator where three digits follow, or more before written-out cents:
# then it cannot be a decimal comma. Three decimals may be thousands; more zeros are only zeros.
_DOLLARS = re.compile(
    r"(?:[0-9]{1,30}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,9})(?:\.[0-9]{1,2}|\.[0-9]{2}0{2,28})?"
    r"|[1-9][0-9]{0,15}(?:,[0-9]{3,15})\.[0-9]{2}|\.[0-9]{2}"
)
# Twelve digits without cents: two columns are exchanged, or one is written twice.
_ACCOUNT = re.compile(r"[0-9]{12}")
# What is around the number, which is the n, without dollar signs and blanks.
_SIGNS = {"n": False, "-n": True, "n-": True, "(n)": True}
_NOT_AMOUNTS = (
    (r" *", "is empty; write $0.00 for none"),
    (r"#.*", "is an error of the spreadsheet or a column too narrow; correct the cell"),
    (r"(?i).*[0-9]e[+-]?[0-9]+.*", "is in scientific notation; format it with two decimals"),
    (r"[='].*", "is a formula or marked as text; write the amount itself"),
    (r"(?i).*([€£¥]|eur|gbp|jpy|chf|cad|aud|inr).*", "is not in US dollars"),
    (r"[^.]*[0-9],[0-9]{1,2}\D*|.*\.[0-9]{3},.*", "has a decimal comma; write it like 1,234.50"),
    (r"\D*[0-9]{1,3}(\.[0-9]{3})+\D*", "may have thousands or decimals; write it like 1,234.50"),
    (r"[^.]*\.[0-9]{3,}\D*", "has more than two decimals; round it to the cent"),
)


class BadAmount(ValueError):
    """A text that is not an amount; the message quotes it."""


def parse_amount(text: str, *, blank_is_zero: bool, allow_reversals: bool) -> Decimal:
    """Read US dollars to the cent; a reversal (negative) only where allowed.

    The dash of an accounting format is zero; an empty cell only with `blank_is_zero`.
    """
    amount = tidy(text)
    numbers = _NUMBER.findall(amount)
    around = _NUMBER.sub("n", amount.upper()).replace(" ", "")
    around = re.sub(r"(US)?\$", "", around, count=1).replace("USD", "", 1)
    if around in ("-", "(-)") or (blank_is_zero and not amount):
        return Decimal(0)
    if around not in _SIGNS or not _DOLLARS.fullmatch(numbers[0]):
        said = what_is_wrong(amount, _NOT_AMOUNTS, "is not plain US dollars like $6,407.96")
        raise BadAmount(f"amount {shown(text)} {said}")
    if _ACCOUNT.fullmatch(amount):
        raise BadAmount(f"amount {shown(text)} is an account; write dollars and cents")
    value = Decimal(numbers[0].replace(",", ""))
    if not value or not _SIGNS[around]:
        return value
    if not allow_reversals:
        raise BadAmount(
            f"amount {shown(text)} is negative, and allow_reversals is not set; "
            "a credit is written as a positive amount"
        )
    return EXACT.minus(value)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add up without rounding."""
    return reduce(EXACT.add, amounts, Decimal(0))


def has_cents(text: str) -> bool:
    """Return True if an amount is written out to the cent: nothing can be cut off its end."""
    return bool(re.search(r"\.[0-9]{2,}[^0-9.,]*$", text))


def cents(amount: Decimal) -> Decimal:
    """Return an amount to the cent. Adding 0 makes a plain zero of a negative one."""
    return EXACT.add(EXACT.quantize(amount, _CENT), Decimal(0))


def number(value: object) -> Decimal | None:
    """Return a number; None where it is not one that money can be."""
    try:
        found = Decimal(text := str(value))
    except InvalidOperation:
        return None
    if "_" in text:  # Python takes it within a number
        return None
    exponent = found.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN and infinities
        return None
    return found if exponent >= -_MOST_DECIMALS and found.adjusted() < _MOST_DIGITS else None
