import re

from infra.tasks import SETTLE_SECONDS, snake_case
from tests.infra.templates import Template

BUCKET = {"metering": "STATE_BUCKET", "credits": "CREDITS_BUCKET"}
EVERYONE = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}


def test_every_task_is_a_function_named_after_its_state(template: Template) -> None:
    functions = template.functions()
    assert functions.keys() == template.tasks.keys()
    for state, function in functions.items():
        assert function["Handler"] == f"functions.{template.pipeline}.{snake_case(state)}.handler"


def test_every_function_has_its_own_role_and_its_own_log_group(template: Template) -> None:
    functions = template.functions().values()
    roles = {function["Role"]["Fn::GetAtt"][0] for function in functions}
    logs = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}
    assert len(roles) == len(logs) == len(template.tasks)


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


def test_every_function_has_the_size_and_the_time_of_its_task(template: Template) -> None:
    for state, function in template.functions().items():
        assert function["MemorySize"] == template.tasks[state].memory_mb
        assert function["Timeout"] == template.tasks[state].timeout_seconds


def test_a_function_is_given_only_what_it_needs(template: Template) -> None:
    for state, task in template.tasks.items():
        reported = template.variables(state)
        assert reported.keys() == EVERYONE | {BUCKET[template.pipeline]} | set(task.settings)
        assert reported["POWERTOOLS_SERVICE_NAME"] == template.pipeline


def test_no_environment_variable_carries_a_secret(template: Template) -> None:
    for state in template.tasks:
        for name, value in template.variables(state).items():
            if re.search(r"SECRET|TOKEN|KEY|PASSWORD", name):
                assert name.endswith("_ARN")
                assert value.keys() == {"Ref"}


def test_whoever_sends_is_over_when_its_request_counts_as_settled(template: Template) -> None:
    asking = {state for state, task in template.tasks.items() if task.reads_secret}
    senders = asking - {"CompareContract"}  # which sends nothing
    assert senders
    for state in senders:
        assert template.variables(state)["SETTLE_SECONDS"] == str(SETTLE_SECONDS)
        assert template.functions()[state]["Timeout"] < SETTLE_SECONDS


def test_credits_are_given_the_settings_of_their_environment(credits_stack: Template) -> None:
    environment = credits_stack.environment
    acquire = credits_stack.variables("AcquireStream")
    assert acquire["CLOUDZERO_CONNECTION_ID"] == environment.cloudzero_connection_id
    assert credits_stack.variables("PostDrop")["CLOUDZERO_URL"] == environment.cloudzero_url
    limits = credits_stack.variables("SnapshotDrop")
    assert limits["SHRINK_LIMIT"] == environment.shrink_limit
    assert limits["GROWTH_LIMIT"] == environment.growth_limit
    assert credits_stack.variables("ParseCredits")["ALLOW_REVERSALS"] == "false"


def test_every_log_group_forgets_after_the_configured_days(dev: Template, prod: Template) -> None:
    for template, days in ((dev, 7), (prod, 365)):
        groups = template.resources("AWS::Logs::LogGroup").values()
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}
        assert len(groups) == len(template.tasks) + 1
