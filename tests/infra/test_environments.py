from typing import Any

import pytest

from infra.constructs.log_group import RETENTION
from infra.environments import (
    DEV,
    LOG_DAYS,
    POSTGRES,
    PROD,
    STAGING,
    Environment,
    InvalidEnvironment,
)


def an_environment(**changes: Any) -> Environment:
    settings: dict[str, Any] = {
        "name": "staging",
        "plans": (POSTGRES,),
        "clazar_url": "https://api.clazar.io",
        "usage_bucket": None,
        "keep_data": False,
        "log_days": 30,
    }
    return Environment(**{**settings, **changes})


def test_only_prod_keeps_its_data() -> None:
    assert [e.name for e in (DEV, STAGING, PROD) if e.keep_data] == ["prod"]


def test_an_existing_usage_bucket_and_an_address_are_taken_as_they_are() -> None:
    environment = an_environment(usage_bucket="exports-of-ours", alarm_email="ops@example.com")
    assert environment.usage_bucket == "exports-of-ours"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("plan_id", "a/b"),
        ("plan_id", None),
        ("cloud", "oracle"),
        ("start_month", "2025-13"),
        ("max_months", 0),
        ("dimensions", {"units": "cpu_core_hours.__class__"}),
        ("dimensions", {"units": "cpu_core_hours +"}),
        ("state_file", "ledger/state.json"),
        ("dry_run", "no"),
        ("unknown_setting", 1),
    ],
)
def test_a_bad_plan_is_named_with_environment_plan_and_field(field: str, value: object) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        an_environment(plans=({**POSTGRES, field: value},))
    message = str(refused.value)
    assert message.startswith("environment staging: plan ")
    assert field in message
    assert str(value if field == "plan_id" else POSTGRES["plan_id"]) in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clazar_url", "http://api.clazar.io"),
        ("clazar_url", "https://api.clazar.io/"),
        ("clazar_url", "https://api.clazar.io?page=1"),
        ("clazar_url", "https://user:word@api.clazar.io"),
        ("clazar_url", "https://"),
        ("name", "Prod"),
        ("log_days", 8),
        ("schedule", "rate(1 hour)"),
        ("usage_bucket", "Not_A_Bucket"),
        ("alarm_email", "nobody"),
        ("plans", ()),
    ],
)
def test_a_bad_setting_is_named_with_its_environment(field: str, value: object) -> None:
    with pytest.raises(InvalidEnvironment, match=f"{field} .* is not valid"):
        an_environment(**{field: value})


def test_a_plan_that_is_there_twice_is_named() -> None:
    with pytest.raises(InvalidEnvironment, match="'Postgres:PROD:pt-HJSv20iWX0' is there more"):
        an_environment(plans=(POSTGRES, dict(POSTGRES)))


def test_every_log_retention_that_is_allowed_can_be_deployed() -> None:
    assert RETENTION.keys() == set(LOG_DAYS)
