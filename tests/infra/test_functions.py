import re

from infra.metering_tasks import TASKS, snake_case
from tests.infra.templates import Template

EVERYONE = {
    "STATE_BUCKET",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
}


def test_every_task_is_a_function_named_after_its_state(template: Template) -> None:
    functions = template.functions()
    assert functions.keys() == TASKS.keys()
    for state, function in functions.items():
        assert function["Handler"] == f"functions.metering.{snake_case(state)}.handler"


def test_every_function_has_its_own_role_and_its_own_log_group(template: Template) -> None:
    functions = template.functions().values()
    roles = {function["Role"]["Fn::GetAtt"][0] for function in functions}
    logs = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}
    assert len(roles) == len(logs) == len(TASKS)


def test_no_role_uses_a_ready_made_policy(template: Template) -> None:
    for role in template.resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_every_function_runs_the_tested_python_on_the_processor_of_the_layer(
    template: Template,
) -> None:
    for function in template.functions().values():
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert len(function["Layers"]) == 1


def test_a_function_is_told_only_what_it_needs(template: Template) -> None:
    for state, function in template.functions().items():
        told = function["Environment"]["Variables"].keys()
        assert told == EVERYONE | set(TASKS[state].settings)


def test_no_environment_variable_carries_a_secret(template: Template) -> None:
    for function in template.functions().values():
        for name, value in function["Environment"]["Variables"].items():
            if re.search(r"SECRET|TOKEN|KEY|PASSWORD", name):
                assert name.endswith("_ARN")
                assert value.keys() == {"Ref"}


def test_every_log_group_forgets_after_the_configured_days(dev: Template, prod: Template) -> None:
    for template, days in ((dev, 7), (prod, 365)):
        groups = template.resources("AWS::Logs::LogGroup").values()
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}
        assert len(groups) == len(TASKS) + 1
