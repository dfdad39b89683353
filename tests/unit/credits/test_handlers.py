"""What every handler does: read its task, return its output as JSON data."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.credits.acquire_stream import settle
from functions.errors import BadInput
from functions.payloads import Start, task_handler
from tests.in_memory.lambdas import Context


class Task(msgspec.Struct):
    number: int


class Output(msgspec.Struct):
    twice: list[int]
    state: str


@task_handler
def handler(task: Task, context: LambdaContext) -> Output:
    return Output([task.number] * 2, context.function_name)


CONTEXT: Any = Context("AState", lambda: timedelta(seconds=1))


def test_a_task_is_read_by_its_annotation_and_the_output_is_json_data() -> None:
    assert handler({"number": 7}, CONTEXT) == {"twice": [7, 7], "state": "AState"}


def test_what_was_asked_for_and_the_output_are_logged_under_the_name_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged = []
    monkeypatch.setattr(
        "functions.payloads._logger.info", lambda *of, **more: logged.append((of, more))
    )
    handler({"run": {"plan": "P"}, "number": 7, "text": "x" * 1_000}, CONTEXT)
    ((state, said),) = logged
    assert state == ("test_handlers",)
    assert said["output"] == {"twice": [7, 7], "state": "AState"}
    assert said["asked"] == f"{{'number': 7, 'text': '{'x' * 1_000}"[:500]
    with pytest.raises(BadInput):
        handler({"number": "x"}, CONTEXT)
    assert logged[-1][1] == {"asked": "{'number': 'x'}", "output": None}
    long: Any = Context("x" * 5_000, lambda: timedelta(seconds=1))
    handler({"number": 7}, long)
    assert len(logged[-1][1]["output"]) == 500


def test_an_event_that_is_no_such_task_is_refused_by_its_field() -> None:
    with pytest.raises(BadInput, match=r"^Task: Expected `int`, got `str` - at `\$\.number`: 'x'$"):
        handler({"number": "x"}, CONTEXT)


@pytest.mark.parametrize("given", [None, 3, "x", ["x"]])
def test_an_execution_input_that_is_no_object_is_refused(given: Any) -> None:
    with pytest.raises(BadInput, match=r"^ExecutionInput: Expected `object`, got `"):
        settle(Start(given, "x-1", "x-1", "2025-08-02T00:00:00Z"), "bucket", "c-1")
