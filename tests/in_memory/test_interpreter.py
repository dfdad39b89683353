"""The interpreter does what Step Functions does, as far as the definitions use it."""

import json
from typing import Any

import pytest

from infra import definitions
from tests.in_memory import supported
from tests.in_memory.data_flow import BadPath, Unsupported
from tests.in_memory.machine import Machine, StateFailed, through_json
from tests.in_memory.tiny_machines import (
    BUSY,
    Busy,
    Functions,
    Running,
    a_distributed_map,
    a_machine,
    a_map,
    a_task,
    always,
    fails_times,
)


@pytest.mark.parametrize("pipeline", ["metering", "credits"])
def test_the_definitions_say_nothing_that_the_interpreter_does_not_know(pipeline: str) -> None:
    supported.check(definitions.load(pipeline))


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Parallel", "Branches": []},
        a_task(InputPath="$.x"),
        a_task(Resource="arn:aws:states:::sqs:sendMessage"),
        a_task(Retry=[{"ErrorEquals": ["States.ALL"], "Sometimes": 1}]),
        a_map("DISTRIBUTED", a_machine(T=a_task()), ItemBatcher={}),
        a_map("INLINE", a_machine(T=a_task()), ToleratedFailurePercentage=5.0),
        a_map("INLINE", a_machine(T=a_task()), Retry=[BUSY]),
        {"Type": "Choice", "Choices": [{"Variable": "$.x", "StringMatches": "*", "Next": "S"}]},
    ],
)
def test_what_is_not_known_is_refused_before_anything_runs(state: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Machine(a_machine(S=state), Functions())


def test_parameters_context_and_result_make_the_next_input() -> None:
    task = a_task(
        Parameters={
            "x.$": "$.a.b",
            "who.$": "$$.Execution.Name",
            "text.$": "States.Format('{}!', $.c)",
        },
        ResultSelector={"kept.$": "$.x"},
        ResultPath="$.a.result",
    )
    done = Running(a_machine(S=task)).execute({"a": {"b": 1}, "c": "hi"})
    assert done.output == {"a": {"b": 1, "result": {"kept": 1}}, "c": "hi"}


def test_a_lambda_gets_and_returns_json() -> None:
    running = Running(a_machine(S=a_task()), Functions(S=lambda _: {1: (2, 3)}))
    assert running.execute({}).output == {"1": [2, 3]}


def test_a_result_that_is_too_large_fails_the_state() -> None:
    running = Running(a_machine(S=a_task()), Functions(S=lambda _: "x" * 262_144))
    assert running.execute({}).error == "States.DataLimitExceeded"


def test_a_path_that_leads_nowhere_is_not_caught() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    with pytest.raises(BadPath):
        Running(a_machine(S=a_task(Parameters={"x.$": "$.no"}, Catch=catch))).execute({})


@pytest.mark.parametrize(
    ("rule", "given", "true"),
    [
        ({"Variable": "$.x", "IsPresent": True}, {}, False),
        ({"Variable": "$.x", "IsNull": True}, {"x": None}, True),
        ({"Variable": "$.x", "IsString": True}, {"x": 1}, False),
        ({"Variable": "$.x", "NumericEquals": 1}, {"x": True}, False),
        ({"Variable": "$.x", "BooleanEquals": True}, {"x": 1}, False),
        ({"Variable": "$.x", "StringEquals": "a"}, {"x": "a"}, True),
        ({"Not": {"Variable": "$.x", "NumericEquals": 0}}, {"x": 0}, False),
        (
            {"And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "IsNull": False}]},
            {},
            False,
        ),
        (
            {"Or": [{"Variable": "$.y", "IsPresent": True}, {"Variable": "$.x", "IsNull": True}]},
            {"x": None},
            True,
        ),
    ],
)
def test_a_choice_takes_the_first_rule_that_is_true(
    rule: dict[str, Any], given: dict[str, Any], *, true: bool
) -> None:
    machine = a_machine(
        C={"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "Result": True, "End": True},
        No={"Type": "Pass", "Result": False, "End": True},
    )
    assert Running(machine).execute(given).output is true


def test_a_retry_waits_longer_each_time_and_not_longer_than_its_limit() -> None:
    retry = {**BUSY, "MaxDelaySeconds": 25}
    running = Running(a_machine(S=a_task(Retry=[retry])), Functions(S=fails_times(3, Busy())))
    assert running.execute({}).status == "SUCCEEDED"
    assert running.waited == 10 + 20 + 25


def test_an_error_is_matched_by_its_exact_name_and_ends_the_execution_when_attempts_are_used() -> (
    None
):
    task = a_task(Retry=[{**BUSY, "ErrorEquals": ["Exception"]}, BUSY])
    running = Running(a_machine(S=task), Functions(S=always(Busy("full"))))
    ended = running.execute({})
    assert (ended.status, ended.error, len(running.functions.calls)) == ("FAILED", "Busy", 4)
    assert json.loads(ended.cause)["errorMessage"] == "full"


def test_a_timeout_takes_its_time_and_is_no_task_failure() -> None:
    task = a_task(Retry=[{"ErrorEquals": ["States.TaskFailed"]}])
    running = Running(a_machine(S=task), Functions(S=always(StateFailed("States.Timeout"))))
    assert running.execute({}).error == "States.Timeout"
    assert running.waited == 30


def test_a_caught_error_goes_on_with_name_and_cause() -> None:
    machine = a_machine(
        S=a_task(Catch=[{"ErrorEquals": ["Busy"], "ResultPath": "$.problem", "Next": "End"}]),
        End={"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"},
    )
    ended = Running(machine, Functions(S=always(Busy("full")))).execute({})
    assert (ended.error, json.loads(ended.cause)["errorType"]) == ("Busy", "Busy")


def test_an_inline_map_runs_its_items_and_fails_with_the_first_that_fails() -> None:
    machine = a_machine(
        M=a_map(
            "INLINE",
            a_machine(T=a_task()),
            ItemsPath="$.items",
            ItemSelector={"item.$": "$$.Map.Item.Value", "all.$": "$.items"},
        )
    )
    output = Running(machine).execute({"items": [1, 2]}).output
    assert output == [{"item": 1, "all": [1, 2]}, {"item": 2, "all": [1, 2]}]
    failing = Running(machine, Functions(T=always(Busy())))
    assert failing.execute({"items": [1, 2]}).error == "Busy"
    assert len(failing.functions.calls) == 1


def test_a_distributed_map_reads_its_items_and_tolerates_children_that_fail() -> None:
    functions = Functions(T=fails_times(1, Busy()))
    functions.objects["b/k"] = ["first", "second"]
    running = Running(a_distributed_map(ToleratedFailurePercentage=100.0), functions)
    assert running.execute({"key": "k"}).output == {"key": "k"}
    assert [payload for _, payload in functions.calls] == ["first", "second"]


def test_a_distributed_map_fails_beyond_its_tolerance_and_without_its_items() -> None:
    functions = Functions(T=always(Busy()))
    functions.objects["b/k"] = ["first"]
    running = Running(a_distributed_map(), functions)
    assert running.execute({"key": "k"}).error == "States.ExceedToleratedFailureThreshold"
    assert running.execute({"key": "none"}).error == "States.ItemReaderFailed"


def test_the_children_of_a_map_run_in_the_order_that_is_asked_for() -> None:
    functions = Functions()
    functions.objects["b/k"] = ["first", "second"]
    Running(
        a_distributed_map(), functions, order=lambda _path, count: range(count - 1, -1, -1)
    ).execute({"key": "k"})
    assert [payload for _, payload in functions.calls] == ["second", "first"]


def test_a_message_is_published() -> None:
    task = a_task(
        Resource="arn:aws:states:::sns:publish",
        Parameters={"TopicArn": "t", "Message.$": "$.text"},
        ResultPath=None,
    )
    running = Running(a_machine(S=task))
    assert running.execute({"text": "look"}).output == {"text": "look"}
    assert running.functions.messages == [{"TopicArn": "t", "Message": "look"}]


def test_what_crosses_an_arrow_is_what_json_makes_of_it_however_small() -> None:
    given = {"b": True, "n": [1, 1.0, -(2**70), None], "t": "\ud800é", "of": {"i": {}}}
    assert repr(through_json(given)) == repr(json.loads(json.dumps(given)))
    assert repr(through_json({1: ("a", "b")})) == "{'1': ['a', 'b']}"
    for value, error in ((float("nan"), ValueError), (float("inf"), ValueError), ({1}, TypeError)):
        with pytest.raises(error):
            through_json({"x": value})
