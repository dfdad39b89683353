"""The machine is the definition of the file; every Lambda task retries what passes by itself."""

import json
import re
from typing import Any

import aws_cdk
import pytest
from aws_cdk import aws_lambda
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks

from functions import errors
from infra import ROOT, definitions
from infra.constructs.state_machine import DefinitionMismatch, check_placeholders
from infra.tasks import SETTLE_SECONDS
from tests.infra.templates import Template

# Of Step Functions and Lambda: the function died, or nobody knows what became of it.
DIED = {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"}
OURS = {errors.StorageBusy.__name__, errors.WriteConflict.__name__}
VALUES = {"metering": {"StateBucketName", "TopicArn"}, "credits": {"TopicArn"}}


def test_the_definition_of_the_file_is_what_is_deployed(template: Template) -> None:
    (machine,) = template.properties("AWS::StepFunctions::StateMachine")
    assert json.loads(machine["DefinitionString"]) == template.definition


def test_every_placeholder_is_a_task_or_a_known_value(template: Template) -> None:
    (machine,) = template.properties("AWS::StepFunctions::StateMachine")
    used = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    tasks = {f"{state}FunctionArn" for state in template.tasks}
    assert used == machine["DefinitionSubstitutions"].keys()
    assert used == tasks | VALUES[template.pipeline]


def test_the_machine_is_named_after_environment_and_pipeline(template: Template) -> None:
    (machine,) = template.properties("AWS::StepFunctions::StateMachine")
    assert machine["StateMachineName"] == f"{template.environment.name}-{template.pipeline}"


def test_the_machine_is_a_standard_workflow_that_logs_errors_without_data(
    template: Template,
) -> None:
    (machine,) = template.properties("AWS::StepFunctions::StateMachine")
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_a_state_waits_longer_than_its_function_may_run(prod: Template) -> None:
    waits = {state: body["TimeoutSeconds"] for state, body in _tasks(prod.definition).items()}
    runs = {state: function["Timeout"] for state, function in prod.functions().items()}
    assert waits.keys() == runs.keys()
    assert not [state for state in runs if waits[state] <= runs[state]]


def test_a_partner_is_asked_again_only_when_the_first_request_is_over(prod: Template) -> None:
    states = _tasks(prod.definition)
    reading = {state for state, task in prod.tasks.items() if task.reads_secret}
    for sender in reading - {"CompareContract"}:  # which sends nothing
        (retry,) = (
            retry for retry in states[sender]["Retry"] if retry["ErrorEquals"] == ["OutcomeUnknown"]
        )
        assert retry["IntervalSeconds"] >= SETTLE_SECONDS
        assert retry["IntervalSeconds"] >= prod.functions()[sender]["Timeout"]


def test_a_placeholder_without_a_task_is_named() -> None:
    with pytest.raises(DefinitionMismatch, match="without a value: NewFunctionArn"):
        check_placeholders("metering", '"${NewFunctionArn}"', {})


def test_a_task_without_a_placeholder_is_named() -> None:
    with pytest.raises(DefinitionMismatch, match="lacks the placeholders: OldFunctionArn"):
        check_placeholders("metering", "{}", {"OldFunctionArn": "arn"})


def test_the_retrier_has_the_errors_of_cdk_s_own_task_and_those_of_a_function_that_died() -> None:
    stack = aws_cdk.Stack()
    function = aws_lambda.Function.from_function_arn(
        stack, "F", "arn:aws:lambda:eu-central-1:000000000000:function:f"
    )
    task = sfn_tasks.LambdaInvoke(stack, "T", lambda_function=function)
    (rule,) = task.to_state_json()["Retry"]
    wanted = {*rule["ErrorEquals"], *DIED, "Lambda.TooManyRequestsException", *OURS}
    assert set(definitions.TRANSIENT["ErrorEquals"]) == wanted


@pytest.mark.parametrize("pipeline", ["metering", "credits"])
def test_the_files_name_only_our_own_reactions(pipeline: str) -> None:
    text = (ROOT / "statemachines" / f"{pipeline}.asl.json").read_text(encoding="utf-8")
    assert not [name for name in definitions.TRANSIENT["ErrorEquals"] if f'"{name}"' in text]
    count = text.count("FunctionArn}")
    assert json.dumps(definitions.load(pipeline)).count('"Sandbox.Timedout"') == count


def _tasks(scope: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every state that runs one of our functions, inside the maps as well."""
    found = {}
    for name, body in scope["States"].items():
        if str(body.get("Resource", "")).endswith("FunctionArn}"):
            found[name] = body
        if "ItemProcessor" in body:
            found |= _tasks(body["ItemProcessor"])
    return found
