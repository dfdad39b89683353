"""One synth of the real app.py for all tests, in a process without any AWS credentials."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import ROOT
from tests.infra.templates import ENVIRONMENTS, PIPELINES, Template


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``cdk synth`` would write; the first worker that needs it makes it for all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    out = shared / "cdk.out"
    with (shared / "assembly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.is_dir():
            _synthesize(shared / "cdk.part")
            (shared / "cdk.part").rename(out)
    return out


def _synthesize(out: Path) -> None:
    """Run the app as a person without an AWS account would."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    environment |= {
        "CDK_OUTDIR": str(out),
        "AWS_CONFIG_FILE": str(out / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(out / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "app.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    problems = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert problems, "a fresh clone is not finished, and says so"
    assert all(line.startswith("WARNING environment prod: ") for line in problems), said


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
