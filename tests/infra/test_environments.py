from typing import Any

import pytest

from infra.constructs.log_group import RETENTION
from infra.environment import (
    LOG_DAYS,
    Environment,
    InvalidEnvironment,
    placeholder,
    refuse_shared_connections,
)
from infra.environments import DEV, NOBODY, POSTGRES, PROD, STAGING


def an_environment(**changes: Any) -> Environment:
    settings: dict[str, Any] = {
        "name": "staging",
        "plans": ({**POSTGRES, "plan_id": "pt-1"},),
        "clazar_url": "https://api.clazar.io",
        "cloudzero_url": "https://api.cloudzero.com",
        "cloudzero_connection_id": "stream-of-staging",
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
        ("approve_above", "a fifth"),
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


NO_BASE_URL = ("http://api.io", "https://api.io/", "https://api.io?page=1", "https://a:b@api.io")
BAD: dict[str, tuple[object, ...]] = {
    "clazar_url": (*NO_BASE_URL, "https://"),
    "cloudzero_url": NO_BASE_URL,
    "cloudzero_connection_id": ("", "a/b", "strëam", "x" * 65),
    "allow_reversals": ("false", 1),
    "shrink_limit": (0.5, "-0.1", "1.1", "50%", "1e-1", "NaN", ".5"),
    "growth_limit": (10, "0.9", "-2", "1e1", "NaN"),
    "name": ("Prod",),
    "log_days": (8,),
    "schedules": (("rate(1 hour)",),),
    "usage_bucket": ("Not_A_Bucket",),
    "alarm_email": ("nobody",),
    "plans": ((),),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD.items() for value in values]
)
def test_a_bad_setting_is_named_with_its_environment(field: str, value: object) -> None:
    with pytest.raises(InvalidEnvironment, match=f"^environment .*: {field} .* is not valid$"):
        an_environment(**{field: value})


@pytest.mark.parametrize("limit", ["0", "0.25", "0.5", "1", "1.0"])
def test_every_share_from_nothing_to_all_can_be_the_shrink_limit(limit: str) -> None:
    assert an_environment(shrink_limit=limit).shrink_limit == limit


def test_credits_are_only_given_unless_an_environment_says_otherwise() -> None:
    assert [e.allow_reversals for e in (DEV, STAGING, PROD)] == [False, False, False]


def test_every_environment_has_a_stream_of_its_own() -> None:
    refuse_shared_connections((DEV, STAGING, PROD))


@pytest.mark.parametrize("connection", ["prod-anycost-stream", "PROD-AnyCost-Stream"])
def test_two_environments_that_would_replace_each_others_months_are_named(connection: str) -> None:
    with pytest.raises(
        InvalidEnvironment, match=r"^environment staging: cloudzero_connection_id .* of prod, too"
    ):
        refuse_shared_connections((PROD, an_environment(cloudzero_connection_id=connection)))


def test_a_plan_that_is_there_twice_is_named() -> None:
    with pytest.raises(InvalidEnvironment, match="'Postgres:PROD:pt-your-plan-id' is there more"):
        an_environment(plans=(POSTGRES, dict(POSTGRES)))


def test_every_log_retention_that_is_allowed_can_be_deployed() -> None:
    assert RETENTION.keys() == set(LOG_DAYS)


def test_an_environment_that_bills_has_to_say_who_gets_its_alarms() -> None:
    (problem,) = an_environment().unfinished("metering")
    assert problem.startswith("environment staging: alarm_email is not set")


@pytest.mark.parametrize("email", ["ops@example.com", NOBODY])
def test_an_address_or_the_word_for_no_address_is_enough(email: str) -> None:
    assert not list(an_environment(alarm_email=email).unfinished("metering"))


def test_a_placeholder_is_found_before_credits_are_sent_to_it() -> None:
    fresh = an_environment(alarm_email=NOBODY, cloudzero_connection_id=placeholder("staging"))
    (problem,) = fresh.unfinished("credits")
    assert problem.startswith("environment staging: cloudzero_connection_id 'staging-anycost-")
    assert not list(fresh.unfinished("metering"))


def test_the_plan_of_a_fresh_clone_is_found_before_it_is_billed() -> None:
    fresh = an_environment(alarm_email=NOBODY, plans=(POSTGRES,))
    (problem,) = fresh.unfinished("metering")
    assert problem.startswith("environment staging: plan_id 'pt-your-plan-id' is a placeholder; ")
    assert not list(fresh.unfinished("credits"))


@pytest.mark.parametrize("pipeline", ["metering", "credits"])
def test_a_rehearsal_needs_nobody(pipeline: str) -> None:
    assert not list(DEV.unfinished(pipeline))
    mixed = (*DEV.plans, {**POSTGRES, "plan_id": "pt-2"})
    assert list(an_environment(plans=mixed).unfinished(pipeline))
