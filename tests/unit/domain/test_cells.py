"""Cells as spreadsheets leave them: read, or called by the kind of their fault."""

import pytest

from functions.domain.credits.cells import account_problem, tidy

A = "054736553085"
TEXT = f"write {A} and format the column as text"
SCIENTIFIC = "is in scientific notation; format the column as text and enter its 12 digits"
NO_DIGITS = "is not exactly 12 digits"


@pytest.mark.parametrize("account", ["000000000001", A, "999999999999"])
def test_twelve_digits_are_an_account(account: str) -> None:
    assert account_problem(account) is None


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("", "is missing; remove the row if it is a total"),
        ("000000000000", "does not exist; remove the row if it is a total"),
        *((account, "is a total; remove the row") for account in ("Total", "GRAND TOTAL:", "Sum")),
        (
            "54736553085",
            f"has 11 digits: the leading zero was lost: {A}? Format the column as text",
        ),
        (
            "4736553085",
            "has 10 digits: leading zeros were lost: 004736553085? Format the column as text",
        ),
        ("1234567", "has 7 digits instead of 12"),
        ("0547365530850", "has 13 digits instead of 12"),
        *((account, SCIENTIFIC) for account in ("5.47E+10", "5e10", "5,47E+10")),
        (f'="{A}"', f"is a formula; {TEXT}"),
        (f"={A}", f"is a formula; {TEXT}"),
        (f"'{A}", f"has an apostrophe; {TEXT}"),
        ("0547-3655-3085", f"is written in groups; {TEXT}"),
        ("547 3655 3085", f"is written in groups; {TEXT}"),
        ("54736553085.0", f"is formatted as a number; {TEXT}"),
        ("54,736,553,085", f"is formatted as a number; {TEXT}"),
        (f"Prod ({A})", f"has more in its cell than 12 digits; {TEXT}"),
        *((account, NO_DIGITS) for account in ("Summer", f"{A[:-1]}o")),
        *((digit * 12, NO_DIGITS) for digit in "\u0660\uff10\u00b2"),
    ],
)
def test_an_account_that_is_none_is_called_by_its_fault(account: str, said: str) -> None:
    assert account_problem(account) == f"account {account!r} {said}"


@pytest.mark.parametrize("before", ["", " ", "\xa0", "\t", "\ufeff", "\u200b", "\u202a", "\u202f "])
@pytest.mark.parametrize("after", ["", "  ", "\xa0", "\t", "\u202c", "\u2060"])
def test_what_cannot_be_seen_around_a_cell_is_not_part_of_it(before: str, after: str) -> None:
    assert tidy(f"{before}{A}{after}") == A


def test_a_line_end_is_part_of_a_cell() -> None:
    assert tidy(f"{A}\n") == f"{A}\n"


@pytest.mark.parametrize("dash", "\xad\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d")
def test_every_dash_is_a_minus_and_every_blank_a_blank(dash: str) -> None:
    assert tidy(f"{dash}\xa0$\u20075") == "- $ 5"
