import json
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack, Stage
from aws_cdk import aws_iam as iam

from infra import ROOT, environments
from infra.environment import Environment, InvalidEnvironment
from infra.environments import NOBODY, POSTGRES, PROD, STAGING
from infra.pipeline import PipelineStack
from infra.stages import BillingPipelines, checked_app
from tests.infra.templates import ENVIRONMENTS, PIPELINES, Template


def artifacts(assembly: Path) -> list[dict[str, Any]]:
    manifests = assembly.glob("assembly-*/manifest.json")
    found = (json.loads(manifest.read_text())["artifacts"].values() for manifest in manifests)
    return list(chain.from_iterable(found))


def test_the_app_needs_no_credentials_and_names_a_stack_per_environment(assembly: Path) -> None:
    stacks = (one for one in artifacts(assembly) if one["type"] == "aws:cloudformation:stack")
    assert {stack["properties"]["stackName"] for stack in stacks} == {
        f"{environment}-{pipeline}" for environment in ENVIRONMENTS for pipeline in PIPELINES
    }


def test_each_stack_deploys_without_the_other(assembly: Path, template: Template) -> None:
    name = f"{template.environment.name}-{template.pipeline}"
    found = artifacts(assembly)
    (stack,) = (one for one in found if one.get("properties", {}).get("stackName") == name)
    assert [own for own in stack["dependencies"] if not own.endswith(".assets")] == []
    assert len(stack["dependencies"]) == 1
    assert "Fn::ImportValue" not in template.text
    assert not [output for output in template.body["Outputs"].values() if "Export" in output]


def test_a_stack_says_where_to_look(metering_stack: Template, credits_stack: Template) -> None:
    everywhere = {"StateMachineArn", "TopicArn", "StateMachineLogGroupName", "LostStartsQueueUrl"}
    own = {
        "metering": {
            *("StateBucketName", "UsageBucketName", "PlansPath", "ClazarUrl", "ClazarSecretName")
        },
        "credits": {"CreditsBucketName", "CloudZeroSecretName", "SummaryLogGroupName"},
    }
    for stack in (metering_stack, credits_stack):
        logs = {f"{state}LogGroupName" for state in stack.tasks}
        outputs = stack.body["Outputs"]
        assert outputs.keys() == everywhere | own[stack.pipeline] | logs
        assert all(output["Description"] for output in outputs.values())


def test_the_partition_is_that_of_the_stack_but_for_services_that_a_definition_names(
    template: Template,
) -> None:
    assert "arn:aws:" not in template.text.replace("arn:aws:states:::", "")


def test_only_prod_is_protected_from_being_deleted(assembly: Path) -> None:
    found = [one.get("properties", {}) for one in artifacts(assembly)]
    protected = {of["stackName"] for of in found if of.get("terminationProtection")}
    assert protected == {"prod-metering", "prod-credits"}


def test_an_app_whose_environments_share_a_stream_is_not_synthesized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = replace(STAGING, cloudzero_connection_id=PROD.cloudzero_connection_id)
    monkeypatch.setattr(environments, "STAGING", shared)
    with pytest.raises(InvalidEnvironment, match="cloudzero_connection_id"):
        runpy.run_path(str(ROOT / "app.py"))


OWN_PLANS = ({**POSTGRES, "plan_id": "pt-1"},)


@pytest.mark.parametrize(
    ("deploying", "pipeline", "environment", "field"),
    [
        ("prod/*", "metering", PROD, "alarm_email"),
        ("prod/metering", "metering", PROD, "alarm_email"),
        ("prod/metering", "metering", replace(PROD, alarm_email=NOBODY), "plan_id"),
        ("prod/*", "credits", replace(PROD, alarm_email="a@b.de"), "cloudzero_connection_id"),
    ],
)
def test_a_deployment_that_bills_is_refused_with_the_field_that_is_missing(
    deploying: str, pipeline: str, environment: Environment, field: str
) -> None:
    with pytest.raises(InvalidEnvironment, match=f"^environment prod: {field} "):
        a_stack(deploying, pipeline, environment)


@pytest.mark.parametrize(
    ("deploying", "pipeline", "environment"),
    [
        ("dev/*", "metering", PROD),
        ("prod/credits", "metering", PROD),
        ("prod/metering", "metering", replace(PROD, alarm_email=NOBODY, plans=OWN_PLANS)),
        ("staging/*", "credits", STAGING),
    ],
)
def test_a_deployment_is_not_refused_for_what_it_does_not_bill(
    deploying: str, pipeline: str, environment: Environment
) -> None:
    assert a_stack(deploying, pipeline, environment).machine_name


def test_an_environment_that_is_finished_is_synthesized(tmp_path: Path) -> None:
    finished = replace(
        PROD,
        plans=OWN_PLANS,
        cloudzero_connection_id="our-stream",
        usage_bucket="our-usage",
        alarm_email="a@b.de",
    )
    app = checked_app(outdir=str(tmp_path / "cdk.out"))
    BillingPipelines(app, environment=finished)
    app.synth()
    for pipeline in PIPELINES:
        stack = Template.of(tmp_path / "cdk.out", "prod", pipeline)
        (subscription,) = stack.resources("AWS::SNS::Subscription").values()
        assert subscription["Properties"]["Endpoint"] == "a@b.de"


def test_make_deploy_names_what_it_deploys_in_the_context() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndeploy:")[2]
    assert 'deploy --context "deploying=$(STACKS)" "$(STACKS)"' in recipe.partition("\n\n")[0]


def a_stack(deploying: str, pipeline: str, environment: Environment) -> PipelineStack:
    app = checked_app()
    app.node.set_context("deploying", deploying)
    stage = Stage(app, environment.name)
    return PipelineStack(stage, pipeline, environment=environment, description="Test")


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
    assert found <= ({omnistrate} if template.pipeline == "metering" else set())
    assert "us-east-1" not in template.text


def test_both_stacks_run_the_same_functions_package_and_nothing_else(assembly: Path) -> None:
    assets = {
        asset["displayName"]: assembly / "assembly-prod" / asset["source"]["path"]
        for path in (assembly / "assembly-prod").glob("*.assets.json")
        for asset in json.loads(path.read_text())["files"].values()
        if asset["source"]["packaging"] == "zip"
    }
    (code,) = {path for name, path in assets.items() if "Function" in name}
    assert [entry.name for entry in code.iterdir()] == ["functions"]
    assert (code / "functions" / "errors.py").is_file()
    assert not list(code.rglob("__pycache__"))


def test_a_mistake_in_the_configuration_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    shutil.copytree(ROOT / "functions", tmp_path / "functions")
    shutil.copy(ROOT / "app.py", tmp_path)
    file = tmp_path / "infra" / "environments.py"
    file.write_text(file.read_text().replace('"service":', '"srvice":', 1))
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("environment dev: plan ")
    assert done.stderr.count("\n") == 1
