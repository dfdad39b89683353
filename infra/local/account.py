"""One stack of the deployed app, loaded into the AWS of this machine and ready to run, repeatedly.

    account = LocalAccount(stack, cache=folder, log=file)
    account.use(usage=..., state=StateFolder(...), environment={"CLAZAR_URL": clazar.url})
    result = account.run({"as_of": "2025-08-02T00:00:00Z"})
    account.close()

Between runs the functions' processes stay warm, unless something that they may remember changed.
Overlapping executions: `start` more than one, then `wait` for each. What an upload starts: `upload`
gives its event, `started_by` delivers events to the rules, in any order and as often as wanted.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Unpack

from infra.local.aws import moto_parts  # noqa: F401 (before anything else imports moto)

# isort: split
from infra.local.app.template import TemplateError
from infra.local.aws.object_event import Event, object_created
from infra.local.aws.services import LoopbackAws
from infra.local.aws.state_folder import StateFolder
from infra.local.lambdas.deployed import DeployedFunctions
from infra.local.lambdas.pool import LambdaService
from infra.local.machine import engine, executions
from infra.local.machine.executions import How, Running, RunResult
from infra.local.machine.measure import Retrying

if TYPE_CHECKING:
    from infra.local.app.assembly import Stack
    from infra.local.aws.event_rules import EventRules

__all__ = ["LocalAccount", "RunResult", "Running"]

STATE_SETTINGS = ("STATE_BUCKET", "CREDITS_BUCKET")
"""The functions' setting that names the bucket of the state folder; each stack has one of them."""


class LocalAccount:
    """A stack on this machine. One at a time per process: moto's state belongs to the process."""

    def __init__(
        self, stack: "Stack", *, cache: Path, log: IO[bytes], retrying: Retrying | None = None
    ) -> None:
        engine.patch_interpreter()
        self._retrying = retrying
        self._template = stack.template
        self._lambda = LambdaService(log)
        self._loaded: object = None
        self.aws = LoopbackAws(stack.template.region)
        self.aws.create(stack.template)
        machines = list(stack.template.of_type("AWS::StepFunctions::StateMachine"))
        if len(machines) != 1:
            raise TemplateError(f"stack {stack.name} has {len(machines)} state machines, not one")
        self.machine = machines[0]
        self.aws.state_machine(self.machine)
        self._functions = DeployedFunctions(stack, cache=cache)

    def close(self) -> None:
        """End every process and let go of the port."""
        self._lambda.close()
        self.aws.close()

    def setting(self, name: str) -> str:
        """An environment variable that the stack gives to its functions."""
        return self._functions.setting(name)

    @property
    def state_bucket(self) -> str:
        """The bucket that a state folder holds: state and evidence, and the uploaded credits."""
        return self._functions.setting(*STATE_SETTINGS)

    @cached_property
    def rules(self) -> "EventRules":
        """What an event of EventBridge starts."""
        from infra.local.aws.event_rules import EventRules  # noqa: PLC0415 (half a second; only for uploads)

        return EventRules(self._template)

    def use(
        self,
        *,
        usage: Path | None = None,
        state: StateFolder | None = None,
        plans: Sequence[Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Say what the next runs work on.

        `plans` replaces the configured ones, `environment` replaces settings that functions have.
        Functions read plans anew every time; only other settings start their processes anew.
        """
        if state is not None:
            self.aws.bucket(self.state_bucket)
            self.aws.objects.attach_state(self.state_bucket, state)
        if usage is not None:
            bucket = self.setting("USAGE_BUCKET")
            self.aws.bucket(bucket)
            self.aws.objects.attach_usage(bucket, usage)
        if plans is not None:
            texts = [json.dumps(plan) for plan in plans]
            self.aws.replace_parameters(self.setting("PLANS_PATH"), texts)
        if self._loaded != (remembered := json.dumps(environment, sort_keys=True)):
            functions = self._functions.with_settings(
                environment or {}, endpoint=self.aws.url, region=self.aws.region
            )
            self._lambda.deploy(functions)
            self._loaded = remembered
            engine.install(functions=self._lambda, endpoint=self.aws.url)

    def upload(
        self,
        name: str,
        body: bytes,
        *,
        at: str | None = None,
        last_modified: dt.datetime | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Event:
        """Put a file into the state bucket. Returns the event that S3 sends about it, undelivered.

        `at` is the event's time; `last_modified` is for uploads that must not be of one second.
        """
        moment = None if last_modified is None else round(last_modified.timestamp() * 1e6) * 1000
        stored = self.aws.objects.upload(self.state_bucket, name, body, moment, metadata)
        return object_created(self.state_bucket, stored, region=self.aws.region, at=at)

    def started_by(self, event: Event, **how: Unpack[How]) -> list[Running]:
        """Deliver an event to the deployed rules and start what they ask for, if anything."""
        return [self.start(found.given, **how) for found in self.rules.starts(event)]

    def start(self, given: Any, **how: Unpack[How]) -> Running:
        """Start an execution with this input."""
        return executions.start(self.aws, self.machine.arn, given, self._retrying, **how)

    def wait(self, running: Running) -> RunResult:
        """The result of an execution, once it has ended."""
        return executions.wait(running)

    def run(self, given: Any, **how: Unpack[How]) -> RunResult:
        """Start an execution and wait for it."""
        return self.wait(self.start(given, **how))
