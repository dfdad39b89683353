"""Whatever bytes or JSON come in, only the documented errors come out."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from functions.adapters.clazar.answers import read_answers
from functions.domain import formula
from functions.domain.credits.contents import read_rows
from functions.domain.credits.file import read_credits
from functions.domain.ledger.listing import Listing, with_rows
from functions.domain.ledger.listing_pages import ask, turn
from functions.domain.ledger.reading import read_quantity, read_time, same_contract
from functions.domain.month import Month, parse_instant
from functions.domain.months import state_file
from functions.domain.plan import Plan, parse_plan, parse_plans
from functions.errors import BadCredits, BadInput, BadState
from tests.differential.any_json import anything, words
from tests.differential.steadily import steadily

SAID = ["next", "count", "cursor", "next_cursor", "has_more", "meta", "results", "pages"]
ANSWERS = {"accepted", "refused", "present", "unknown", "not_taken"}
BEGINS, AUGUST_2 = "2025-07-01T00:00:00Z", datetime(2025, 8, 2, tzinfo=UTC)
RECORDS = [
    {"contract_id": "c-1", "dimension": name, "quantity": "5", "start_time": BEGINS}
    for name in ("cpu", "mem")
]
JULY = Month(2025, 7)

# Clazar


@steadily
@given(anything)
def test_every_record_has_an_answer_whatever_clazar_says(body: Any) -> None:
    for answers in (read_answers(RECORDS, body), read_answers(RECORDS, body, 400)):
        assert answers.keys() == {"cpu", "mem"}
        assert {answer.kind for answer in answers.values()} <= ANSWERS


results = st.dictionaries(
    st.sampled_from(
        [*("dimension", "contract_id", "status", "quantity"), "id", "errors", "code", "start_time"]
    ),
    words | anything,
    max_size=6,
)


@steadily
@given(st.lists(results, max_size=4))
def test_only_the_word_success_without_a_fault_is_acceptance(listed: list[Any]) -> None:
    for answer in read_answers(RECORDS, {"results": listed}).values():
        if answer.kind == "accepted":
            assert any(
                result.get("status") == "success"
                and not result.get("errors")
                and result.get("contract_id") in (None, "c-1")
                and result.get("start_time") in (None, BEGINS)
                for result in listed
            )


rows = st.fixed_dictionaries(
    {"contract_id": st.just("c-1") | anything, "start_time": words | anything},
    optional={"dimension": words | anything, "quantity": anything, "status": words | anything},
)


@steadily
@given(st.lists(rows | anything, max_size=5))
@example([{"contract_id": "c-1", "start_time": "0001-01-01T00:00:00+01:00", "dimension": "cpu"}])
def test_a_listing_is_read_whatever_it_holds(listed: list[Any]) -> None:
    """A row that is neither another's nor failed is stored, or a doubt: none disappears."""
    for row in listed:
        found = with_rows(Listing(), [row], "c-1", JULY, AUGUST_2)
        known = row if isinstance(row, dict) else {}
        begins = read_time(known.get("start_time"))
        failed = str(known.get("status")).strip().casefold() in ("fail", "error")
        elsewhere = begins is not None and not JULY.start <= begins < JULY.end
        others = same_contract(known.get("contract_id"), "c-1") is False
        assert bool(found.stored or found.doubts) != (failed or elsewhere or others)
    of_all = with_rows(Listing(), listed, "c-1", JULY, AUGUST_2)
    assert sum(map(len, of_all.stored.values())) <= len(listed)
    assert msgspec.json.decode(msgspec.json.encode(of_all), type=Listing)


@steadily
@given(st.lists(st.dictionaries(words | st.sampled_from(SAID), anything), max_size=4))
def test_a_listing_comes_to_an_end_whatever_its_pages_say(bodies: list[dict[str, Any]]) -> None:
    asked = ask("c-1", BEGINS)
    for body in [*bodies, {}]:
        if asked.queries:
            rows = body.get("results")
            page = {**body, "results": rows if isinstance(rows, list) else []} if body else body
            asked = turn(asked, page, "c-1", JULY)
            assert all(
                isinstance(value, str) for query in asked.queries for value in query.values()
            )
    assert not asked.queries


@steadily
@given(words | anything)
def test_a_quantity_and_a_time_are_read_or_are_none(value: Any) -> None:
    number, instant = read_quantity(value), read_time(value)
    assert number is None or number.is_finite()
    assert instant is None or instant.utcoffset() == timedelta(0)
    assert same_contract(value, "c-1") in (True, False, None)


@steadily
@given(st.text() | words | anything)
@example("0001-01-01T00:00:00+01:00")
@example("9999-12-31T23:59:59-01:00")
def test_a_text_is_an_instant_or_is_refused_by_its_value(text: Any) -> None:
    try:
        instant = parse_instant(text)
    except ValueError as refused:
        assert repr(text) in str(refused)  # noqa: PT017  # both ways are allowed
    else:
        assert instant.utcoffset() is not None


# The state file, plans and formulas


@steadily
@given(st.binary(max_size=40) | st.text('{}[]":,1\\ud80 e', max_size=40).map(str.encode))
def test_a_state_file_is_read_or_left_as_it_is_whatever_its_bytes(body: bytes) -> None:
    try:
        document = state_file.parse(body, "state.json")
    except BadState as refused:
        assert "state.json" in str(refused)  # noqa: PT017  # both ways are allowed
    else:
        assert json.dumps(document) == json.dumps(json.loads(body.decode("utf-8-sig")))


@steadily
@given(anything)
@example({"note": "\ud800"})
def test_what_a_state_file_says_is_understood_or_refused_and_can_be_written(entry: Any) -> None:
    document = state_file.parse(json.dumps({"S:E:P": entry}).encode(), "state.json")
    try:
        state = state_file.read_plan(document, "S:E:P", "state.json")
    except BadState as refused:
        assert "state.json, S:E:P" in str(refused)  # noqa: PT017  # both ways are allowed
    else:
        assert state
        after = state_file.record_month(
            document, "S:E:P", JULY, successes=["c"], errors=[], closes=True, at="now"
        )
        again = state_file.parse(state_file.encode(after), "state.json")
        assert json.dumps(again) == json.dumps(after)


# Configuration is read by a reader that refuses halves of characters.
well_formed = anything.filter(lambda value: r"\ud800" not in json.dumps(value))
plan_fields = st.dictionaries(
    st.sampled_from([*Plan.__struct_fields__, "other"]),
    well_formed | st.sampled_from(["max", "floor", "aws", "2025-07"]),
)
a_plan = {"service": "S", "environment_type": "E", "plan_id": "P"}


@steadily
@given(well_formed | plan_fields | plan_fields.map(lambda drawn: {**a_plan, **drawn}))
def test_a_plan_is_read_or_refused_by_its_name(value: Any) -> None:
    try:
        plan = parse_plan(value)
    except BadInput as refused:
        assert str(refused).startswith("plan ")  # noqa: PT017  # both ways are allowed
    else:
        assert plan.key == f"{value['service']}:{value['environment_type']}:{value['plan_id']}"


@steadily
@given(st.binary(max_size=40) | anything.map(lambda value: json.dumps([value]).encode()))
def test_a_list_of_plans_is_read_or_refused(text: bytes) -> None:
    try:
        plans = parse_plans(text)
    except BadInput:
        return
    assert plans


names = ("cpu", "cpu_total_price")
operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
calls = st.sampled_from(["abs", "min", "max", "round", "int", "float", "", "-"])
formulas = st.text("0123456789.e+-*/%(), \n_abcpu'\"", max_size=30) | st.recursive(
    st.sampled_from([*names, "1", "0", "2.5", "64", "1e9", "other"]),
    lambda inner: (
        st.tuples(inner, operators, inner).map(" ".join)
        | st.tuples(calls, inner).map(lambda call: f"{call[0]}({call[1]})")
    ),
    max_leaves=10,
)


@steadily
@given(formulas, st.fractions(0), st.fractions(0))
def test_a_formula_has_an_exact_value_or_says_why_not(
    text: str, usage: Fraction, price: Fraction
) -> None:
    try:
        formula.check(text)
        value = formula.evaluate(text, dict(zip(names, (usage, price), strict=True)))
    except formula.FormulaError as refused:
        assert "formula" in str(refused) or "exponent" in str(refused)  # noqa: PT017  # both ways are allowed
    else:
        assert isinstance(value, Fraction)


def test_a_formula_of_signs_only_has_a_value_or_is_refused() -> None:
    for count in range(300, formula.MAX_LENGTH):
        try:
            value = formula.evaluate("-" * count + "1", {})
        except formula.FormulaError:
            continue
        assert value == (-1) ** count


# Credits


metadata = st.dictionaries(st.sampled_from(["row-count", "total-usd", "other"]), words | st.text())


@steadily
@given(metadata)
def test_control_totals_agree_or_are_quoted_whatever_they_say(said: dict[str, str]) -> None:
    months = [Month(2025, 1)]
    try:
        read_credits(
            "credits-2025-01.csv", b"054736553085,5.00\n", months, said, allow_reversals=False
        )
    except BadCredits as refused:
        problems = str(refused).count("\nthe upload's ")
        assert 0 < problems <= len(said.keys() & {"row-count", "total-usd"})


@steadily
@given(
    st.binary(max_size=80) | st.text('0159",$.\n\r- (\ufeff', max_size=80).map(str.encode),
    st.integers(1, 3),
)
def test_a_credits_file_is_read_or_refused_with_lines(body: bytes, count: int) -> None:
    key = "credits-2025-01.csv" if count == 1 else "credits-2025-01_2025-03.csv"
    months = [Month(2025, 1).plus(number) for number in range(count)]
    try:
        file = read_credits(key, body, months, {}, allow_reversals=True)
    except BadCredits as refused:
        assert "\nline " in str(refused)  # noqa: PT017  # both ways are allowed
    else:
        assert len(file.credits) + len(file.repeated) == file.rows > 0


@steadily
@given(st.lists(st.dictionaries(st.sampled_from(["cost/cost", "resource/account", "x"]), anything)))
@example([{"resource/account": "\ud800", "cost/cost": "-1.00"}])
def test_every_stored_row_is_counted_whatever_it_holds(stored: list[dict[str, Any]]) -> None:
    contents = read_rows(stored)
    assert contents.rows == len(stored)
    assert contents.foreign == len(stored)
    assert int(contents.digest, 16)
