"""A state machine that runs its definition in this process, as a generator of waits.

`Machine.run` yields the seconds that the execution waits (Retry, timeouts); whoever drives it lets
that much time pass on a clock of their own. What a state has come to is kept in the execution, so
that a redriven one goes on where it was: `run` on the same execution again calls nothing that has
ended.
"""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import msgspec

from tests.in_memory import retries, supported
from tests.in_memory.data_flow import (
    BadPath,
    JsonObject,
    Unsupported,
    computed,
    filled,
    find,
    holds,
    put,
)

Steps = Generator[float, None, Any]
Path = tuple[str | int, ...]
MOST_PAYLOAD = 262_144
_CHECKED: dict[int, JsonObject] = {}
SNS = "arn:aws:states:::sns:publish"


class StateFailed(Exception):
    """An error as Step Functions sees it: a name for Retry and Catch, and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error, cause)
        self.error, self.cause = error, cause

    @classmethod
    def of(cls, error: Exception) -> Self:
        """What a Lambda's exception becomes."""
        if isinstance(error, cls):
            return error
        name = type(error).__name__
        details = {"errorMessage": str(error), "errorType": name, "stackTrace": []}
        return cls(name, json.dumps(details))


@dataclass(eq=False)
class Execution:
    """One execution: what it was given, and what its states have come to so far.

    `drive` counts how often it was started: once, and with every redrive.
    """

    id: str
    name: str
    input: Any
    start_time: str
    ended: dict[Path, tuple[Any, str | None]] = field(default_factory=dict)
    status: str = "RUNNING"
    output: Any = None
    error: str = ""
    cause: str = ""
    drive: int = 0

    def context(self) -> JsonObject:
        named = {"Id": self.id, "Name": self.name, "StartTime": self.start_time}
        return {"Execution": {**named, "Input": self.input}}


class Services(Protocol):
    """What a state machine calls."""

    def invoke(self, execution: Execution, state: str, payload: Any) -> Any:
        """Run a state's Lambda; its exceptions, or StateFailed where it has none."""

    def publish(self, execution: Execution, state: str, message: JsonObject) -> None:
        """Take a message to a topic."""

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return an object that holds the items of a map."""


def as_listed(_path: Path, count: int) -> Sequence[int]:
    """The order in which the children of a map run, one after the other."""
    return range(count)


@dataclass(slots=True)
class _Scope:
    """Where in an execution a state is, and what its context object says."""

    execution: Execution
    path: Path
    context: JsonObject


class Machine:
    """A definition with the services behind it."""

    def __init__(
        self,
        definition: JsonObject,
        services: Services,
        order: Callable[[Path, int], Sequence[int]] = as_listed,
    ) -> None:
        if _CHECKED.get(id(definition)) is not definition:
            supported.check(definition)
            _CHECKED[id(definition)] = definition
        self._definition, self._services, self._order = definition, services, order
        self._small: Any = (
            None  # what was measured last: the state behind an arrow often passes it on
        )

    @property
    def timeout_seconds(self) -> float:
        return float(self._definition.get("TimeoutSeconds", 31_536_000))

    def run(self, execution: Execution) -> Steps:
        """Run an execution, or what is left of it; returns its output or raises StateFailed."""
        scope = _Scope(execution, (), execution.context())
        return (yield from self._states(self._definition, through_json(execution.input), scope))

    def _states(self, machine: JsonObject, data: Any, scope: _Scope) -> Steps:
        name: str | None = machine["StartAt"]
        visit = 0
        while name is not None:
            state, visit = machine["States"][name], visit + 1
            here = _Scope(scope.execution, (*scope.path, name, visit), scope.context)
            if here.path in scope.execution.ended:
                data, name = scope.execution.ended[here.path]
                continue
            if state["Type"] in ("Task", "Map"):
                data, name = yield from self._work(name, state, data, here)
                scope.execution.ended[here.path] = (data, name)
            elif state["Type"] == "Wait":
                yield float(state["Seconds"])
                name = state.get("Next")
                scope.execution.ended[here.path] = (data, name)
            else:
                data, name = self._at_once(state, data, here)
        return data

    def _at_once(self, state: JsonObject, data: Any, here: _Scope) -> tuple[Any, str | None]:
        """Pass, Choice, Succeed and Fail call nothing."""
        if state["Type"] == "Fail":
            raise StateFailed(*(_text(state, name, data, here) for name in ("Error", "Cause")))
        if state["Type"] == "Choice":
            for rule in state["Choices"]:
                if holds(rule, data, here.context):
                    return data, rule["Next"]
            if "Default" not in state:
                raise Unsupported(f"{here.path}: no rule is true and there is no Default")
            return data, state["Default"]
        result = state.get("Result", filled(state.get("Parameters"), data, here.context))
        return _output(state, data, data if result is None else result, here), state.get("Next")

    def _work(
        self, name: str, state: JsonObject, data: Any, here: _Scope
    ) -> Generator[float, None, tuple[Any, str | None]]:
        """Run a Task or a Map, with its Retry and Catch."""
        used = [0] * len(state.get("Retry", ()))
        kind = self._map if state["Type"] == "Map" else self._task
        while True:
            try:
                result = yield from kind(name, state, data, here)
            except StateFailed as failure:
                delay = retries.delay(state.get("Retry", ()), failure.error, used)
                if delay is None:
                    return _caught(state, data, failure)
                yield delay
            else:
                return _output(state, data, result, here), state.get("Next")

    def _task(self, name: str, state: JsonObject, data: Any, here: _Scope) -> Steps:
        template = state.get("Parameters")
        payload = self._measured(data if template is None else filled(template, data, here.context))
        try:
            if state["Resource"] == SNS:
                self._services.publish(here.execution, name, payload)
                return {"MessageId": "m-1"}
            return through_json(self._services.invoke(here.execution, name, payload))
        except (Unsupported, BadPath, AssertionError):
            raise
        except Exception as error:  # noqa: BLE001  # every error of a Lambda is for Retry and Catch
            failure = StateFailed.of(error)
        if failure.error == "States.Timeout":
            yield float(state["TimeoutSeconds"])
        raise failure

    def _measured(self, value: Any) -> Any:
        if value != self._small:
            self._small = small(value)
            return self._small
        return value

    def _map(self, _name: str, state: JsonObject, data: Any, here: _Scope) -> Steps:
        items = self._items(state, data, here)
        processor, tolerated = state["ItemProcessor"], state.get("ToleratedFailurePercentage", 0.0)
        distributed = supported.is_distributed(state)
        results: dict[int, Any] = {}
        failures = 0
        for index in self._order(here.path, len(items)):
            context = {**here.context, "Map": {"Item": {"Index": index, "Value": items[index]}}}
            child = _Scope(here.execution, (*here.path, index), context)
            if child.path in child.execution.ended:
                results[index], _ = child.execution.ended[child.path]
                continue
            selector = state.get("ItemSelector")
            given = self._measured(
                filled(selector, data, child.context) if selector else items[index]
            )
            if distributed:  # an execution of its own
                child.context["Execution"] = {"Id": f"{here.execution.id}/{index}", "Input": given}
            try:
                results[index] = yield from self._states(processor, given, child)
                child.execution.ended[child.path] = (results[index], None)
            except StateFailed:
                if not distributed:
                    raise
                failures += 1
        if failures * 100 > tolerated * len(items):
            raise StateFailed("States.ExceedToleratedFailureThreshold", f"{failures} items failed")
        if "ResultWriter" in state:
            return {"ResultWriterDetails": filled(state["ResultWriter"], data, here.context)}
        return [results[index] for index in sorted(results)]

    def _items(self, state: JsonObject, data: Any, here: _Scope) -> list[Any]:
        if "ItemReader" not in state:
            items = find(state.get("ItemsPath", "$"), data, here.context)
        else:
            place = filled(state["ItemReader"]["Parameters"], data, here.context)
            body = self._services.read(place["Bucket"], place["Key"])
            if body is None:
                raise StateFailed("States.ItemReaderFailed", f"no object {place['Key']}")
            items = json.loads(body)
        if not isinstance(items, list):
            raise StateFailed("States.Runtime", f"{here.path}: the items are no array")
        return items


def small(value: Any) -> Any:
    """Return what is JSON already, if it is small enough to cross an arrow."""
    return value if 2 * len(msgspec.json.encode(value)) <= MOST_PAYLOAD else through_json(value)


def through_json(value: Any) -> Any:
    """Return a value as it crosses an arrow: JSON, of at most 256 KiB.

    Most values are small and nothing but JSON, which msgspec is ten times faster at. All others
    take the way through the text that is measured.
    """
    with suppress(TypeError, UnicodeEncodeError):
        body = msgspec.json.encode(value)
        if 2 * len(body) <= MOST_PAYLOAD and (crossed := msgspec.json.decode(body)) == value:
            return crossed
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(text) > MOST_PAYLOAD or (len(text) * 4 > MOST_PAYLOAD < len(text.encode())):
        raise StateFailed("States.DataLimitExceeded", f"{len(text)} characters")
    return json.loads(text)


def _output(state: JsonObject, data: Any, result: Any, here: _Scope) -> Any:
    if "ResultSelector" in state:
        result = filled(state["ResultSelector"], result, here.context)
    output = put(data, state.get("ResultPath", "$"), result)
    return find(state.get("OutputPath", "$"), output, here.context)


def _text(state: JsonObject, name: str, data: Any, here: _Scope) -> str:
    path = state.get(f"{name}Path")
    return str(computed(path, data, here.context) if path else state.get(name, ""))


def _caught(state: JsonObject, data: Any, failure: StateFailed) -> tuple[Any, str | None]:
    catcher = retries.catcher(state.get("Catch", ()), failure.error)
    if catcher is None:
        raise failure
    problem = {"Error": failure.error, "Cause": failure.cause}
    return put(data, catcher.get("ResultPath", "$"), problem), catcher["Next"]
