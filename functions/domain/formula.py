"""Dimension formulas: arithmetic over usage totals, exact, without `eval`.

Values are fractions, so `x / 3 * 3` is `x` and no division loses a unit before the one rounding.
A syntax tree becomes a function of the totals; only what is listed here is known.
"""

import ast
import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, TypeVar

MAX_LENGTH = 500
PRICE = "_total_price"  # behind the name of usage: what it costs
Name = TypeVar("Name", str, tuple[str, str])
ByDimension = Mapping[str, str]
"""Formulas, usage or quantities as texts, by the names of dimensions."""
_MAX_EXPONENT = 64
_MAX_BITS = 1_000
_MAX_DIGITS = 4_300  # of a number that Python reads back


class FormulaError(ValueError):
    """A formula cannot be read, or has no value for these totals."""


def _whole(value: Fraction) -> int:
    if value.denominator != 1 or abs(value) > _MAX_EXPONENT:
        raise FormulaError(f"exponents and digits must be whole numbers up to {_MAX_EXPONENT}")
    return int(value)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    power = _whole(exponent)
    if max(base.numerator.bit_length(), base.denominator.bit_length()) > _MAX_BITS:
        raise FormulaError("the base of a power has too many digits")
    return base**power


_Value = Callable[[Mapping[str, Fraction]], Fraction]
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": lambda value, digits=Fraction(0): Fraction(round(value, _whole(digits))),
    "int": lambda value: Fraction(math.trunc(value)),
    "float": lambda value: value,
}


def _literal(formula: str, node: ast.Constant) -> Fraction:
    # The text, not the parsed float: 0.01 must be one hundredth.
    if type(node.value) not in (int, float):
        raise FormulaError(f"{node.value!r} is not a number")
    text = ast.get_source_segment(formula, node) or ""
    if "e" in text.lower() and abs(int(text.lower().partition("e")[2])) > _MAX_EXPONENT * 2:
        raise FormulaError(f"{text} is out of range")
    return Fraction(text)


def _value(formula: str, node: ast.AST) -> _Value:
    """Return a node's value as a function of the totals; FormulaError for any other code."""

    def apply(operation: Callable[..., Fraction], *operands: ast.AST) -> _Value:
        values = [_value(formula, operand) for operand in operands]
        return lambda names: operation(*(value(names) for value in values))

    match node:
        case ast.Constant():
            number = _literal(formula, node)
            return lambda _: number
        case ast.Name(id=name):
            return lambda names: names[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return apply(_OPERATORS[type(op)], operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            if isinstance(op, ast.Pow) and isinstance(right, ast.Constant):
                _whole(_literal(formula, right))  # it would fail for every contract
            return apply(_OPERATORS[type(op)], left, right)
        case ast.UnaryOp() | ast.BinOp():
            raise FormulaError("may only use + - * / // % **")
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as operands, keywords=[]) if (
            name in _FUNCTIONS
        ):
            return apply(_FUNCTIONS[name], *operands)
        case ast.Call():
            raise FormulaError(f"may call only {', '.join(_FUNCTIONS)}, with arguments")
    raise FormulaError("may only use numbers, names and arithmetic")


def _compiled(formula: str) -> _Value:
    text = formula.strip()
    return _value(text, ast.parse(text, mode="eval").body)


def evaluate(formula: str, names: Mapping[str, Fraction]) -> Fraction:
    """Return a formula's exact value; FormulaError says what is wrong with which formula."""
    try:
        return _compiled(formula)(names)
    except ZeroDivisionError as error:
        raise FormulaError(f"formula {formula!r}: division by zero") from error
    except KeyError as error:
        raise FormulaError(f"formula {formula!r}: {error} is not defined") from error
    except (SyntaxError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise FormulaError(f"formula {formula!r}: {error}") from error


def check(formula: str) -> None:
    """Refuse a formula that no totals could make work: syntax, unknown functions, other code."""
    if not formula.strip() or len(formula) > MAX_LENGTH:
        raise FormulaError(f"formula {formula!r} must have 1 to {MAX_LENGTH} characters")
    try:
        _compiled(formula)
    except (SyntaxError, ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, SyntaxError) else error
        raise FormulaError(f"formula {formula!r}: {said}") from error


def names_in(formula: str) -> frozenset[str]:
    """Return the dimension names that a formula reads."""
    used = {node.id for node in ast.walk(ast.parse(formula.strip())) if isinstance(node, ast.Name)}
    return frozenset(used - _FUNCTIONS.keys())


def exact_sums(amounts: Iterable[tuple[Name, str]]) -> dict[Name, str]:
    """Return exact sums of amounts by their names, in order."""
    found = defaultdict[Name, Fraction](Fraction)
    for name, text in amounts:
        found[name] += Fraction(text)
    return {name: exact_text(total) for name, total in sorted(found.items())}


def exact_text(value: Fraction) -> str:
    """Write a fraction as a plain decimal where it has one, else as `n/d`; both read back."""
    if value.denominator == 1:
        return str(value.numerator)
    digits = len(str(value.numerator)) + value.denominator.bit_length()  # a decimal needs no more
    with suppress(Inexact):
        if digits <= _MAX_DIGITS:
            exact = Context(prec=digits, traps=[Inexact])
            return f"{exact.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    return str(value)
