"""The documents name what exists: errors and codes have sections, settings and commands exist."""

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore import xform_name

from functions import errors
from functions.credits.report_credits import SEVERAL
from functions.domain.months.run import ExecutionInput
from functions.domain.plan import Plan
from functions.metering.summarize_run import ATTENTION
from infra import definitions
from infra.environment import Environment

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
MIGRATING = (ROOT / "docs/migrating.md").read_text()
OUR_ERRORS = {
    name
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and kind.__module__ == errors.__name__
} | {ATTENTION, SEVERAL}
PLATFORM = re.compile(r"(States|Lambda|Sandbox|Runtime)\.\w+")
OF_AWS_AND_PYTHON = {"AccessDenied", "PermissionError"}
SECTIONS = dict(re.findall(r"^### (`.+)\n([\s\S]*?)(?=^##)", RUNBOOK, re.MULTILINE))
NAMED = {name for heading in SECTIONS for name in re.findall(r"`([^`]+)`", heading)}
WITH_CODES = (
    "domain/ledger/*.py",
    "domain/months/outcome.py",
    "metering/record_*.py",
    "adapters/clazar/answers.py",
)
NO_CODES = {"GET", "POST", "HTTP_", "NFKC"}
CODES = re.compile(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \|", re.MULTILINE)
# Options of every command, and one that the CLI spells in its own way.
GLOBAL = {"--cli-input-json", "--query", "--output", "--max-items", "--notification-endpoint"}
HIGH_LEVEL = {"s3", "configure", "logs tail"}


def test_every_error_name_has_a_section_and_every_section_an_error_name() -> None:
    retried = {name for name in definitions.TRANSIENT["ErrorEquals"] if PLATFORM.fullmatch(name)}
    assert OUR_ERRORS | retried | OF_AWS_AND_PYTHON <= NAMED
    known = OUR_ERRORS | OF_AWS_AND_PYTHON
    assert not {name for name in NAMED - known if not PLATFORM.fullmatch(name)}


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_section_says_whether_money_is_at_risk_until_when_and_what_to_do(heading: str) -> None:
    body = SECTIONS[heading]
    money = re.search(r"^- \*\*Money:\*\* ([\s\S]*?)(?=^- \*\*)", body, re.MULTILINE)
    assert money, "is money at risk?"
    nothing = money[1].startswith(("no", "as in"))
    assert nothing or "deadline" in money[1], "until when?"
    assert "- **Do:** " in body


def test_every_code_of_a_contract_is_explained() -> None:
    modules = [path for pattern in WITH_CODES for path in (ROOT / "functions").glob(pattern)]
    codes = {
        node.value
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[A-Z]{2,}(_[A-Z]+)*_?", node.value)
    }
    explained = {code for row in CODES.findall(RUNBOOK) for code in re.findall(r"\w+", row)}
    assert codes - NO_CODES <= explained
    assert {code for code in explained if not code.startswith("HTTP_")} <= codes


def test_every_setting_that_migrating_names_exists() -> None:
    settings = {field.name for field in fields(Environment)}
    settings |= set(Plan.__struct_fields__) | set(ExecutionInput.__struct_fields__)
    tables = [line.split("|")[2] for line in MIGRATING.splitlines() if line.startswith("| `")]
    named = {name for cell in tables for name in re.findall(r"`(\w+)` of the ", cell)}
    assert {"usage_bucket", "plan_id", "dry_run", "cloudzero_connection_id"} <= named <= settings


def commands() -> Iterator[tuple[str, str]]:
    """Yield each AWS CLI command in the documents, with its document."""
    for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]:
        text = re.sub(r"\\\n\s*", " ", path.read_text())
        for found in re.findall(r"\baws [a-z0-9]+ [a-z-]+\b[^\n`]*", text):
            yield path.name, found


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_every_aws_command_has_an_operation_and_options_that_exist(
    document: str, command: str
) -> None:
    assert document
    _, service, operation = command.split()[:3]
    if service in HIGH_LEVEL or f"{service} {operation}" in HIGH_LEVEL:
        return
    operations = {xform_name(name, "-"): name for name in model(service).operation_names}
    assert operation in operations
    members = model(service).operation_model(operations[operation]).input_shape.members
    known = {f"--{xform_name(name, '-')}" for name in members} | GLOBAL
    given = {word.replace("--no-", "--") for word in re.findall(r"(?<!\S)--[a-z-]+", command)}
    assert given <= known


def test_a_schedule_that_is_disabled_keeps_all_that_an_update_would_reset() -> None:
    text = (ROOT / "docs/deploying.md").read_text()
    (query,) = re.findall(r"aws scheduler get-schedule [^{]*\{([^}]*)\}", text)
    kept = set(re.findall(r"(\w+): \1", query))
    assert (
        set(model("scheduler").operation_model("UpdateSchedule").input_shape.required_members)
        <= kept
    )


def test_the_shell_blocks_are_whole() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"```sh\n([\s\S]*?)```", path.read_text()):
            done = subprocess.run(["/bin/sh", "-n"], input=block, text=True, check=False)
            assert done.returncode == 0, f"{path.name}: {block}"


@pytest.mark.parametrize(("environment", "emptied"), [("prod", False), ("dev", True)])
def test_what_removes_an_environment_empties_no_bucket_of_prod(
    environment: str, *, emptied: bool
) -> None:
    blocks: list[str] = re.findall(r"```sh\n([\s\S]*?)```", RUNBOOK)
    names = blocks[0].replace("ENV=prod", f"ENV={environment}")
    (removal,) = [block for block in blocks if "make destroy" in block]
    # A bucket that lists one version and, as a deletion fails, is left after one attempt.
    stub = (
        'aws() { echo "$*" >&2; '
        'case "$*" in *list-object-versions*) echo VersionId;; *delete-objects*) false;; esac; }\n'
        'make() { echo "make $*" >&2; }\n'
    )
    pasted = ["/bin/sh", "-c", stub + names + removal]
    done = subprocess.run(pasted, check=False, text=True, timeout=30, capture_output=True)
    assert ("delete-objects" in done.stderr) is emptied
    assert f"make destroy ENV={environment}" in done.stderr


def test_inputs_in_the_documents_are_json_with_known_fields() -> None:
    known = set(ExecutionInput.__struct_fields__)
    found = re.findall(r"^start '(\{.*\})'$|`start '(\{[^`]*\})'`", RUNBOOK, re.MULTILINE)
    assert found
    for line, inline in found:
        assert msgspec.json.decode((line or inline).replace("...", "x")).keys() <= known
