"""Every Lambda task retries what passes by itself, and the definitions do not repeat it."""

import json

import aws_cdk
import pytest
from aws_cdk import aws_lambda
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks

from functions import errors
from infra import ROOT, definitions

# Of Step Functions and Lambda: the function died, or nobody knows what became of it.
DIED = {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"}
THROTTLED = {"Lambda.TooManyRequestsException"}
OURS = {errors.StorageBusy.__name__, errors.WriteConflict.__name__}


def test_the_retrier_has_the_errors_of_cdk_s_own_task_and_those_of_a_function_that_died() -> None:
    stack = aws_cdk.Stack()
    function = aws_lambda.Function.from_function_arn(
        stack, "F", "arn:aws:lambda:eu-central-1:000000000000:function:f"
    )
    task = sfn_tasks.LambdaInvoke(stack, "T", lambda_function=function)
    (rule,) = task.to_state_json()["Retry"]
    wanted = {*rule["ErrorEquals"], *DIED, *THROTTLED, *OURS}
    assert set(definitions.TRANSIENT["ErrorEquals"]) == wanted


@pytest.mark.parametrize("pipeline", ["metering", "credits"])
def test_the_files_name_only_our_own_reactions(pipeline: str) -> None:
    text = (ROOT / "statemachines" / f"{pipeline}.asl.json").read_text(encoding="utf-8")
    assert not [name for name in definitions.TRANSIENT["ErrorEquals"] if f'"{name}"' in text]
    count = text.count("FunctionArn}")
    assert json.dumps(definitions.load(pipeline)).count('"Sandbox.Timedout"') == count
