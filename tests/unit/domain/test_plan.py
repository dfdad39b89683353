"""Plan configurations: everything wrong with one is named."""

import json
from typing import Any

import pytest

from functions.domain.plan import Plan, parse_plan, parse_plans
from functions.errors import BadInput

PLAN: dict[str, Any] = {"service": "Postgres", "environment_type": "PROD", "plan_id": "pt-1"}


def test_the_defaults_are_the_documented_ones() -> None:
    plan = parse_plan(PLAN)
    assert plan == Plan(
        service="Postgres",
        environment_type="PROD",
        plan_id="pt-1",
        cloud="aws",
        dimensions={},
        start_month=None,
        max_months=12,
        completeness="marker",
        marker_margin_minutes=60,
        missing_hours="stop",
        duplicates="max",
        rounding="floor",
        state_file="metering_state.json",
        submit_concurrency=5,
        dry_run=False,
    )
    assert (plan.key, plan.path) == ("Postgres:PROD:pt-1", "Postgres/PROD/pt-1")


def test_a_plan_survives_its_json() -> None:
    plan = parse_plan({**PLAN, "dimensions": {"gb": "memory_byte_hours / 2**30"}, "dry_run": True})
    assert parse_plans(f"[{plan.to_json()}]") == (plan,)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cloud": "ibm"}, "cloud"),
        ({"max_months": "twelve"}, "'twelve'"),
        ({"max_months": 0}, "`int` >= 1 - at `$.max_months`: 0"),
        ({"submit_concurrency": 0}, "`int` >= 1 - at `$.submit_concurrency`: 0"),
        ({"start_month": "2025-13"}, "start_month: '2025-13'"),
        ({"completeness": "never"}, "'never'"),
        ({"rounding": "up"}, "'up'"),
        ({"dimensions": {"cpu": "1 +"}}, "dimensions.cpu"),
        ({"dimensions": {"cpu": "open('x')"}}, "dimensions.cpu"),
        ({"dimensions": {" ": "1"}}, "needs a name"),
        ({"service": "a/b"}, "service: 'a/b'"),
        ({"plan_id": ""}, "plan_id: ''"),
        ({"plan_id": ".."}, "plan_id: '..'"),
        ({"state_file": "ledger/x.json"}, "state_file"),
        ({"state_file": "../x.json"}, "state_file"),
        ({"dry_run": "no"}, "dry_run"),
        ({"contracts": []}, "contracts"),
    ],
)
def test_a_bad_value_is_named_with_its_field_and_plan(change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_plan({**PLAN, **change})
    assert named in str(refused.value)
    assert "plan " in str(refused.value)


@pytest.mark.parametrize("text", ["{}", "[]", "[3]", "nonsense", json.dumps([PLAN, PLAN])])
def test_a_list_of_plans_is_a_list_with_each_plan_once(text: str) -> None:
    with pytest.raises(BadInput):
        parse_plans(text)
