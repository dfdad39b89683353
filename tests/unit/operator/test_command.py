from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from functions.adapters import storage
from infra.operator.app import app
from infra.operator.explain import explain
from infra.operator.where import CannotRun, DeployedWhere, Folder
from tests.builders import a_record
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.test_explain import JULY, as_folders


class CloudFormation:
    """Knows one stack. moto's own needs EC2, which the local runner has put aside."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName != "prod-metering":
            said = {"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}}
            raise ClientError(said, "DescribeStacks")  # type: ignore[arg-type]
        return {"Stacks": [{"Outputs": [{"OutputKey": "StateBucketName", "OutputValue": "state"}]}]}

    def get_paginator(self, _: str) -> CloudFormation:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        item = {
            "ResourceType": "AWS::S3::Bucket",
            "LogicalResourceId": "StorageUsageBucket1",
            "PhysicalResourceId": "usage",
        }
        return [{"StackResourceSummaries": [item]}]


def client(service: str) -> Any:
    return CloudFormation() if service == "cloudformation" else boto3.client(service)


@pytest.fixture
def world() -> WholeMonth:
    world = WholeMonth("ok")
    world.every_hour("2025-07", [a_record("c-1", value=4)])
    world.run()
    return world


def billing(*words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(words))
    return ran.exit_code, ran.output


def test_every_verb_ends_with_its_code_and_one_sentence(world: WholeMonth, tmp_path: Path) -> None:
    as_folders(world, tmp_path)
    here = ("--state", str(tmp_path / "state"), "--plans", str(tmp_path / "plans.json"))
    assert billing("explain", "c-1", "2025-07", *here)[0] == 0
    assert billing("reconcile", "2025-07", *here)[0] == 0
    code, said = billing("report", "2025-07", *here)
    assert (code, said.splitlines()[0]) == (0, "July 2025, S: 1 of 1 contract billed")
    code, said = billing("explain", "c-1", "July", *here)
    assert (code, said) == (2, "Error: MONTH: 'July' is not a month (YYYY-MM)\n")
    assert billing("reconcile", "2025-07", "--quiet", *here) == (0, "")
    assert billing("reconcile", "2025-07")[0] == 2
    code, said = billing("explain", "c-1", "2025-07", "cpu", "--json", *here)
    assert (code, json.loads(said)["dimensions"][0]["quantity"]) == (0, "4")


def test_the_help_of_every_verb_has_an_example() -> None:
    for command in app.registered_commands:
        assert "Example: billing" in str(command.epilog)


def test_status_names_an_open_contract_with_the_command_that_settles_it(tmp_path: Path) -> None:
    world = WholeMonth("refuse")
    world.every_hour("2025-07", [a_record("c-1", value=4)])
    world.run()
    as_folders(world, tmp_path)
    here = ("--state", str(tmp_path / "state"), "--plans", str(tmp_path / "plans.json"))
    code, said = billing("status", *here)
    assert code == 1
    assert "S:E:P: last closed month 2025-07" in said
    assert "open: c-1 (NO: " in said
    assert "billing retry 2025-07 --plan S:E:P --state" in said


def test_a_credits_file_is_judged_without_aws(tmp_path: Path) -> None:
    file = tmp_path / "credits-2025-07.csv"
    file.write_text("054736553085,$1.00\n")
    assert billing("check", str(file))[0] == 0
    file.write_text("54736553085,$1.00\n")
    assert billing("check", str(file))[0] == 1


def test_a_folder_lists_and_reads_as_a_bucket_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.json").write_bytes(b"x")
    (tmp_path / "a" / "2.json").write_bytes(b"y")
    folder = Folder(tmp_path)
    assert [item.key for item in folder.list("a/")] == ["a/2.json", "a/b/1.json"]
    assert [item.key for item in folder.list("a/", after="a/2.json")] == ["a/b/1.json"]
    assert folder.read("a/none") is None
    with pytest.raises(CannotRun, match="only reads"):
        folder.put("a/3", b"")


@mock_aws
def test_the_deployed_stacks_are_found_by_their_outputs(
    world: WholeMonth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    storage._client.cache_clear()  # noqa: SLF001
    ssm: Any = boto3.client("ssm")
    ssm.put_parameter(Name="/prod/metering/plans/p", Value=world.plan.to_json(), Type="String")
    where = DeployedWhere("prod", client)
    assert list(where.plans()) == ["S:E:P"]
    s3 = boto3.client("s3")
    for bucket in ("state", "usage"):
        s3.create_bucket(Bucket=bucket)
    for bucket, held in (("state", world.state_bucket), ("usage", world.usage_bucket)):
        for key, body in held.objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    # obstore has a client of its own, which moto does not see.
    monkeypatch.setattr(storage.Bucket, "read_many", lambda bucket, names: map(bucket.read, names))
    (row,) = explain(where, world.plan, "c-1", JULY)["dimensions"]
    assert row["quantity"] == "4"
    with pytest.raises(CannotRun, match="make deploy ENV=dev"):
        DeployedWhere("dev", client)
    storage._client.cache_clear()  # noqa: SLF001


def test_doctor_says_what_to_do_about_a_missing_marker(world: WholeMonth, tmp_path: Path) -> None:
    as_folders(world, tmp_path)
    here = ("--state", str(tmp_path / "state"))
    assert billing("doctor", *here)[0] == 0
    (tmp_path / "usage" / "omnistrate-metering" / "last_success_export.json").unlink()
    code, said = billing("doctor", *here)
    assert code == 1
    assert "TO DO marker: omnistrate-metering/last_success_export.json is missing: enable" in said
    assert billing("logs", "x", *here)[0] == 2
