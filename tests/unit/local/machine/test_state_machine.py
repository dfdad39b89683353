import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.account import RunResult
from infra.local.aws.state_folder import StateFolder
from tests.unit.local.conftest import Open
from tests.unit.local.tiny_app import STATE_BUCKET, client

ECHO = "def handler(event, context): return event"
COUNT_AND_FAIL = """
    import os, boto3
    s3 = boto3.client("s3")
    def handler(event, context):
        s3.put_object(Bucket=os.environ["STATE_BUCKET"], Key=f"ran/{event['id']}", Body=b"")
        if event["id"] in event["bad"]:
            raise ValueError("bad item")
        return event["id"]
"""


def machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def task(function: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{function}}}", "End": True, **more}


def mapped(child: dict[str, Any], mode: str = "DISTRIBUTED", **more: Any) -> dict[str, Any]:
    """Return a machine that is a map, with the items of its input."""
    kind = {} if mode == "INLINE" else {"ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": {"Mode": mode, **kind}, **machine(Child=child)}
    items = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}
    return machine(M={**items, **more})


def counting(tiny: Open, items: int, bad: list[int], **more: Any) -> RunResult:
    """Run a map of which some items fail, and each leaves an object."""
    each = {"id.$": "$$.Map.Item.Value", "bad.$": "$.bad"}
    account = tiny({"work": COUNT_AND_FAIL}, mapped(task("work"), ItemSelector=each, **more))
    return account.run({"items": list(range(items)), "bad": bad})


def ran(state: StateFolder) -> int:
    return sum(key.startswith("ran/") for key, _ in state.objects())


def test_both_kinds_of_lambda_task_run_the_code(tiny: Open) -> None:
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${echo}", "Payload.$": "$"},
        "ResultSelector": {"said.$": "$.Payload"},
        "End": True,
    }
    direct = {"Type": "Task", "Resource": "${echo}", "Next": "B"}
    account = tiny({"echo": ECHO}, machine(A=direct, B=invoke))
    result = account.run({"x": "é"})
    assert (result.status, result.output) == ("SUCCEEDED", {"said": {"x": "é"}})
    assert (result.transitions, result.states) == (2, {"A": 1, "B": 1})
    assert result.largest_payload_bytes >= len(json.dumps({"x": "é"}).encode())


def test_an_error_reaches_retry_and_catch_by_its_class_name_with_lambdas_cause(tiny: Open) -> None:
    fails = """
        class Busy(Exception): pass
        calls = []
        def handler(event, context):
            calls.append(1)
            if len(calls) < 3: raise Busy("try again")
            raise KeyError("gone")
    """
    state = task(
        "fails",
        Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 5}],
        Catch=[{"ErrorEquals": ["KeyError"], "ResultPath": "$.caught", "Next": "Failed"}],
    )
    failed = {"Type": "Fail", "ErrorPath": "$.caught.Error", "CausePath": "$.caught.Cause"}
    account = tiny({"fails": fails}, machine(A=state, Failed=failed))
    result = account.run({}, time_scale=0.0)
    assert (result.status, result.error) == ("FAILED", "KeyError")
    assert result.cause is not None
    cause = json.loads(result.cause)
    assert (cause["errorType"], cause["errorMessage"]) == ("KeyError", "'gone'")
    assert cause["stackTrace"]


def test_the_time_scale_shortens_retries_and_waits_alike(tiny: Open) -> None:
    fails = "def handler(e, c): raise ValueError('no')"
    retry = {"ErrorEquals": ["ValueError"], "IntervalSeconds": 20, "MaxAttempts": 2}
    wait = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "A"}
    account = tiny({"fails": fails}, machine(W=wait, A=task("fails", Retry=[retry])))
    started = time.monotonic()
    result = account.run({"seconds": 20}, time_scale=0.01)
    # 20 s, then 20 s and 40 s: a hundredth of it.
    assert 0.8 <= time.monotonic() - started < 5
    assert result.error == "ValueError"


def test_the_longest_delay_and_jitter_bound_a_retry(tiny: Open) -> None:
    fails = "def handler(e, c): raise ValueError('no')"
    retry = {"ErrorEquals": ["ValueError"], "IntervalSeconds": 10, "MaxAttempts": 3}
    bounds = {"BackoffRate": 1000, "MaxDelaySeconds": 20, "JitterStrategy": "FULL"}
    account = tiny({"fails": fails}, machine(A=task("fails", Retry=[{**retry, **bounds}])))
    started = time.monotonic()
    account.run({}, time_scale=0.01)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(("percent", "bad"), [(100.0, list(range(12))), (10.0, [3])])
def test_with_no_more_failed_children_than_tolerated_every_child_runs(
    tiny: Open, state: StateFolder, percent: float, bad: list[int]
) -> None:
    result = counting(tiny, 12, bad, ToleratedFailurePercentage=percent, MaxConcurrency=3)
    assert result.status == "SUCCEEDED"
    assert (result.children, result.failed_children, ran(state)) == (12, len(bad), 12)


@pytest.mark.parametrize("tolerated", [{}, {"ToleratedFailurePercentage": 10.0}])
def test_more_failed_children_than_tolerated_fail_the_map(
    tiny: Open, state: StateFolder, tolerated: dict[str, float]
) -> None:
    result = counting(tiny, 40, list(range(40)), MaxConcurrency=2, **tolerated)
    assert (result.status, result.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert ran(state) < 15


def test_a_child_is_an_execution_of_its_own_but_its_item_is_chosen_by_the_parent(
    tiny: Open,
) -> None:
    child = {"Type": "Pass", "Parameters": {"own.$": "$$.Execution.Id", "run.$": "$.run"}}
    states = mapped({**child, "End": True}, ItemSelector={"run.$": "$$.Execution.Id"})
    result = tiny({"echo": ECHO}, states).run({"items": [1, 2]})
    runs = {item["run"] for item in result.output}
    assert runs == {result.execution_arn}
    assert len({item["own"] for item in result.output} | runs) == 3


def test_the_result_writer_takes_its_prefix_from_the_states_input_and_writes_through(
    tiny: Open, state: StateFolder
) -> None:
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "${StateBucket}", "Prefix.$": "$.prefix"},
    }
    account = tiny({"echo": ECHO}, mapped(task("echo"), ResultWriter=writer))
    result = account.run({"items": [1], "prefix": "runs/7"})
    assert result.status == "SUCCEEDED"
    (key,) = [key for key, _ in state.objects()]
    assert key.startswith("runs/7/")
    assert result.output["ResultWriterDetails"] == {"Bucket": STATE_BUCKET, "Key": key}


@pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
def test_two_thousand_items_one_at_a_time_do_not_exhaust_the_stack(tiny: Open, mode: str) -> None:
    states = mapped({"Type": "Pass", "End": True}, mode, MaxConcurrency=1)
    items = list(range(2000))
    assert tiny({"echo": ECHO}, states).run({"items": items}).output == items


def test_an_execution_is_described_over_the_endpoint_and_an_unknown_one_does_not_exist(
    tiny: Open,
) -> None:
    wait = {"Type": "Wait", "Seconds": 30, "End": True}
    account = tiny({"echo": ECHO}, machine(W=wait))
    running = account.start({}, time_scale=0.02)
    states = client(account.aws, "stepfunctions")
    assert states.describe_execution(executionArn=running.arn)["status"] == "RUNNING"
    assert account.wait(running).status == "SUCCEEDED"
    assert states.describe_execution(executionArn=running.arn)["status"] == "SUCCEEDED"
    for unknown in (f"{running.arn}-x", running.arn.replace(":tiny:", ":other:")):
        with pytest.raises(ClientError) as error:
            states.describe_execution(executionArn=unknown)
        assert error.value.response["Error"]["Code"] == "ExecutionDoesNotExist"


def test_a_message_to_a_topic_is_kept_and_the_start_time_is_a_text(tiny: Open) -> None:
    sns = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "ResultPath": None}
    sent = {"TopicArn": "${Topic}", "Message.$": "$.text"}
    publish = {**sns, "Parameters": sent, "Next": "When"}
    at = {"at.$": "States.Format('{}', $$.Execution.StartTime)"}
    when = {"Type": "Pass", "Parameters": at, "End": True}
    account = tiny({"echo": ECHO}, machine(P=publish, When=when))
    result = account.run({"text": "a person is needed"})
    assert account.aws.published() == ["a person is needed"]
    assert result.output["at"].endswith("Z")


def test_runs_one_after_the_other_use_the_same_processes(tiny: Open) -> None:
    account = tiny(
        {"pid": "import os\ndef handler(e, c): return os.getpid()"}, machine(A=task("pid"))
    )
    first = account.run({}).output
    assert account.run({}).output == first
    account.use(environment={"CLAZAR_URL": "http://127.0.0.1:1"})
    assert account.run({}).output != first
