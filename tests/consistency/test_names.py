"""One concept, one name: definitions, modules, errors and payloads agree."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions import errors
from infra.metering_tasks import TASKS, snake_case

ROOT = Path(__file__).parents[2]
DEFINITION = json.loads((ROOT / "statemachines/metering.asl.json").read_text())
AWS_ERRORS = re.compile(r"(States|Lambda|Sandbox|Runtime)\.\w+")


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


STATES = dict(states(DEFINITION))
LAMBDAS = {
    name: state for name, state in STATES.items() if str(state.get("Resource", "")).startswith("$")
}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_every_lambda_state_has_a_module_and_every_module_a_state() -> None:
    modules = {path.stem for path in sources("functions/metering")} - {"__init__", "payloads"}
    assert {snake_case(name) for name in LAMBDAS} == modules
    assert LAMBDAS.keys() == TASKS.keys()


@pytest.mark.parametrize("name", sorted(LAMBDAS))
def test_a_state_calls_the_function_of_its_own_name(name: str) -> None:
    assert LAMBDAS[name]["Resource"] == f"${{{name}FunctionArn}}"
    assert callable(importlib.import_module(f"functions.metering.{snake_case(name)}").handler)


def test_every_error_name_in_the_definition_is_a_class_that_is_raised() -> None:
    known = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    named = {
        error
        for state in STATES.values()
        for rule in (*state.get("Retry", ()), *state.get("Catch", ()))
        for error in rule["ErrorEquals"]
        if not AWS_ERRORS.fullmatch(error)
    }
    assert named <= known
    text = "".join(path.read_text() for path in sources("functions"))
    assert all(f"raise {name}(" in text for name in known)


def test_errors_are_flat_because_a_retry_matches_only_the_exact_name() -> None:
    for name in vars(errors):
        kind = getattr(errors, name)
        if inspect.isclass(kind) and kind.__module__ == errors.__name__:
            assert kind.__bases__ == (Exception,)
            assert kind.__doc__


def test_every_task_has_a_timeout_and_every_map_a_concurrency() -> None:
    for name, state in STATES.items():
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"], name
        if state["Type"] == "Map":
            assert "MaxConcurrency" in state or "MaxConcurrencyPath" in state, name
    assert DEFINITION["TimeoutSeconds"]


def test_every_lambda_state_retries_what_passes_and_unknown_errors_stay_loud() -> None:
    for name, state in LAMBDAS.items():
        retried = {error for rule in state["Retry"] for error in rule["ErrorEquals"]}
        assert {"StorageBusy", "WriteConflict", "Lambda.Unknown", "States.Timeout"} <= retried, name
        assert "States.ALL" not in retried, name


def test_no_contract_is_caught_for_an_error_that_is_not_about_it() -> None:
    (rule,) = STATES["SubmitContract"]["Catch"]
    assert rule["ErrorEquals"] == ["PartnerRefused", "PartnerBusy", "OutcomeUnknown"]


def test_between_two_looks_a_function_that_may_still_be_sending_has_ended() -> None:
    (rule,) = (
        r for r in STATES["SubmitContract"]["Retry"] if r["ErrorEquals"] == ["OutcomeUnknown"]
    )
    assert rule["IntervalSeconds"] >= TASKS["SubmitContract"].timeout_seconds
    assert "JitterStrategy" not in rule, "jitter would make the wait shorter"


def test_the_domain_touches_nothing_outside() -> None:
    for path in sources("functions/domain"):
        outside = {
            "boto3",
            "botocore",
            "requests",
            "os",
            "time",
            "obstore",
            "aws_lambda_powertools",
        }
        names = imported(path)
        assert not {name.split(".")[0] for name in names} & outside, path
        assert not any(
            name.startswith(("functions.adapters", "functions.metering")) for name in names
        )


def test_imports_point_inward() -> None:
    for path in sources("functions"):
        assert not any(name.split(".")[0] in ("infra", "tests") for name in imported(path)), path
    for path in sources("functions/adapters"):
        assert not any(name.startswith("functions.metering") for name in imported(path)), path


def test_infra_knows_only_the_domain_of_the_functions() -> None:
    for path in sources("infra"):
        known = {name for name in imported(path) if name.startswith("functions")}
        assert all(name.startswith(("functions.domain", "functions.errors")) for name in known), (
            path
        )
