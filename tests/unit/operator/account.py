"""An AWS account as the command sees it: answers per service and call, and what was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from tests.builders import a_plan

MACHINE = "arn:aws:states:eu-central-1:1:stateMachine:dev-metering"
AT = datetime(2025, 8, 2, tzinfo=UTC)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "call")


def entered(name: str) -> dict[str, Any]:
    details = {"name": name}
    return {"type": "TaskStateEntered", "timestamp": AT, "stateEnteredEventDetails": details}


class Account:
    """Stacks with outputs, one execution that ends after some looks, and its history."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, str]] = {
            "dev-metering": {
                "StateMachineArn": MACHINE,
                "StateBucketName": "state",
                "UsageBucketName": "usage",
                "PlansPath": "/dev/metering/plans",
                "ClazarUrl": "https://clazar.example",
                "ClazarSecretName": "dev/metering/clazar",
                "TopicArn": "arn:aws:sns:::dev-metering",
            },
            "dev-credits": {
                "StateMachineArn": MACHINE.replace("metering", "credits"),
                "CreditsBucketName": "credits",
                "CloudZeroSecretName": "dev/credits/cloudzero",
                "TopicArn": "arn:aws:sns:::dev-credits",
            },
        }
        self.secrets = {
            "dev/metering/clazar": '{"client_id": "i", "client_secret": "s"}',
            "dev/credits/cloudzero": '{"api_key": "k"}',
        }
        self.subscriptions = ["arn:aws:sns:::one"]
        self.concurrency = 1_000
        self.looks = 1
        self.ending: dict[str, Any] = {"status": "SUCCEEDED", "output": '{"plan": "S:E:P"}'}
        self.events = [entered("PlanMonths")]
        self.started: list[dict[str, Any]] = []

    def __call__(self, _service: str) -> Account:
        """Be every client."""
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        if StackName not in self.stacks:
            raise refused("ValidationError")
        outputs = self.stacks[StackName].items()
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs]}]}

    def get_paginator(self, name: str) -> Any:
        pages: dict[str, Any] = {
            "get_parameters_by_path": {
                "Parameters": [{"Value": msgspec.json.encode(a_plan()).decode()}]
            },
            "get_execution_history": {"events": self.events},
            "list_subscriptions_by_topic": {
                "Subscriptions": [{"SubscriptionArn": arn} for arn in self.subscriptions]
            },
        }

        class Pages:
            @staticmethod
            def paginate(**_: Any) -> Iterator[Any]:
                yield pages[name]

        return Pages()

    def start_execution(self, **given: Any) -> Any:
        self.started.append({**given, "input": json.loads(given["input"])})
        arn = MACHINE.replace(":stateMachine:", ":execution:")
        return {"executionArn": f"{arn}:{given['name']}"}

    def describe_execution(self, *, executionArn: str) -> Any:  # noqa: N803
        if executionArn.endswith("unknown"):
            raise refused("ExecutionDoesNotExist")
        self.looks -= 1
        return {"status": "RUNNING"} if self.looks >= 0 else {"input": "{}", **self.ending}

    def get_execution_history(self, **_: Any) -> Any:
        return {"events": self.events[::-1]}

    def get_secret_value(self, *, SecretId: str) -> Any:  # noqa: N803
        if not self.secrets.get(SecretId):
            raise refused("ResourceNotFoundException")
        return {"SecretString": self.secrets[SecretId]}

    def get_caller_identity(self) -> Any:
        return {"Arn": "arn:aws:iam::1:user/jane"}

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": self.concurrency}}
