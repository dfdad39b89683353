from __future__ import annotations

from typing import Any

from infra.operator.runs import as_lines, run_there
from infra.operator.where import DeployedWhere


class Steps:
    """Step Functions with one execution, which runs for one look."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.looks = ["RUNNING", "FAILED"]

    def start_execution(self, *, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        self.started.append(f"{stateMachineArn} {input}")
        return {"executionArn": "arn:x"}

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803
        assert executionArn == "arn:x"
        return {"status": self.looks.pop(0), "error": "BadInput", "cause": "no such month"}

    def list_map_runs(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": f"{executionArn}:map"}]}

    def describe_map_run(self, *, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        assert mapRunArn == "arn:x:map"
        return {"itemCounts": {"succeeded": 2, "failed": 1, "total": 5}}


class CloudFormation:
    """Knows the outputs of every stack."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        outputs = {"StateBucketName": "state", "StateMachineArn": f"arn:{StackName}"}
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        return {"Stacks": [{"Outputs": listed}]}

    def get_paginator(self, _: str) -> CloudFormation:
        return self

    def paginate(self, **_: str) -> list[Any]:
        return []


def started(steps: Steps, said: list[str], *, wait: bool) -> dict[str, Any]:
    where = DeployedWhere(
        "prod", lambda name: steps if name == "stepfunctions" else CloudFormation()
    )
    given = {"restore": "snapshots/x"}
    return run_there(where, "credits", given, wait=wait, say=said.append, sleep=lambda _: None)


def test_an_execution_is_followed_to_its_end_and_its_message_is_shown() -> None:
    steps, said = Steps(), list[str]()
    ended = started(steps, said, wait=True)
    assert steps.started == ['arn:prod-credits {"restore": "snapshots/x"}']
    assert said == ["started arn:x", "running; items of its maps: 3/5"]
    assert as_lines(ended) == ["FAILED: BadInput: no such month"]


def test_with_no_wait_it_is_only_started() -> None:
    ended = started(Steps(), [], wait=False)
    assert ended == {"status": "RUNNING", "execution_arn": "arn:x"}
