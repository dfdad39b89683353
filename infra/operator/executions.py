"""Executions of a deployed state machine: start one, follow it, and tell the story of any."""

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from infra.local.cli.show import readable
from infra.operator.deployed import client, output
from infra.operator.errors import Unusable

_EVERY = 3.0
_MOST_EVENTS = 5_000
Report = Callable[[str], None]


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of an execution's story."""

    at: str
    what: str
    name: str = ""
    cause: str = ""


class Execution(msgspec.Struct, kw_only=True):
    """An execution as it is now. `output`, or `error` and `cause`, once it has ended."""

    arn: str
    status: str
    input: Any
    output: Any = None
    error: str = ""
    cause: str = ""
    events: list[Event] = []

    @property
    def well(self) -> bool:
        """It runs, or has succeeded."""
        return self.status in ("RUNNING", "SUCCEEDED")


def start(env: str, verb: str, given: Mapping[str, Any], pipeline: str = "metering") -> str:
    """Start an execution of a pipeline; return its ARN."""
    now = dt.datetime.now(dt.UTC)
    answer = client("stepfunctions").start_execution(
        stateMachineArn=output(env, pipeline, "StateMachineArn"),
        name=f"{verb}-{now:%Y%m%dT%H%M%S}-{now.microsecond:06d}",
        input=json.dumps(given),
    )
    return str(answer["executionArn"])


def arn_of(env: str, pipeline: str, name: str) -> str:
    """Return an execution's ARN; a name is one of the environment's machine."""
    if name.startswith("arn:"):
        return name
    machine = output(env, pipeline, "StateMachineArn")
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def look(arn: str) -> Execution:
    """Return an execution as it is now; Unusable if there is none."""
    try:
        found = client("stepfunctions").describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "InvalidArn"):
            raise
        raise Unusable(
            f"there is no execution {arn.rpartition(':')[2]}; executions are kept 90 days, "
            "the Step Functions console lists them (--pipeline credits for the other pipeline)"
        ) from None
    return Execution(
        arn=arn,
        status=found["status"],
        input=_json(found.get("input")),
        output=_json(found.get("output")),
        error=found.get("error", ""),
        cause=found.get("cause", ""),
    )


def follow(arn: str, report: Report, sleep: Callable[[float], None] = time.sleep) -> Execution:
    """Wait for an execution's end; report each state that it enters."""
    said = ""
    while True:
        found = look(arn)
        if found.status != "RUNNING":
            return found
        newest = client("stepfunctions").get_execution_history(
            executionArn=arn, reverseOrder=True, maxResults=20
        )["events"]
        entered = (event for event in map(_event, newest) if event and event.what == "entered")
        if (latest := next(entered, None)) and latest.name != said:
            said = latest.name
            report(f"{latest.at} {said}")
        sleep(_EVERY)


def story(arn: str) -> Execution:
    """Return an execution with what it went through; retries and failures with their cause."""
    found = look(arn)
    pages = (
        client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=arn, PaginationConfig={"MaxItems": _MOST_EVENTS})
    )
    events = (_event(item) for page in pages for item in page["events"])
    return msgspec.structs.replace(found, events=[event for event in events if event])


def _event(item: Mapping[str, Any]) -> Event | None:
    kind, at = str(item["type"]), f"{item['timestamp'].astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    details: Mapping[str, Any] = next(
        (v for k, v in item.items() if k.endswith("EventDetails")), {}
    )
    if kind.endswith("StateEntered"):
        return Event(at=at, what="entered", name=str(details.get("name", "")))
    if kind.endswith(("Failed", "TimedOut", "Aborted")):
        cause = readable(str(details.get("cause", "")))
        return Event(at=at, what=kind, name=str(details.get("error", "")), cause=cause)
    return Event(at=at, what=kind) if kind.startswith(("Execution", "MapRun")) else None


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def lines(found: Execution) -> Iterator[str]:
    """Yield the story line by line, and how it ended."""
    yield f"{found.arn.rpartition(':')[2]}: {found.status}, input {json.dumps(found.input)}"
    for event in found.events:
        yield " ".join(filter(None, (event.at, event.what, event.name, event.cause)))
    if found.error:
        yield f"{found.error}: {readable(found.cause)}"
        yield f'what to do: docs/runbook.md, "{found.error}"'
