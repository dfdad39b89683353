"""Credits as rows of the Common Bill Format, and what is stored read back to the cent."""

import hashlib
import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.domain.credits.cbf import (
    MOST_BYTES,
    as_posted,
    credit_rows,
    drop_body,
    plain_number,
)
from functions.domain.credits.contents import Contents, Line, differences, read_rows
from functions.domain.month import Month
from functions.errors import BadCredits
from infra.local.partners.cloudzero.contract import parse_drop

JANUARY = Month(2025, 1)
A, B, C = "054736553085", "000000000001", "999999999999"

accounts = st.integers(0, 10**12 - 1).map("{:012d}".format)


def dollars(cents: int) -> Decimal:
    return Decimal(f"{cents}e-2")


cents = st.integers(-(10**32), 10**32)
amounts = cents.map(dollars)
credits_of_a_month = st.dictionaries(accounts, amounts, max_size=20)


def written(credits_: dict[str, Decimal], month: Month = JANUARY) -> list[dict[str, str]]:
    return credit_rows(month, credits_.items())


def contents(**costs: str) -> Contents:
    return read_rows([a_row(cost, account) for account, cost in costs.items()])


def a_row(cost: Any, account: str = A, **columns: Any) -> dict[str, Any]:
    return {
        "lineitem/type": "Credit",
        "resource/service": "AWSCredits",
        "resource/account": account,
        "cost/cost": cost,
        **{name.replace("__", "/"): value for name, value in columns.items()},
    }


# Written


def test_a_credit_lowers_the_bill_of_its_account_in_its_month() -> None:
    assert written({A: Decimal("11845.35")}) == [
        {
            "lineitem/type": "Credit",
            "lineitem/description": "Monthly MAP Credit",
            "time/usage_start": "2025-01-01T00:00:00Z",
            "time/usage_end": "2025-01-31T23:59:59Z",
            "resource/account": "054736553085",
            "resource/service": "AWSCredits",
            "cost/cost": "-11845.35",
        }
    ]


@pytest.mark.parametrize(
    ("amount", "cost"),
    [
        *(("6407.9", "-6407.90"), ("0", "0.00"), ("0.00", "0.00"), ("-0.00", "0.00")),
        *(("-2.50", "2.50"), ("1E+5", "-100000.00"), (f"{'9' * 30}.99", f"-{'9' * 30}.99")),
    ],
)
def test_a_cost_is_a_plain_decimal_and_only_a_reversal_is_a_charge(amount: str, cost: str) -> None:
    assert written({A: Decimal(amount)})[0]["cost/cost"] == cost


def test_the_request_replaces_the_whole_month() -> None:
    rows = written({A: Decimal(1)}, Month(2024, 2))
    assert json.loads(drop_body(Month(2024, 2), rows)) == {
        "month": "2024-02-01T00:00:00Z",
        "operation": "replace_drop",
        "data": rows,
    }


@settings(deadline=None)
@given(credits_of_a_month, st.builds(Month, st.integers(2000, 2100), st.integers(1, 12)))
def test_every_request_is_what_cloudzero_documents(
    credits_: dict[str, Decimal], month: Month
) -> None:
    drop = parse_drop(drop_body(month, written(credits_, month)))
    assert (drop.month, len(drop.rows)) == (str(month), len(credits_))


def test_some_nineteen_thousand_accounts_fit_into_a_request() -> None:
    body = drop_body(JANUARY, written({f"{n:012d}": Decimal("11845.35") for n in range(19_000)}))
    assert 0.9 * MOST_BYTES < len(body) <= MOST_BYTES


@settings(deadline=None)
@given(credits_of_a_month)
def test_what_is_written_reads_back_with_the_same_total(credits_: dict[str, Decimal]) -> None:
    found = read_rows(json.loads(drop_body(JANUARY, written(credits_)))["data"])
    assert Fraction(found.credit) == sum(map(Fraction, credits_.values()))
    assert (found.rows, found.totals.unique_accounts) == (len(credits_), len(credits_))
    assert (found.unreadable, found.foreign) == (0, 0)


# Read


def test_an_account_with_several_rows_is_one_account() -> None:
    found = read_rows([a_row("-1.00"), a_row("-2.00"), a_row("-2.00"), a_row("-3.00", B)])
    assert (found.rows, found.totals.unique_accounts, f"{found.credit}") == (4, 2, "8.00")


@pytest.mark.parametrize("cost", ["-1.50", "-1.5", "-1.500", -1.5, Decimal("-1.5"), "-15E-1"])
def test_a_cost_is_the_same_number_however_it_is_written(cost: Any) -> None:
    assert read_rows([a_row(cost)]).shows(contents(**{A: "-1.50"}))


def test_a_total_of_nothing_has_no_sign() -> None:
    found = read_rows([a_row("-0.00"), a_row("0"), a_row(-0.0)])
    assert str(found.credit) == "0.00"
    assert found.lines == {Line(A, Decimal("0.00")): 3}
    assert str(next(iter(found.lines)).cost) == "0.00"


@pytest.mark.parametrize(
    "cost",
    [
        *(None, "", "n/a", "NaN", "-Infinity", float("nan"), "1E+60", "1E-61", True),
        *([], {}, "1,000.00", b"1"),
    ],
)
def test_a_cost_that_is_no_number_is_counted_and_never_taken_for_zero(cost: Any) -> None:
    found, one = read_rows([a_row("-1.00"), a_row(cost)]), contents(**{A: "-1.00"})
    assert (found.rows, found.unreadable, f"{found.credit}") == (2, 1, "1.00")
    assert not found.shows(one)
    assert "1 stored row without a number as its cost" in differences(one, found)


def test_a_row_without_a_cost_or_an_account_is_still_a_row() -> None:
    found = read_rows([{}, {"cost/cost": "-1.00"}])
    assert (found.rows, found.unreadable, found.foreign) == (2, 1, 2)
    assert found.lines == {Line("", Decimal("-1.00")): 1}


@pytest.mark.parametrize(
    ("columns", "foreign"),
    [
        *(({"lineitem__type": kind}, 1) for kind in ("Usage", None, "Discount")),
        ({"resource__service": "EDP"}, 1),
        *(({"resource__service": service}, 0) for service in (None, "", "AWSCredits")),
        ({"resource__service": None, "lineitem__description": "SLA refund"}, 1),
        ({"lineitem__description": "Monthly MAP Credit"}, 0),
        *(
            ({name: "x", "lineitem__description": said}, foreign)
            for name in ("resource__id", "resource__tag:team", "bill__invoice_id", "lineitem__id")
            for said, foreign in (("Monthly MAP Credit", 0), ("", 1), (None, 1))
        ),
        *(({"resource__id": blank, "drop_id": "d"}, 0) for blank in (None, "", " ")),
        *(({"time__usage_start": f"2025-01-{day}"}, day != "01") for day in ("01", "17")),
    ],
)
def test_what_somebody_else_put_into_the_stream_is_distinguished_from_our_credits(
    columns: dict[str, Any], foreign: int
) -> None:
    assert read_rows([a_row("-1.00"), a_row("-1.00", **columns)]).foreign == foreign


@pytest.mark.parametrize(
    ("columns", "of"),
    [
        ({"lineitem__type": "Usage"}, "usage"),
        ({"time__usage_start": "2025-02-01T00:00:00Z"}, "2025-02"),
        ({"lineitem__type": "CREDIT", "time__usage_start": "2025-01-01 00:00:00+00:00"}, ""),
        ({"lineitem__type": None, "time__usage_start": None}, ""),
        ({"time__usage_start": "1735689600"}, ""),
    ],
)
def test_rows_of_another_type_or_month_are_not_those_that_were_posted(
    columns: dict[str, Any], of: str
) -> None:
    posted = read_rows([a_row("-1.00", **IN_JANUARY)])
    stored = read_rows([a_row("-1.00", **{**IN_JANUARY, **columns})])
    assert stored.shows(posted) is not bool(of)
    assert (f"stored rows are of {of}" in differences(posted, stored)) is bool(of)


def test_a_number_with_a_line_in_it_is_no_cost() -> None:
    assert read_rows([a_row("-1_0.25")]).unreadable == 1


@given(st.lists(st.decimals(-100, 100, places=5), max_size=20))
def test_fractions_of_a_cent_count_in_the_total(costs: list[Decimal]) -> None:
    found = read_rows(a_row(str(cost)) for cost in costs)
    assert found.credit == -sum(costs, Decimal(0)).quantize(Decimal("0.01"))


# Compared

names = st.sampled_from([A, B, C])
lines = st.lists(st.tuples(names, amounts), min_size=1, max_size=12)
lines_in_cents = st.lists(st.tuples(names, cents), min_size=1, max_size=12)


@settings(deadline=None)
@given(lines, st.data())
def test_the_order_of_rows_makes_no_difference(
    rows: list[tuple[str, Decimal]], data: st.DataObject
) -> None:
    posted = read_rows(credit_rows(JANUARY, rows))
    stored = read_rows(credit_rows(JANUARY, data.draw(st.permutations(rows))))
    assert stored.shows(posted)
    assert stored.digest == posted.digest
    assert differences(posted, stored) == ""


@settings(deadline=None)
@given(lines_in_cents, st.data(), st.sampled_from([1, -1]))
def test_a_single_changed_cent_is_a_difference(
    rows: list[tuple[str, int]], data: st.DataObject, cent: int
) -> None:
    number = data.draw(st.integers(0, len(rows) - 1))
    account, before = rows[number]
    changed = [*rows[:number], (account, before + cent), *rows[number + 1 :]]
    posted, stored = (
        read_rows(credit_rows(JANUARY, ((name, dollars(of)) for name, of in side)))
        for side in (rows, changed)
    )
    assert posted.digest != stored.digest
    assert not stored.shows(posted)
    assert f"missing: {account} {dollars(before)} (1 in all)" in differences(posted, stored)


@settings(deadline=None)
@given(lines, st.data())
def test_a_row_that_is_missing_or_there_twice_is_a_difference(
    rows: list[tuple[str, Decimal]], data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(rows))
    whole = read_rows(credit_rows(JANUARY, rows))
    doubled = read_rows(credit_rows(JANUARY, [*rows, row]))
    assert (whole.digest != doubled.digest) == bool(row[1])
    assert "unexpected: " in differences(whole, doubled)
    assert ("missing: " in differences(doubled, whole)) == bool(row[1])


def test_an_amount_under_another_account_is_a_difference() -> None:
    found = differences(contents(**{A: "-1.00", B: "-2.00"}), contents(**{A: "-1.00", C: "-2.00"}))
    assert found == (
        "stored: 2 rows, 3.00 USD of credits; posted: 2 rows, 3.00 USD of credits; "
        f"missing: {B} 2.00 (1 in all); unexpected: {C} 2.00 (1 in all)"
    )


def test_a_lost_month_is_a_difference() -> None:
    posted = contents(**{A: "-1.00", B: "0.00"})
    assert differences(posted, read_rows([])) == (
        "stored: 0 rows, 0.00 USD of credits; posted: 2 rows, 1.00 USD of credits; "
        f"missing: {B} 0.00, {A} 1.00 (2 in all)"
    )


def test_only_the_first_differences_are_named_and_all_are_counted() -> None:
    posted = read_rows(a_row("-1.00", f"{number:012d}") for number in range(40))
    found = differences(posted, read_rows([]))
    assert found.endswith("000000000004 1.00 (40 in all)")
    assert found.count(" 1.00") == 5


def test_fractions_that_add_up_to_cents_are_a_difference() -> None:
    posted = read_rows(a_row("-1.00", f"{number:012d}") for number in range(4))
    stored = read_rows(a_row("-1.004", f"{number:012d}") for number in range(4))
    assert stored.lines == posted.lines
    assert not stored.shows(posted)
    assert "stored: 4 rows, 4.02 USD" in differences(posted, stored)


# Put back

START = "time/usage_start"
IN_JANUARY = {"time__usage_start": "2025-01-01T00:00:00Z"}


def put_back(**columns: Any) -> dict[str, str]:
    (posted,) = as_posted(JANUARY, [a_row("-1.00", **IN_JANUARY, **columns)])
    return {name: text for name, text in posted.items() if name not in a_row("-1.00")}


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("resource/tag:taxable", True, "true"),
        ("resource/tag:taxable", False, "false"),
        ("resource/tag:teams", ["a", {"b": 1}], '["a",{"b":1}]'),
        ("k8s/labels", {"a": None}, '{"a":null}'),
        ("usage/amount", 3, "3"),
        ("usage/amount", "1.5E+3", "1500"),
        ("usage/amount", "some", "some"),
        ("cost/amortized_cost", "-2e-3", "-0.002"),
        ("resource/id", "1E5", "1E5"),
        ("time/usage_end", "2025-01-31 23:59:59", "2025-01-31T23:59:59Z"),
        ("time/usage_end", "2025-02-01T00:59:59+01:00", "2025-01-31T23:59:59Z"),
        ("time/usage_end", "later", "later"),
        ("time/usage_end", "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
    ],
)
@pytest.mark.usefixtures("machine_in_new_york")
def test_a_column_is_put_back_as_a_text_that_cloudzero_accepts(
    column: str, value: Any, text: str
) -> None:
    found = put_back(**{column.replace("/", "__"): value})
    assert found == {START: "2025-01-01T00:00:00Z", column: text}


@pytest.mark.parametrize(
    ("number", "kept"), [("1E-7", "0.0000001"), ("-1.50", "-1.50"), ("1E+999999", "1E+999999")]
)
def test_a_number_is_kept_without_an_exponent(number: str, kept: str) -> None:
    assert plain_number(number) == kept


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_blank_column_and_a_remark_of_cloudzero_are_left_out(value: Any) -> None:
    assert put_back(lineitem__id=value, drop_id="d-1") == {START: "2025-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("account", "text"), [(int(A), A), (f"{int(A)}.0", A), (1.5, "1.5"), (float("nan"), "nan")]
)
def test_an_account_that_is_shown_as_a_number_has_its_zeros_again(account: Any, text: str) -> None:
    row = a_row("-1.00", account, **IN_JANUARY)
    assert as_posted(JANUARY, [row])[0]["resource/account"] == text
    assert read_rows([row]).lines == contents(**{text: "-1.00"}).lines


@pytest.mark.parametrize("cost", [-100, Decimal("-1E+2"), "-1e2", "-100.0"])
def test_a_cost_is_put_back_without_an_exponent(cost: Any) -> None:
    (posted,) = as_posted(JANUARY, [a_row(cost, **IN_JANUARY)])
    assert posted["cost/cost"] in {"-100", "-100.0"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        *(
            ({"cost__cost": cost}, f"cost/cost {cost!r} is not a number")
            for cost in ("n/a", None, "", True, "1E+999999999")
        ),
        ({"cost__cost": "x" * 900}, f"cost/cost '{'x' * 40}…' is not a number"),
        ({"time__usage_start": "soon"}, "time/usage_start 'soon' is not in 2025-01"),
        ({"time__usage_start": "2025-02-01T00:00:00Z"}, "time/usage_start '2025-02-01T00:00:00Z' "),
    ],
)
def test_a_row_that_cannot_be_put_back_is_named(columns: dict[str, Any], said: str) -> None:
    rows = [a_row("-1.00", **{**IN_JANUARY, **changed}) for changed in ({}, columns)]
    with pytest.raises(BadCredits, match=re.escape(f"stored row 2: {said}")):
        as_posted(JANUARY, rows)


@pytest.mark.parametrize("start", [None, "", " "])
def test_a_row_without_a_time_is_of_the_month_that_it_is_shown_in(start: str | None) -> None:
    rows = [a_row("-1.00"), a_row("-1.00", time__usage_start=start)]
    for row in as_posted(JANUARY, rows):
        assert row["time/usage_start"] == "2025-01-01T00:00:00Z"
    with pytest.raises(BadCredits, match=r"^kept row 1: cost/cost None is not a number$"):
        as_posted(JANUARY, [a_row(None)], "kept")


def test_a_request_that_is_too_large_is_refused() -> None:
    rows = written({f"{n:012d}": Decimal("11845.35") for n in range(21_000)})
    with pytest.raises(BadCredits, match=r"2025-01 has 21,000 rows, .* Leave out accounts with"):
        drop_body(JANUARY, rows)


def test_one_row_may_be_too_large_and_then_fewer_accounts_would_not_help() -> None:
    with pytest.raises(BadCredits, match=r"2025-01 has 1 row, 5,.* a month in one request$"):
        drop_body(JANUARY, [{"lineitem/description": "x" * MOST_BYTES}], advice="")


def test_a_request_of_just_less_than_the_limit_is_sent() -> None:
    room = MOST_BYTES - len(drop_body(JANUARY, [{"lineitem/description": ""}]))
    assert drop_body(JANUARY, [{"lineitem/description": "x" * (room - 1)}])
    with pytest.raises(BadCredits, match="5,000,000 bytes as a request; CloudZero takes less than"):
        drop_body(JANUARY, [{"lineitem/description": "x" * room}])


def test_rows_of_nothing_may_be_missing_and_no_others() -> None:
    one, both = contents(**{A: "-1.00"}), contents(**{A: "-1.00", B: "0.00"})
    assert one.shows(both)
    assert differences(both, one) == ""
    assert not both.shows(one), "a row of 0.00 that nobody posted"
    assert not contents(**{B: "0.00"}).shows(both)
    assert one.digest == both.digest


def test_costs_to_sixty_decimals_and_below_sixty_digits_are_numbers() -> None:
    rows = ["1E-60", *["9E+59"] * 20, *["-9E+59"] * 20, "1E-61", "x"]
    found = read_rows([a_row(cost) for cost in rows])
    assert (found.rows, found.unreadable, found.cost) == (43, 2, Decimal("1E-60"))


@pytest.mark.parametrize("cost", [-0.01, -0.03, -5.1, -11845.35])
def test_a_binary_fraction_that_is_written_out_in_full_is_its_amount(cost: float) -> None:
    found = read_rows([a_row(f"{Decimal(cost):f}")])
    assert found.shows(contents(**{A: f"{cost:.2f}"}))


def test_a_month_is_known_by_its_accounts_and_costs_in_order() -> None:
    found = contents(**{A: "-1.5", B: "-2.00"})
    assert found.digest == hashlib.sha256(f"{B} -2.00\n{A} -1.50".encode()).hexdigest()
    assert read_rows([]).digest == hashlib.sha256().hexdigest()


def test_two_rows_of_one_account_and_amount_are_two_of_ours() -> None:
    found = read_rows([a_row("-1.00"), a_row("-1.00"), a_row("-2.00", B)])
    assert found.own.total() == found.lines.total() == 3


def test_types_and_months_of_all_rows_are_known() -> None:
    months = ("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z")
    found = read_rows([a_row("-1.00", time__usage_start=start) for start in months])
    assert found.named == {"credit", "2025-01", "2025-02"}
    other = read_rows([a_row("-1.00", lineitem__type="Tax"), a_row("-1.00", lineitem__type="Fee")])
    assert "stored rows are of fee, tax" in differences(read_rows([a_row("-2.00")]), other)


def test_half_a_character_in_an_account_has_a_digest() -> None:
    assert read_rows([a_row("-1.00", "\ud800")]).digest
