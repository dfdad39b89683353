"""Small definitions with plain functions behind them, on a clock of their own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.in_memory.machine import Execution, Machine
from tests.in_memory.timeline import StepFunctions, Timeline

NOON = datetime(2025, 8, 2, 12, tzinfo=UTC)
Lambda = Callable[[Any], Any]
BUSY = {"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "BackoffRate": 2, "MaxAttempts": 3}


class Busy(Exception):
    pass


class Functions:
    """Lambdas as plain functions; without one, a state's output is its input."""

    def __init__(self, **functions: Lambda) -> None:
        self.functions, self.calls = functions, list[tuple[str, Any]]()
        self.objects: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []

    def invoke(self, _execution: Execution, state: str, payload: Any) -> Any:
        self.calls.append((state, payload))
        return self.functions.get(state, lambda given: given)(payload)

    def publish(self, _execution: Execution, _state: str, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def read(self, bucket: str, key: str) -> bytes | None:
        found = self.objects.get(f"{bucket}/{key}")
        return None if found is None else json.dumps(found).encode()


def a_task(**fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "${FunctionArn}",
        "TimeoutSeconds": 30,
        "End": True,
    } | fields


def a_machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def a_map(mode: str, processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    config = {"Mode": mode} | ({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})
    return {
        "Type": "Map",
        "ItemProcessor": {"ProcessorConfig": config, **processor},
        "End": True,
        **fields,
    }


class Running:
    """One definition with its functions on a clock of its own."""

    def __init__(
        self, definition: dict[str, Any], functions: Functions | None = None, **options: Any
    ) -> None:
        self.functions = functions or Functions()
        self.timeline = Timeline(NOON)
        machine = Machine(definition, self.functions, **options)
        self.step_functions = StepFunctions(machine, self.timeline)

    def execute(self, given: Any) -> Execution:
        execution = self.step_functions.start(given)
        self.timeline.run()
        return execution

    @property
    def waited(self) -> float:
        return (self.timeline.now - NOON).total_seconds()


def always(error: Exception) -> Lambda:
    def fails(_payload: Any) -> Any:
        raise error

    return fails


def fails_times(times: int, error: Exception) -> Lambda:
    left = [error] * times

    def sometimes(payload: Any) -> Any:
        if left:
            raise left.pop()
        return payload

    return sometimes


def a_distributed_map(**fields: Any) -> dict[str, Any]:
    return a_machine(
        M=a_map(
            "DISTRIBUTED",
            a_machine(T=a_task()),
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "b", "Key.$": "$.key"},
            },
            ResultPath=None,
            **fields,
        )
    )
