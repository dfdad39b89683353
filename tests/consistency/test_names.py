"""One concept, one name: definitions, modules, errors and payloads agree."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions import errors
from functions.domain.ledger import transitions
from infra import credits_tasks, definitions, metering_tasks
from infra.tasks import SETTLE_SECONDS, Task, snake_case

ROOT = Path(__file__).parents[2]
TASKS: Mapping[str, Mapping[str, Task]] = {
    "metering": metering_tasks.TASKS,
    "credits": credits_tasks.TASKS,
}
DEFINITIONS = {pipeline: definitions.load(pipeline) for pipeline in TASKS}
PACKAGES = tuple(f"functions.{pipeline}" for pipeline in TASKS)
AWS_ERRORS = re.compile(r"(States|Lambda|Sandbox|Runtime)\.\w+")


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


STATES = {pipeline: dict(states(machine)) for pipeline, machine in DEFINITIONS.items()}
LAMBDAS = {
    pipeline: {
        name: state
        for name, state in found.items()
        if str(state.get("Resource", "")).startswith("$")
    }
    for pipeline, found in STATES.items()
}
EVERY_LAMBDA = [(pipeline, name) for pipeline, found in LAMBDAS.items() for name in sorted(found)]
each_pipeline = pytest.mark.parametrize("pipeline", TASKS)


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


def test_every_definition_is_of_a_pipeline() -> None:
    assert {path.name for path in (ROOT / "statemachines").iterdir()} == {
        f"{pipeline}.asl.json" for pipeline in TASKS
    }


@each_pipeline
def test_every_lambda_state_has_a_module_and_every_module_a_state(pipeline: str) -> None:
    modules = {path.stem for path in sources(f"functions/{pipeline}")} - {"__init__", "payloads"}
    assert {snake_case(name) for name in LAMBDAS[pipeline]} == modules
    assert LAMBDAS[pipeline].keys() == TASKS[pipeline].keys()


@pytest.mark.parametrize(("pipeline", "name"), EVERY_LAMBDA)
def test_a_state_calls_the_function_of_its_own_name(pipeline: str, name: str) -> None:
    assert LAMBDAS[pipeline][name]["Resource"] == f"${{{name}FunctionArn}}"
    assert callable(importlib.import_module(f"functions.{pipeline}.{snake_case(name)}").handler)


def test_every_error_name_in_a_definition_is_a_class_that_is_raised() -> None:
    known = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    named = {
        error
        for found in STATES.values()
        for state in found.values()
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


@each_pipeline
def test_every_task_has_a_timeout_and_every_map_a_concurrency(pipeline: str) -> None:
    for name, state in STATES[pipeline].items():
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"], name
        if state["Type"] == "Map":
            assert "MaxConcurrency" in state or "MaxConcurrencyPath" in state, name
    assert DEFINITIONS[pipeline]["TimeoutSeconds"]


@pytest.mark.parametrize(("pipeline", "name"), EVERY_LAMBDA)
def test_every_lambda_state_retries_what_passes_and_unknown_errors_stay_loud(
    pipeline: str, name: str
) -> None:
    retried = {error for rule in LAMBDAS[pipeline][name]["Retry"] for error in rule["ErrorEquals"]}
    assert {"StorageBusy", "WriteConflict", "Lambda.Unknown", "States.Timeout"} <= retried
    assert "States.ALL" not in retried


def test_a_contract_becomes_an_error_only_for_what_is_about_it_and_is_left_open_for_all_else() -> (
    None
):
    about_it, all_else = STATES["metering"]["SubmitContract"]["Catch"]
    assert about_it["ErrorEquals"] == ["PartnerRefused", "OutcomeUnknown"]
    assert about_it["Next"] == "RecordError"
    assert (all_else["ErrorEquals"], all_else["Next"]) == (["States.ALL"], "RecordOpen")
    assert STATES["metering"]["ClaimContract"]["Catch"] == [all_else]


def test_a_contract_in_doubt_is_asked_for_after_the_settle_time_and_after_an_hour() -> None:
    rules = STATES["metering"]["SubmitContract"]["Retry"]
    (rule,) = (rule for rule in rules if rule["ErrorEquals"] == ["OutcomeUnknown"])
    first, growth = rule["IntervalSeconds"], rule["BackoffRate"]
    waits = [first * growth**number for number in range(rule["MaxAttempts"])]
    assert waits == [SETTLE_SECONDS * times for times in transitions.SETTLE_TIMES] == [120, 3_600]


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        (pipeline, name)
        for pipeline, name in EVERY_LAMBDA
        if TASKS[pipeline][name].reads_secret and name != "CompareContract"  # which sends nothing
    ],
)
def test_between_two_looks_a_function_that_may_still_be_sending_has_ended(
    pipeline: str, name: str
) -> None:
    (rule,) = (
        r for r in LAMBDAS[pipeline][name]["Retry"] if r["ErrorEquals"] == ["OutcomeUnknown"]
    )
    assert rule["IntervalSeconds"] >= TASKS[pipeline][name].timeout_seconds
    assert rule["IntervalSeconds"] >= SETTLE_SECONDS
    assert "JitterStrategy" not in rule, "jitter would make the wait shorter"


def test_the_domain_touches_nothing_outside() -> None:
    outside = {"boto3", "botocore", "requests", "os", "time", "obstore", "aws_lambda_powertools"}
    for path in sources("functions/domain"):
        names = imported(path)
        assert not {name.split(".")[0] for name in names} & outside, path
        assert not any(name.startswith(("functions.adapters", *PACKAGES)) for name in names)


def test_imports_point_inward() -> None:
    for path in sources("functions"):
        assert not any(name.split(".")[0] in ("infra", "tests") for name in imported(path)), path
    for path in sources("functions/adapters"):
        assert not any(name.startswith(PACKAGES) for name in imported(path)), path


@each_pipeline
def test_one_pipeline_knows_nothing_of_the_other(pipeline: str) -> None:
    others = tuple(package for package in PACKAGES if not package.endswith(pipeline))
    for path in sources(f"functions/{pipeline}"):
        assert not any(name.startswith(others) for name in imported(path)), path


@each_pipeline
def test_a_state_module_knows_no_other_state_module(pipeline: str) -> None:
    for path in sources(f"functions/{pipeline}"):
        siblings = {name for name in imported(path) if name.startswith(f"functions.{pipeline}")}
        assert siblings <= {f"functions.{pipeline}.payloads"}, path


@pytest.mark.parametrize(
    ("pipeline", "partner", "speaking"),
    [
        ("metering", "clazar", {"submit_contract", "compare_contract"}),
        ("credits", "cloudzero", {"snapshot_drop", "post_drop", "verify_drop"}),
    ],
)
def test_a_state_loads_the_code_of_a_partner_only_if_it_speaks_with_it(
    pipeline: str, partner: str, speaking: set[str]
) -> None:
    states = {path.stem for path in sources(f"functions/{pipeline}")} - {"__init__"}
    assert not loaded(pipeline, states - speaking)
    assert loaded(pipeline, states) == {partner}


def loaded(pipeline: str, states: set[str]) -> set[str]:
    """Import states in a fresh process; return the partners whose code that loads."""
    imports = "; ".join(f"import functions.{pipeline}.{state}" for state in sorted(states))
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}; import sys; print(*sys.modules)"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return set(re.findall(r"functions\.adapters\.(clazar|cloudzero)\b", done.stdout))


def test_the_domain_names_no_partner() -> None:
    names = re.compile("omnistrate|clazar|cloudzero", re.IGNORECASE)
    for path in sources("functions/domain"):
        assert not names.search(path.read_text()), path


def test_infra_knows_only_the_domain_of_the_functions() -> None:
    for path in sources("infra"):
        if "operator" in path.parts:  # reads what the functions have written, through their readers
            continue
        known = {name for name in imported(path) if name.startswith("functions")}
        shared = ("functions.domain", "functions.errors", "functions.metrics")
        known -= {"functions"}  # `from functions import metrics`
        assert all(name.startswith(shared) for name in known), path
