"""What is said of a plan that cannot be used: plan, field, value, and the limits."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from functions.domain.plan import Plan, parse_plan, parse_plans
from functions.errors import BadInput

PLAN: dict[str, Any] = {"service": "S", "environment_type": "E", "plan_id": "P"}
MARGINS = ("marker_margin_minutes", "final_margin_minutes")
PART = "must be 1 to 128 characters without / or : or .. parts"
OUTSIDE = "must be a plain key outside ('ledger/', "


def refusal(**change: Any) -> str:
    with pytest.raises(BadInput) as refused:
        parse_plan({**PLAN, **change})
    return str(refused.value)


def refusal_of_list(text: str) -> str:
    with pytest.raises(BadInput) as refused:
        parse_plans(text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        *(("max_months", *wrong) for wrong in ((0, ">= 1"), (25, "<= 24"))),
        *(("late_window", *wrong) for wrong in ((-1, ">= 0"), (13, "<= 12"))),
        *(("submit_concurrency", *wrong) for wrong in ((0, ">= 1"), (1_001, "<= 1000"))),
        *(("marker_margin_minutes", *wrong) for wrong in ((-1, ">= 0"), (40_321, "<= 40320"))),
        *(("final_margin_minutes", *wrong) for wrong in ((-1, ">= 0"), (40_321, "<= 40320"))),
    ],
)
def test_a_number_outside_its_limits_is_reported_with_the_one_it_breaks(
    field: str, value: int, limit: str
) -> None:
    assert refusal(**{field: value}) == f"plan P: Expected `int` {limit} - at `$.{field}`: {value}"


def test_the_limits_themselves_are_allowed() -> None:
    for numbers in ((1, 0, 1, 0, 0), (24, 12, 1_000, 40_320, 40_320)):
        names = ("max_months", "late_window", "submit_concurrency", *MARGINS)
        assert parse_plan({**PLAN, **dict(zip(names, numbers, strict=True))})
    assert parse_plan({**PLAN, "service": "x" * 128, "plan_id": "..."}).plan_id == "..."
    assert parse_plan({**PLAN, "state_file": "state/my-plan_1.json"})


@pytest.mark.parametrize("field", ["service", "environment_type", "plan_id"])
@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a:b", "a\n", "x" * 129])
def test_a_name_that_fits_no_key_is_reported_with_its_field(field: str, value: str) -> None:
    assert refusal(**{field: value}).endswith(f": {field}: {value!r} {PART}")


@pytest.mark.parametrize(
    "value", ["ledger/x.json", "previews/x", "..", "a/../b", "/a", "a/", "a b", ""]
)
def test_a_state_file_that_is_no_key_of_its_own_is_reported(value: str) -> None:
    assert refusal(state_file=value).startswith(f"plan S:E:P: state_file: {value!r} {OUTSIDE}")


@pytest.mark.parametrize("value", ["20", "20 %", "-1%", "1e1%", "20%\n", "%", "1.234%"])
def test_a_share_that_is_no_percentage_is_reported(value: str) -> None:
    said = f"plan S:E:P: approve_above: {value!r} must be like '20%'"
    assert refusal(approve_above=value) == said


def test_a_share_is_exact() -> None:
    assert parse_plan({**PLAN, "approve_above": "12.5%"}).approve_share == Fraction(1, 8)
    assert parse_plan(PLAN).approve_share is None


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        ("rounding", "up", "ceiling, floor, half_up"),
        ("cloud", "ibm", "aws, azure, gcp"),
        ("completeness", "never", "calendar, marker"),
    ],
)
def test_a_word_that_is_none_of_a_few_is_reported_with_those(
    field: str, value: str, known: str
) -> None:
    said = f"Invalid enum value {value!r} - at `$.{field}`: {value!r}; known are {known}"
    assert refusal(**{field: value}) == f"plan P: {said}"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("max_months", "twelve", "`int`, got `str` - at `$.max_months`: 'twelve'"),
        ("start_month", 5, "`str | null`, got `int` - at `$.start_month`: 5"),
        ("dry_run", "no", "`bool`, got `str` - at `$.dry_run`: 'no'"),
    ],
)
def test_a_value_of_another_kind_is_reported_with_itself(field: str, value: Any, said: str) -> None:
    assert refusal(**{field: value}) == f"plan P: Expected {said}"


def test_an_unknown_key_is_reported_with_those_that_are_known() -> None:
    known = ", ".join(Plan.__struct_fields__)
    assert refusal(contracts=[]) == (
        f"plan P: Object contains unknown field `contracts`; known are {known}"
    )


def test_a_key_that_is_missing_or_a_plan_that_is_none_is_reported_as_it_stands() -> None:
    missing = r"^plan \?: Object missing required field `environment_type`$"
    with pytest.raises(BadInput, match=missing):
        parse_plan({"service": "S"})
    with pytest.raises(BadInput, match=r"^plan 3: Expected `object`, got `int`$"):
        parse_plan(3)


def test_the_first_of_several_faults_is_reported_in_the_order_of_the_table() -> None:
    assert "max_months" in refusal(max_months=0, late_window=99, start_month="x")
    assert refusal(start_month="x", state_file="..") == (
        "plan S:E:P: start_month: 'x' is not a month (YYYY-MM)"
    )


def test_a_faulty_dimension_is_reported_by_its_name() -> None:
    assert refusal(dimensions={"ok": "1", " ": "1"}) == (
        "plan S:E:P: dimensions: ' ': a dimension needs a name"
    )
    assert refusal(dimensions={"ok": "1", "bad": "1j"}) == (
        "plan S:E:P: dimensions.bad: formula '1j': 1j is not a number"
    )
    plan = parse_plan({**PLAN, "dimensions": {"gb": "memory_byte_hours / 2**30"}, "dry_run": True})
    assert parse_plans(f"[{msgspec.json.encode(plan).decode()}]") == (plan,)


def test_a_list_of_plans_that_is_none_is_reported() -> None:
    assert refusal_of_list("nonsense").startswith("plans are not JSON: ")
    assert refusal_of_list("[3]").startswith("plan number 1: ")
    for text in ("{}", "[]", "3"):
        assert refusal_of_list(text) == "plans must be a JSON list with at least one plan"


def test_a_plan_that_is_configured_twice_is_reported_how_often() -> None:
    one, other = parse_plan(PLAN), parse_plan({**PLAN, "plan_id": "Q"})
    listed = msgspec.json.encode((other, one, one, one)).decode()
    assert refusal_of_list(listed) == "plan S:E:P is configured 3 times"
    assert parse_plans(msgspec.json.encode((one, other))) == (one, other)
