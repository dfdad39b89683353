import json
import re
from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra import ROOT
from infra.stages import checked_app
from tests.infra.templates import Template


def test_the_app_needs_no_credentials_and_names_a_stack_per_environment(assembly: Path) -> None:
    names = {
        artifact["properties"]["stackName"]
        for manifest in assembly.glob("assembly-*/manifest.json")
        for artifact in json.loads(manifest.read_text())["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert names == {"dev-metering", "staging-metering", "prod-metering"}


def test_a_right_on_everything_without_a_reason_fails_the_synth(tmp_path: Path) -> None:
    app = checked_app(outdir=str(tmp_path / "cdk.out"))
    role = iam.Role(Stack(app, "Test"), "Role", assumed_by=iam.AnyPrincipal())
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
    with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Resource::\*\]"):
        app.synth()


def test_no_path_of_the_machine_stands_in_what_is_deployed(assembly: Path) -> None:
    written = [*assembly.rglob("*.template.json"), *assembly.rglob("*.assets.json")]
    assert written
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text


def test_the_templates_hold_no_account_of_ours_and_no_region(template: Template) -> None:
    omnistrate = "498789612402"
    found = set(re.findall(r"(?<![0-9a-f])\d{12}(?![0-9a-f])", template.text))
    assert found <= {omnistrate}
    assert "us-east-1" not in template.text


def test_the_function_code_is_the_functions_package_and_nothing_else(assembly: Path) -> None:
    assets = {
        asset["displayName"]: assembly / "assembly-prod" / asset["source"]["path"]
        for path in (assembly / "assembly-prod").glob("*.assets.json")
        for asset in json.loads(path.read_text())["files"].values()
        if asset["source"]["packaging"] == "zip"
    }
    (code,) = (path for name, path in assets.items() if "AcquirePlan" in name)
    assert [entry.name for entry in code.iterdir()] == ["functions"]
    assert (code / "functions" / "errors.py").is_file()
    assert not list(code.rglob("__pycache__"))
