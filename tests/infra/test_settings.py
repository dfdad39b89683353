import json

import pytest
from aws_cdk import App, Stack

from functions.domain.plan import parse_plan
from infra.environments import POSTGRES, PROD
from infra.settings import PlanDoesNotFit, PlanParameters
from tests.infra.templates import Template


def test_the_secret_is_created_without_a_value(template: Template) -> None:
    (secret,) = template.resources("AWS::SecretsManager::Secret").values()
    assert not secret["Properties"].keys() & {"SecretString", "GenerateSecretString"}
    assert "client_id and client_secret" in secret["Properties"]["Description"]


def test_a_parameter_holds_a_plan_as_the_functions_read_it(prod: Template) -> None:
    (parameter,) = prod.resources("AWS::SSM::Parameter").values()
    name, value = parameter["Properties"]["Name"], parameter["Properties"]["Value"]
    assert name == "/prod/metering/plans/Postgres.PROD.pt-HJSv20iWX0"
    assert (parse_plan(json.loads(value)),) == PROD.parsed_plans


def test_acquire_plan_is_told_where_the_plans_are(prod: Template) -> None:
    variables = prod.functions()["AcquirePlan"]["Environment"]["Variables"]
    assert variables["PLANS_PATH"] == "/prod/metering/plans"


def test_a_plan_too_long_for_a_parameter_is_named() -> None:
    formulas = {f"dimension_{n}": "cpu_core_hours + memory_byte_hours" for n in range(100)}
    plan = parse_plan({**POSTGRES, "dimensions": formulas})
    with pytest.raises(PlanDoesNotFit, match=r"staging: plan Postgres:PROD:pt-HJSv20iWX0"):
        PlanParameters(Stack(App(), "Test"), "Plans", environment="staging", plans=[plan])


def test_two_plans_that_would_share_a_parameter_are_named() -> None:
    plans = [parse_plan({**POSTGRES, "service": service}) for service in ("My DB", "My+DB")]
    with pytest.raises(PlanDoesNotFit, match=r"My\+DB:PROD:pt-HJSv20iWX0: another plan"):
        PlanParameters(Stack(App(), "Test"), "Plans", environment="dev", plans=plans)
