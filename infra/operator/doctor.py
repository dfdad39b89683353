"""`doctor`: what a deployed or local pipeline needs, each with what to do; `logs`: its story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters import keys
from infra.operator.where import CannotRun, DeployedWhere, Where

Check = tuple[str, bool, str]


def doctor(where: Where) -> Iterator[Check]:
    """Yield each check with its name, whether it holds, and what was found or is to be done."""
    plans = where.plans()
    yield "plans", bool(plans), ", ".join(sorted(plans)) or "none is known: run once, or --plans"
    marker = where.usage.read(keys.EXPORT_MARKER) if where.usage else None
    said = keys.EXPORT_MARKER
    todo = f"{said} is missing: enable Omnistrate's export, or set completeness to calendar"
    calendar = plans and all(plan.completeness == "calendar" for plan in plans.values())
    yield "marker", bool(marker or calendar), said if marker else todo
    if isinstance(where, DeployedWhere):
        yield _try("credentials", lambda: _identity(where), "sign in to AWS")
        for name in ("metering/clazar", "credits/cloudzero"):
            secret = f"{where.environment}/{name}"
            found = "put its value by console or CLI, see README, Deploy"
            yield _try(f"secret {secret}", partial(_secret, where, secret), found)
        for pipeline in ("metering", "credits"):
            todo = "set alarm_email, deploy, and confirm the mail that SNS sends"
            yield _try(f"{pipeline} mail", partial(_subscribed, where, pipeline), todo)
        todo = "ask AWS for more concurrent Lambda executions"
        yield _try("quota", lambda: _quota(where), todo)


def _try(name: str, look: Callable[[], str], todo: str) -> Check:
    try:
        return name, True, look()
    except (BotoCoreError, ClientError, CannotRun, KeyError) as error:
        return name, False, f"{error}; {todo}"


def _identity(where: DeployedWhere) -> str:
    return str(where.client("sts").get_caller_identity()["Arn"])


def _secret(where: DeployedWhere, name: str) -> str:
    where.client("secretsmanager").get_secret_value(SecretId=name)
    return "has a value"


def _subscribed(where: DeployedWhere, pipeline: str) -> str:
    topic = where.outputs_of(pipeline)["TopicArn"]
    found = where.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    confirmed = [one for one in found if str(one["SubscriptionArn"]).startswith("arn:")]
    if not confirmed:
        raise CannotRun("no subscription is confirmed")
    return f"{len(confirmed)} confirmed"


def _quota(where: DeployedWhere) -> str:
    limit = where.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if limit < 100:  # noqa: PLR2004
        raise CannotRun(f"{limit} concurrent Lambda executions")
    return f"{limit} concurrent Lambda executions"


def story(where: Where, execution: str) -> list[str]:
    """Return what an execution did, one line for each state it entered and each failure."""
    if not isinstance(where, DeployedWhere):
        raise CannotRun("a local run keeps no history: start it with --logs instead")
    pages = where.client("stepfunctions").get_paginator("get_execution_history")
    lines = []
    for page in pages.paginate(executionArn=execution):
        for event in page["events"]:
            lines += [f"{event['timestamp']:%Y-%m-%dT%H:%M:%SZ} {text}" for text in _told(event)]
    return lines


def _told(event: dict[str, Any]) -> Iterator[str]:
    if entered := event.get("stateEnteredEventDetails"):
        yield str(entered["name"])
    for name, details in event.items():
        if name.endswith(("FailedEventDetails", "TimedOutEventDetails")):
            yield f"{event['type']}: {details.get('error', '')}: {details.get('cause', '')}"
    if event["type"] == "ExecutionSucceeded":
        yield "SUCCEEDED"
