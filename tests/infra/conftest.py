"""One synth of the real app.py for all tests, in a process without any AWS credentials."""

from pathlib import Path

import pytest

from infra.local.app.synthesis import SAID, synthesized
from tests.infra.templates import ENVIRONMENTS, PIPELINES, Template


@pytest.fixture(scope="session")
def assembly() -> Path:
    """What ``cdk synth`` would write, made once from these sources: a run on this machine uses it.

    A fresh clone is not finished, and says so.
    """
    made = synthesized()
    said = (made / SAID).read_text(encoding="utf-8")
    problems = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert problems, said
    assert all(line.startswith("WARNING environment prod: ") for line in problems), said
    return made


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session", params=PIPELINES)
def pipeline(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def template(assembly: Path, environment: str, pipeline: str) -> Template:
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
