"""One stack of the deployed app, loaded into the AWS of this machine and ready to run, repeatedly.

    with LocalAccount(stack, cache=folder) as account:
        account.use(usage=..., state=StateFolder(...), environment={"CLAZAR_URL": clazar.url})
        result = account.run({"as_of": "2025-08-02T00:00:00Z"})

Between runs the functions' processes stay warm, unless something that they may remember changed.
Overlapping executions: `start` more than one, then `wait` for each.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

from . import engine, measure
from .assembly import Stack, unpack
from .aws import LoopbackAws
from .lambda_process import Function
from .lambda_runtime import LambdaService
from .measure import Progress, RunRecord
from .state_folder import StateFolder
from .template import Resource, TemplateError

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


class LocalAccount:
    """A stack on this machine. One at a time per process: moto's state belongs to the process."""

    def __init__(self, stack: Stack, *, cache: Path, log: IO[bytes]) -> None:
        engine.patch_interpreter()
        self._stack = stack
        self._cache = cache
        self._log = log
        self._lambda = LambdaService([], log)
        self._loaded: object = None
        self.aws = LoopbackAws(stack.template.region)
        self.aws.create(stack.template)
        machines = list(stack.template.of_type("AWS::StepFunctions::StateMachine"))
        if len(machines) != 1:
            raise TemplateError(f"stack {stack.name} has {len(machines)} state machines, not one")
        self.machine = machines[0]
        self._definition = self.aws.state_machine(self.machine)
        self._functions = list(stack.template.of_type("AWS::Lambda::Function"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process and let go of the port."""
        self._lambda.close()
        self.aws.close()

    def setting(self, name: str) -> str:
        """An environment variable that the stack gives to its functions."""
        for function in self._functions:
            variables = function.properties.get("Environment", {}).get("Variables", {})
            if name in variables:
                return str(variables[name])
        raise TemplateError(f"no function of stack {self._stack.name} has the setting {name}")

    def use(
        self,
        *,
        usage: Path | None = None,
        state: StateFolder | None = None,
        plans: Sequence[Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
        warm: bool = False,
    ) -> None:
        """Say what the next runs work on.

        `plans` replaces the configured ones, `environment` replaces settings that functions have.
        """
        if state is not None:
            bucket = self.setting("STATE_BUCKET")
            self.aws.bucket(bucket)
            self.aws.objects.attach_state(bucket, state)
        if usage is not None:
            bucket = self.setting("USAGE_BUCKET")
            self.aws.bucket(bucket)
            self.aws.objects.attach_usage(bucket, usage)
        if plans is not None:
            texts = [json.dumps(plan) for plan in plans]
            self.aws.replace_parameters(self.setting("PLANS_PATH"), texts)
        remembered = (json.dumps(plans), json.dumps(environment, sort_keys=True))
        if self._loaded != remembered:
            self._loaded = remembered
            self._lambda.close()
            self._lambda = LambdaService(
                [self._function(found, environment or {}) for found in self._functions], self._log
            )
            engine.install(functions=self._lambda, endpoint=self.aws.url)
            if warm:
                self._lambda.warm(self._definition)

    def _function(self, found: Resource, replaced: Mapping[str, str]) -> Function:
        properties = found.properties
        settings = dict(properties.get("Environment", {}).get("Variables", {}))
        settings.update((name, value) for name, value in replaced.items() if name in settings)
        local = {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.aws.region,
            "AWS_DEFAULT_REGION": self.aws.region,
        }
        logging = properties.get("LoggingConfig", {})
        if logging.get("LogFormat") == "JSON":
            local["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            local["AWS_LAMBDA_LOG_LEVEL"] = str(logging.get("ApplicationLogLevel", "INFO"))
        key = str(properties["Code"]["S3Key"])
        if key not in self._stack.assets:
            raise TemplateError(f"the code of {found.name} ({key}) is not in the cloud assembly")
        return Function(
            name=found.name,
            arn=found.arn,
            handler=str(properties["Handler"]),
            code=unpack(self._stack.assets[key], self._cache),
            environment={**{name: str(value) for name, value in settings.items()}, **local},
            timeout=float(properties.get("Timeout", 3)),
            memory=int(properties.get("MemorySize", 128)),
        )

    def start(
        self,
        given: Mapping[str, Any],
        *,
        time_scale: float = 1.0,
        progress: Progress | None = None,
        name: str | None = None,
    ) -> Running:
        """Start an execution with this input."""
        name = name or f"local-{uuid.uuid4()}"
        record = RunRecord(time_scale=time_scale, progress=progress)
        arn = f"{self.machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        measure.register(arn, record)
        text = json.dumps(given, separators=(",", ":"))
        return Running(self.aws.start_execution(self.machine.arn, name, text), record)

    def wait(self, running: Running) -> RunResult:
        """The result of an execution, once it has ended."""
        execution, record = running.execution, running.record
        while execution.status == "RUNNING":
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

    def run(
        self,
        given: Mapping[str, Any],
        *,
        time_scale: float = 1.0,
        progress: Progress | None = None,
        name: str | None = None,
    ) -> RunResult:
        """Start an execution and wait for it."""
        return self.wait(self.start(given, time_scale=time_scale, progress=progress, name=name))


def _final_input(history: Sequence[Mapping[str, Any]]) -> Any:
    """Return what the last state was given: all that a failed execution leaves to read."""
    entered = [
        event["stateEnteredEventDetails"]
        for event in history
        if "stateEnteredEventDetails" in event
    ]
    return json.loads(entered[-1]["input"]) if entered else None
