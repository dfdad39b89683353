"""Formulas: exact arithmetic and nothing else, their limits to the number, and what is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.formula import FormulaError, check, evaluate, exact_text, names_in

HALF, ONE = Fraction(1, 2), Fraction(1)
ONLY = "may only use numbers, names and arithmetic"
CALLS = "may call only abs, min, max, round, int, float, with arguments"
WHOLE = "exponents and digits must be whole numbers up to 64"
BASE = "the base of a power has too many digits"


def refusal(formula: str) -> str:
    with pytest.raises(FormulaError) as refused:
        check(formula)
    return str(refused.value)


def failure(formula: str, **names: Fraction) -> str:
    with pytest.raises(FormulaError) as refused:
        evaluate(formula, names)
    return str(refused.value)


@pytest.mark.parametrize(
    ("said", "formulas"),
    [
        (ONLY, ["a.b", "a if a else 1", "a[0]", "lambda: 1", "[a]", "a > 1"]),
        ("may only use + - * / // % **", ["a << 1", "~a"]),
        (CALLS, ["open(a)", "max()", "__import__('os').system('true')", "round(a, digits=1)"]),
    ],
)
def test_anything_but_arithmetic_is_refused_before_it_is_used(
    said: str, formulas: list[str]
) -> None:
    for formula in formulas:
        assert refusal(formula) == f"formula {formula!r}: {said}"


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        *(("a +", "invalid syntax"), ("x := 3", "invalid syntax"), ("True + 1", "True is not a")),
        *(("'x' * 9", "'x' is not a number"), ("1j", "1j is not a number")),
        *(("1e129", "1e129 is out of range"), ("1E-129", "1E-129 is out of range")),
        *(("2 ** 65", WHOLE), ("2 ** 0.5", WHOLE)),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_formula(formula: str, said: str) -> None:
    assert refusal(formula).startswith(f"formula {formula!r}: {said}")


@pytest.mark.parametrize("cents", range(1, 2_001, 7))
def test_dividing_a_price_total_by_the_price_gives_the_hours_back(cents: int) -> None:
    """744 hourly records at any price: the float arithmetic of the old exporter lost units here."""
    price = Fraction(cents, 100)
    assert evaluate(f"total / {cents / 100!r}", {"total": price * 744}) == 744


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a / 3 * 3", 1),
        ("2**30 / 2**30 * a", 1),
        ("0.1 + 0.2", Fraction(3, 10)),
        (" max(a, 2, min(5, 9)) ", 5),
        ("round(2.675, 2)", Fraction(268, 100)),
        ("int(7 / 2) + float(a)", 4),
        ("abs(-a) ** 2 // 1 % 2", 1),
    ],
)
def test_arithmetic_is_exact(formula: str, value: Fraction) -> None:
    check(formula)
    assert evaluate(formula, {"a": ONE}) == value


def test_a_formula_has_1_to_500_characters() -> None:
    check("a" * 500)
    check("a")
    assert refusal("a" * 501).endswith("must have 1 to 500 characters")
    assert refusal(" ") == "formula ' ' must have 1 to 500 characters"


def test_a_number_may_have_an_exponent_up_to_128_and_is_never_hexadecimal() -> None:
    for text in ("1e128", "1E128", "1e-128", "25E+1"):
        check(f" {text} ")
        assert evaluate(f" {text} ", {}) == Fraction(text)
    for formula in ("0x10", "0xe1"):
        assert refusal(formula).startswith(f"formula {formula!r}: ")


def test_powers_up_to_64_are_allowed_and_no_further() -> None:
    check("2 ** 64")
    assert evaluate("a ** 64", {"a": Fraction(2)}) == 2**64
    assert evaluate("a ** (0 - 64)", {"a": Fraction(2)}) == Fraction(1, 2**64)
    for exponent in ("65", "(0 - 65)", "(1 / 2)"):
        said = failure(f"a ** {exponent}", a=ONE)
        assert said == f"formula 'a ** {exponent}': {WHOLE}"


def test_the_base_of_a_power_may_have_a_thousand_bits_above_and_below_the_line() -> None:
    most, more = Fraction(2**1_000 - 1), Fraction(2**1_000)
    assert evaluate("a ** 2", {"a": most}) == most**2
    assert evaluate("a ** 2", {"a": 1 / most}) == 1 / most**2
    for base in (more, 1 / more):
        assert failure("a ** 2", a=base) == f"formula 'a ** 2': {BASE}"
    assert failure("((((a ** 16) ** 16) ** 16) ** 16) ** 16", a=Fraction(3)).endswith(BASE)


def test_rounding_takes_up_to_64_digits_on_either_side() -> None:
    names = {"a": Fraction("12.5")}
    assert evaluate("round(a)", names) == 12
    assert evaluate("round(a, 64)", names) == Fraction("12.5")
    assert evaluate("round(a, -1)", names) == 10
    assert evaluate("round(a, 0 - 64)", names) == 0
    for digits in ("65", "-65", "(1 / 2)"):
        said = failure(f"round(a, {digits})", a=ONE)
        assert said == f"formula 'round(a, {digits})': {WHOLE}"


def test_whole_division_and_whole_numbers_round_as_python_does() -> None:
    names = {"a": Fraction(-7, 2)}
    assert evaluate("a // 1", names) == -4
    assert evaluate("int(a)", names) == -3
    assert evaluate("a % 2", names) == HALF
    assert evaluate("+a", names) == evaluate("float(a)", names) == Fraction(-7, 2)


def test_a_formula_without_a_value_says_so() -> None:
    assert failure("1 / a", a=Fraction(0)) == "formula '1 / a': division by zero"
    assert failure("min(5)").startswith("formula 'min(5)': ")
    assert failure("b", a=ONE).startswith("formula 'b': 'b' is not defined")
    assert failure("abs").startswith("formula 'abs'")


def test_the_names_that_a_formula_reads_are_no_functions() -> None:
    assert names_in(" max(cpu, round(mem, 2)) * cpu_total_price ") == {
        *("cpu", "mem", "cpu_total_price")
    }
    assert names_in("1 + 2") == frozenset()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((Fraction(0), "0"), (Fraction(-12), "-12"), (Fraction(1, 2), "0.5")),
        *((Fraction(-1, 8), "-0.125"), (Fraction(1, 5), "0.2"), (Fraction(3, 1_000), "0.003")),
        *((Fraction(123_456, 100), "1234.56"), (Fraction(1, 3), "1/3"), (Fraction(-7, 6), "-7/6")),
        *((Fraction(1, 2**10), "0.0009765625"), (Fraction(1, 5**30), f"0.{2**30:030d}")),
        (Fraction(3, 2**30), f"0.{3 * 5**30:030d}"),
    ],
)
def test_a_fraction_is_written_as_short_as_it_is_exact(value: Fraction, text: str) -> None:
    assert exact_text(value) == text


@given(st.fractions(), st.integers(-20, 20))
def test_a_text_of_an_amount_reads_back_and_is_no_longer_than_it_needs_to_be(
    value: Fraction, shift: int
) -> None:
    shifted = value * Fraction(10) ** shift
    text = exact_text(shifted)
    assert Fraction(text) == shifted
    assert not ("." in text and text.endswith("0"))
    assert text != "-0"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_a_decimal_is_written_as_a_plain_decimal(value: object) -> None:
    text = exact_text(Fraction(str(value)))
    assert "e" not in text.lower()
    assert "/" not in text


def test_a_fraction_with_too_many_digits_to_be_read_back_is_written_as_a_ratio() -> None:
    for bits, ratio in ((4_298, False), (4_300, True), (8_000, True)):
        text = exact_text(Fraction(1, 2**bits))
        assert ("/" in text) is ratio
        assert Fraction(text) == Fraction(1, 2**bits)
