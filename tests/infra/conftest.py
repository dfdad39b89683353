"""One synth of the real app.py for all tests, in a process without any AWS credentials."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import ROOT
from tests.infra.templates import ENVIRONMENTS, PIPELINES, Template


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``cdk synth`` would write, made as a person without an AWS account would."""
    out = tmp_path_factory.mktemp("assembly") / "cdk.out"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    environment |= {
        "CDK_OUTDIR": str(out),
        "AWS_CONFIG_FILE": str(out / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(out / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    problems = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert problems, "a fresh clone is not finished, and says so"
    assert all(line.startswith("WARNING environment prod: ") for line in problems), said
    return out


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment in turn."""
    return str(request.param)


@pytest.fixture(scope="session", params=PIPELINES)
def pipeline(request: pytest.FixtureRequest) -> str:
    """Each pipeline in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def template(assembly: Path, environment: str, pipeline: str) -> Template:
    """Each stack in turn."""
    return Template.of(assembly, environment, pipeline)


@pytest.fixture(scope="session")
def metering_stack(assembly: Path, environment: str) -> Template:
    return Template.of(assembly, environment, "metering")


@pytest.fixture(scope="session")
def credits_stack(assembly: Path, environment: str) -> Template:
    return Template.of(assembly, environment, "credits")


@pytest.fixture(scope="session")
def prod(assembly: Path, pipeline: str) -> Template:
    return Template.of(assembly, "prod", pipeline)


@pytest.fixture(scope="session")
def dev(assembly: Path, pipeline: str) -> Template:
    return Template.of(assembly, "dev", pipeline)
