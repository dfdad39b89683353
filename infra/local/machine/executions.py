"""Executions of a state machine on this machine: started, waited for, and what they cost."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, Unpack

from infra.local.aws.services import LoopbackAws
from infra.local.machine import measure
from infra.local.machine.measure import Progress, Retrying, RunRecord

POLL_SECONDS = 0.01


@dataclass(frozen=True)
class RunResult:
    """How an execution ended, in Step Functions' words, and what it cost."""

    status: str
    error: str | None
    cause: str | None
    output: Any
    history_events: int
    transitions: int
    children: int
    failed_children: int
    largest_payload_bytes: int
    largest_payload_state: str
    execution_arn: str
    states: dict[str, int]
    final_input: Any

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Running:
    """An execution that was started."""

    execution: Any
    record: RunRecord

    @property
    def arn(self) -> str:
        """The execution's ARN, as the state machine itself sees it in `$$.Execution.Id`."""
        return str(self.execution.execution_arn)


class How(TypedDict, total=False):
    """How an execution is to run here: its waits shortened, and watched."""

    time_scale: float
    progress: Progress | None


def start(
    aws: LoopbackAws,
    machine_arn: str,
    given: Any,
    retrying: Retrying | None = None,
    **how: Unpack[How],
) -> Running:
    """Start an execution with this input."""
    name = f"local-{uuid.uuid4()}"
    record = RunRecord(how.get("time_scale", 1.0), how.get("progress"), retrying)
    arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    measure.register(arn, record)
    text = json.dumps(given, separators=(",", ":"))
    return Running(aws.start_execution(machine_arn, name, text), record)


def wait(running: Running) -> RunResult:
    """Return the result of an execution, once it has ended."""
    execution, record = running.execution, running.record
    said = ""
    while execution.status == "RUNNING":
        if (state := _state_of(execution)) and state != said:
            said = state
            if record.progress:
                record.progress(state, 0, 0)
        time.sleep(POLL_SECONDS)
    history = execution.exec_worker.env.event_manager.get_event_history()
    for event in history:
        details = {key: value for key, value in event.items() if key.endswith("Details")}
        record.event(str(event["type"]), details)
    measure.forget(record)
    return RunResult(
        status=str(execution.status),
        error=execution.error,
        cause=execution.cause,
        output=execution.output,
        history_events=len(history),
        transitions=record.transitions,
        children=record.children,
        failed_children=record.failed_children,
        largest_payload_bytes=record.largest_payload_bytes,
        largest_payload_state=record.largest_payload_state,
        execution_arn=running.arn,
        states=dict(record.states),
        final_input=_final_input(history),
    )


def _state_of(execution: Any) -> str:
    """Return the state that was entered last. Moto's own getter copies the whole history."""
    environment = getattr(execution.exec_worker, "env", None)
    events = environment.event_manager._history_event_list if environment else []  # noqa: SLF001
    for event in reversed(events):
        if "stateEnteredEventDetails" in event:
            return str(event["stateEnteredEventDetails"]["name"])
    return ""


def _final_input(history: Sequence[Mapping[str, Any]]) -> Any:
    """Return what the last state was given: all that a failed execution leaves to read."""
    entered = [
        event["stateEnteredEventDetails"]
        for event in history
        if "stateEnteredEventDetails" in event
    ]
    return json.loads(entered[-1]["input"]) if entered else None
