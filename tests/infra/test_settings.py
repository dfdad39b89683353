import json

import pytest
from aws_cdk import App, Stack

from functions.domain.plan import parse_plan
from infra.environments import POSTGRES
from infra.settings import PlanDoesNotFit, PlanParameters
from tests.infra.templates import Template

SECRETS = {
    "metering": ("metering/clazar", "client_id and client_secret"),
    "credits": ("credits/cloudzero", '{"api_key": "..."}'),
}


def test_the_secret_is_created_without_a_value_and_says_which_one_to_put(
    template: Template,
) -> None:
    (secret,) = template.resources("AWS::SecretsManager::Secret").values()
    name, value = SECRETS[template.pipeline]
    assert secret["Properties"].keys() == {"Name", "Description", "Tags"}
    assert secret["Properties"]["Name"] == f"{template.environment.name}/{name}"
    assert value in secret["Properties"]["Description"]


def test_no_value_of_a_secret_is_put_into_a_template(template: Template) -> None:
    assert "resolve:secretsmanager" not in template.text
    assert "SecretString" not in template.text
    assert "api_key" not in template.text.replace(json.dumps(SECRETS["credits"][1])[1:-1], "")


def test_a_parameter_holds_a_plan_as_the_functions_read_it(metering_stack: Template) -> None:
    environment = metering_stack.environment
    (parameter,) = metering_stack.resources("AWS::SSM::Parameter").values()
    name, value = parameter["Properties"]["Name"], parameter["Properties"]["Value"]
    assert name == f"/{environment.name}/metering/plans/Postgres.PROD.pt-your-plan-id"
    assert (parse_plan(json.loads(value)),) == environment.parsed_plans


def test_acquire_plan_is_given_where_the_plans_are(metering_stack: Template) -> None:
    path = f"/{metering_stack.environment.name}/metering/plans"
    assert metering_stack.variables("AcquirePlan")["PLANS_PATH"] == path


def test_a_plan_too_long_for_a_parameter_is_named() -> None:
    formulas = {f"dimension_{n}": "cpu_core_hours + memory_byte_hours" for n in range(100)}
    plan = parse_plan({**POSTGRES, "dimensions": formulas})
    with pytest.raises(PlanDoesNotFit, match=r"staging: plan Postgres:PROD:pt-your-plan-id"):
        PlanParameters(Stack(App(), "Test"), "Plans", environment="staging", plans=[plan])


def test_two_plans_that_would_share_a_parameter_are_named() -> None:
    plans = [parse_plan({**POSTGRES, "service": service}) for service in ("My DB", "My+DB")]
    with pytest.raises(PlanDoesNotFit, match=r"My\+DB:PROD:pt-your-plan-id: another plan"):
        PlanParameters(Stack(App(), "Test"), "Plans", environment="dev", plans=plans)
