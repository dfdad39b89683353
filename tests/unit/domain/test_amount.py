"""Amounts as a person or a spreadsheet writes them: read to the cent, or refused."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.credits.amount import BadAmount, exact_sum, has_cents, parse_amount
from functions.domain.credits.cells import shown

amounts = st.integers(0, 10**32 - 1).map(lambda cents: Decimal(f"{cents}e-2"))
WRITTEN = (
    *("{0:.2f}", "{0:,.2f}", "${0:.2f}", "${0:,.2f}", "$ {0:,.2f}", "  ${0:,.2f} ", " {0:.2f}"),
    *("USD {0:.2f}", "{0:,.2f} USD", "US${0:.2f}", "US$ {0:,.2f}", "{0:.2f}$", "${0:,.2f} usd"),
    *("\xa0{0:,.2f}\xa0", "$\xa0{0:.2f}", "\t{0:.2f}", "\u202f{0:.2f}", "\u202a{0:.2f}\u202c"),
    *("\ufeff{0:.2f}", "{0:.2f}00000000"),
)
REVERSED = (
    *("{0:.2f}-", "${0:,.2f}-", "{0:,.2f} -", "\u2212{0:.2f}", "\u2013${0:.2f}", "(USD {0:.2f})"),
    *("-{0:.2f} USD", "USD -{0:.2f}", "US$({0:,.2f})", "({0:.2f}) USD", "\xa0-{0:.2f}\xa0"),
    *("-{0:,.2f}", "-${0:.2f}", "- $ {0:,.2f}", "$-{0:,.2f}", "$ - {0:.2f}"),
    *("({0:,.2f})", "(${0:,.2f})", "$({0:.2f})", "$ ( {0:,.2f} ) ", " ( $ {0:.2f} )"),
)
# What Decimal() itself would take although it is no amount of dollars.
TAKEN_BY_DECIMAL = (
    *("NaN", "sNaN", "nan", "Infinity", "inf", "-Infinity", "1e5", "1E5", "1e-2", "-1E+5"),
    *("1_000", "+5.00", ".5", ".500", "5.", "\u0665.00", "\uff15.00", "5.00\n", "5\xa000"),
)
EUROPEAN = (
    *("6407,96", "6.407,96", "1,5", "1,50", "12,34", "1.234", "1.234.567", "1 234.56"),
    *("0,500", "$0,123", "000,500", "0,123.45"),
)
MALFORMED = (
    *("1.005", "0.000", "$1.2.3", "1,2345", "1234,567", "1234,567.0", ",123.00", "1,,234.00"),
    *("$1,23", "1,23.00", "12,34,567.00", "1,234,56.00", "1,234,", "1,234,.00"),
    *("1" * 31, f"{'9' * 16},{'9' * 16}.00"),
    *("5 EUR", "USD", "\u20ac5", "$5$", "$$5", "USD5USD", "1$5", "0x10", "five", "$", "\u00bd"),
    *("1 2", "'5.00"),
    *("(5", "5)", "X5.00", "5.00X", "(5))", "--5", "5--", "-5-", "-(5)", "(-5)", "(5)-", "#REF!"),
)
READINGS = [
    {"blank_is_zero": blank_is_zero, "allow_reversals": allow_reversals}
    for blank_is_zero in (False, True)
    for allow_reversals in (False, True)
]
NARROW, NEGATIVE = "too narrow; correct the cell", "and allow_reversals is not set"
DASHES = ("-", " - ", "$-", "$ -", " $ -   ", " $-   ", "\u2013", "\xa0$\xa0-\xa0", "USD -")


def read(text: str, *, blank_is_zero: bool = False, allow_reversals: bool = False) -> Decimal:
    return parse_amount(text, blank_is_zero=blank_is_zero, allow_reversals=allow_reversals)


@given(amounts, st.sampled_from(WRITTEN), st.sampled_from(READINGS))
def test_whatever_is_written_to_the_cent_reads_back_exactly(
    amount: Decimal, written: str, reading: dict[str, bool]
) -> None:
    assert read(written.format(amount), **reading) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("$0.00", "0"), ("$6,407.96", "6407.96"), ("0", "0"), ("7", "7"), ("$7.5", "7.50")),
        *(("$.50", "0.50"), ("9" * 30, "9" * 30)),
        ("1,2345.00", "12345"),
        ("$1234,567.89", "1234567.89"),
        ("$5473655308557,54736553485.85", "547365530855754736553485.85"),
    ],
)
def test_cents_may_be_left_out_or_stand_alone_and_where_they_follow_no_comma_is_a_decimal_one(
    text: str, amount: str
) -> None:
    assert read(text) == Decimal(amount)


@given(amounts.filter(bool), st.sampled_from(REVERSED))
def test_a_reversal_keeps_its_sign_where_it_is_allowed_and_is_called_negative_elsewhere(
    amount: Decimal, written: str
) -> None:
    text = written.format(amount)
    assert read(text, allow_reversals=True) == amount.copy_negate()
    for blank_is_zero in (False, True):
        with pytest.raises(BadAmount, match=f"is negative, {NEGATIVE}") as refused:
            read(text, blank_is_zero=blank_is_zero)
        assert shown(text) in str(refused.value)


@pytest.mark.parametrize(
    "text", ["-0.00", "(0)", "-$0.00", "($0.00)", "0.00-", "USD -0", "\u22120.00", "$-0.00"]
)
def test_a_reversal_of_nothing_is_nothing_wherever_it_stands(text: str) -> None:
    for reading in READINGS:
        assert str(read(text, **reading)).startswith("0")


@pytest.mark.parametrize("text", [*TAKEN_BY_DECIMAL, *EUROPEAN, *MALFORMED])
def test_what_is_no_plain_dollars_and_cents_is_refused_by_its_value(text: str) -> None:
    for reading in READINGS:
        with pytest.raises(BadAmount) as refused:
            read(text, **reading)
        assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", DASHES)
def test_the_dash_of_an_accounting_format_is_zero(text: str) -> None:
    for reading in READINGS:
        assert read(text, **reading) == 0


@pytest.mark.parametrize("text", ["", " ", "\xa0", "\u200b"])
def test_an_empty_cell_is_zero_only_where_that_is_asked_for(text: str) -> None:
    for allow_reversals in (False, True):
        assert read(text, blank_is_zero=True, allow_reversals=allow_reversals) == 0
        with pytest.raises(BadAmount, match="is empty; write"):
            read(text, allow_reversals=allow_reversals)


@given(st.text("0123456789$,.-() eE+_", max_size=16), st.sampled_from(READINGS))
def test_no_digit_of_an_amount_is_lost_or_moved(text: str, reading: dict[str, bool]) -> None:
    try:
        amount = read(text, **reading)
    except BadAmount:
        return
    assert abs(amount) == Decimal(re.sub(r"[^0-9.]", "", text) or "0")
    assert amount == amount.quantize(Decimal("0.01"))
    assert amount >= 0 or reading["allow_reversals"]


def test_an_amount_without_two_decimals_may_have_lost_its_end() -> None:
    whole = ["$0.00", "-1.00", "(1.00)", "( 1.00 ) ", "1.00-", "1.00 USD", "1.0000000000"]
    cut_off = ["", "-", "$6", "$6,407", "$6,407.", "$6,407.9", "$6,4"]
    assert [text for text in whole + cut_off if has_cents(text)] == whole


def test_a_long_cell_is_not_quoted_as_a_whole() -> None:
    assert shown("9" * 40) == repr("9" * 40)
    assert shown("9" * 500) == repr("9" * 40 + "\u2026")


def test_an_account_in_the_column_of_amounts_is_not_billions_of_dollars() -> None:
    assert read("123456789012.00") == read("12345678901200") / 100
    with pytest.raises(BadAmount, match="'123456789012' is an account; write dollars and cents"):
        read("123456789012")


def test_a_sum_is_exact_and_that_of_nothing_is_zero() -> None:
    assert exact_sum([]) == 0
    amounts = [Decimal(10**40), Decimal("0.01"), Decimal("-0.02")]
    assert exact_sum(amounts) == Decimal(f"{10**40 - 1}.99")


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ("is not plain US dollars like $6,407.96", ["five", "1 234.50"]),
        ("is empty; write $0.00 for none", [""]),
        (f"is an error of the spreadsheet or a column {NARROW}", ["#REF!", "#####"]),
        ("is in scientific notation; format it with two decimals", ["5.47E+10", "1e-2"]),
        ("is a formula or marked as text; write the amount itself", ["=B1*2", "'5.00"]),
        ("is not in US dollars", ["5 EUR", "\u00a35.00"]),
        ("has a decimal comma; write it like 1,234.50", ["1.234,50", "$1234,5"]),
        ("may have thousands or decimals; write it like 1,234.50", ["1.234", "1.234.567"]),
        ("has more than two decimals; round it to the cent", ["6407.9612", "1,234.567"]),
        (f"is negative, {NEGATIVE}; a credit is written as a positive amount", ["-5.00"]),
    ],
)
def test_a_refusal_names_the_kind_and_what_to_do(said: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(BadAmount) as refused:
            read(text)
        assert str(refused.value) == f"amount {text!r} {said}"
