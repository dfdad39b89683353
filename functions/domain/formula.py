"""Dimension formulas: arithmetic over usage totals, exact, without `eval`.

Values are fractions, so `x / 3 * 3` is `x` and no division loses a unit before the one rounding.
simpleeval walks the syntax tree and knows only what is listed here.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

MAX_LENGTH = 500
_MAX_EXPONENT = 64
_MAX_BITS = 1_000


class FormulaError(ValueError):
    """A formula cannot be read, or has no value for these totals."""


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > _MAX_EXPONENT:
        raise FormulaError(f"an exponent must be a whole number up to {_MAX_EXPONENT}")
    if max(base.numerator.bit_length(), base.denominator.bit_length()) > _MAX_BITS:
        raise FormulaError("the base of a power has too many digits")
    return base ** int(exponent)


def _round(value: Fraction, digits: Fraction = Fraction(0)) -> Fraction:
    if digits.denominator != 1 or abs(digits) > _MAX_EXPONENT:
        raise FormulaError(f"round takes a whole number of digits up to {_MAX_EXPONENT}")
    return Fraction(round(value, int(digits)))


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
    "round": _round,
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


class _Arithmetic(SimpleEval):  # type: ignore[misc]  # simpleeval ships no types
    """simpleeval with exact numbers and nothing but arithmetic."""

    def __init__(self, formula: str, names: Mapping[str, Fraction]) -> None:
        super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names=dict(names))
        self.formula = formula.strip()
        self.nodes = {
            ast.Expr: self._eval_expr,
            ast.BinOp: self._eval_binop,
            ast.UnaryOp: self._eval_unaryop,
            ast.Call: self._eval_call,
            ast.Name: self._eval_name,
            ast.Constant: self._number,
        }

    def _number(self, node: ast.Constant) -> Fraction:
        return _literal(self.formula, node)


def evaluate(formula: str, names: Mapping[str, Fraction]) -> Fraction:
    """Return a formula's exact value; FormulaError says what is wrong with which formula."""
    try:
        value = _Arithmetic(formula, names).eval(formula)
    except ZeroDivisionError as error:
        raise FormulaError(f"formula {formula!r}: division by zero") from error
    except (
        InvalidExpression,
        SyntaxError,
        ArithmeticError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise FormulaError(f"formula {formula!r}: {error}") from error
    if not isinstance(value, Fraction):
        raise FormulaError(f"formula {formula!r} is not a number")
    return value


def check(formula: str) -> None:
    """Refuse a formula that no totals could make work: syntax, unknown functions, other code."""
    if not formula.strip() or len(formula) > MAX_LENGTH:
        raise FormulaError(f"formula {formula!r} must have 1 to {MAX_LENGTH} characters")
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError) as error:
        raise FormulaError(f"formula {formula!r}: {error}") from error
    for node in ast.walk(tree.body):
        _check_node(formula, node)


def _check_node(formula: str, node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        try:
            _literal(formula.strip(), node)
        except ValueError as error:
            raise FormulaError(f"formula {formula!r}: {error}") from error
    elif isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        if not known or node.keywords or not node.args:
            names = ", ".join(_FUNCTIONS)
            raise FormulaError(f"formula {formula!r} may call only {names}, with arguments")
    elif isinstance(node, ast.BinOp | ast.UnaryOp):
        if type(node.op) not in _OPERATORS:
            raise FormulaError(f"formula {formula!r} may only use + - * / // % **")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            _check_exponent(formula, node.right)
    elif not isinstance(node, ast.Name | ast.Load | ast.operator | ast.unaryop):
        raise FormulaError(f"formula {formula!r} may only use numbers, names and arithmetic")


def _check_exponent(formula: str, node: ast.AST) -> None:
    """Refuse a written exponent that `_power` would refuse for every contract."""
    if isinstance(node, ast.Constant):
        exponent = _literal(formula.strip(), node)
        if exponent.denominator != 1 or exponent > _MAX_EXPONENT:
            raise FormulaError(
                f"formula {formula!r}: an exponent must be a whole number up to {_MAX_EXPONENT}"
            )


def names_in(formula: str) -> frozenset[str]:
    """Return the dimension names that a formula reads."""
    tree = ast.parse(formula.strip(), mode="eval")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return frozenset(used - _FUNCTIONS.keys())


def exact_text(value: Fraction) -> str:
    """Write a fraction as a plain decimal where it has one, else as `n/d`; both read back."""
    rest, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
