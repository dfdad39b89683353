"""The check that the interpreter knows everything that a definition says."""

from typing import Any

from tests.in_memory.data_flow import Unsupported, check_rule, refuse_others

_COMMON = {"Type", "Next", "End"}
_FLOW = _COMMON | {"Parameters", "ResultPath", "OutputPath"}
_WORK = _FLOW | {"Retry", "Catch", "ResultSelector"}
_FIELDS = {
    "Task": _WORK | {"Resource", "TimeoutSeconds"},
    "Map": (_WORK - {"Parameters"})
    | {"Label", "ItemsPath", "ItemReader", "ItemSelector", "ItemProcessor", "ResultWriter"}
    | {"MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailurePercentage"},
    "Choice": {"Type", "Choices", "Default"},
    "Pass": _FLOW | {"Result"},
    "Wait": _COMMON | {"Seconds"},
    "Succeed": {"Type", "OutputPath"},
    "Fail": {"Type", "Error", "Cause", "ErrorPath", "CausePath"},
}
_RETRIER = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"}
_READER = {"Resource", "ReaderConfig", "Parameters"}
_RESOURCES = ("arn:aws:states:::sns:publish", "${")


def is_distributed(state: dict[str, Any]) -> bool:
    """Say whether a map's children are executions of their own."""
    config = state["ItemProcessor"].get("ProcessorConfig", {})
    mode: str = config.get("Mode", "INLINE")
    if mode not in ("INLINE", "DISTRIBUTED"):
        raise Unsupported(f"ProcessorConfig {config}")
    return mode == "DISTRIBUTED"


def check(machine: dict[str, Any]) -> None:
    """Raise Unsupported where a definition says what the interpreter would not do."""
    known = {"StartAt", "States", "TimeoutSeconds", "ProcessorConfig", "QueryLanguage"}
    refuse_others("state machine", machine, known)
    if machine.get("QueryLanguage", "JSONPath") != "JSONPath":
        raise Unsupported("QueryLanguage")
    for name, state in machine["States"].items():
        if state["Type"] not in _FIELDS:
            raise Unsupported(f"{name}: state type {state['Type']}")
        refuse_others(name, state, _FIELDS[state["Type"]])
        _check_rules(name, state)
        if state["Type"] == "Map":
            _check_map(name, state)
        if state["Type"] == "Task" and not state["Resource"].startswith(_RESOURCES):
            raise Unsupported(f"{name}: resource {state['Resource']}")


def _check_rules(name: str, state: dict[str, Any]) -> None:
    for rule in state.get("Choices", ()):
        check_rule(rule)
    for rule in state.get("Retry", ()):
        refuse_others(f"{name}: Retry", rule, _RETRIER | {"JitterStrategy"})
    for rule in state.get("Catch", ()):
        refuse_others(f"{name}: Catch", rule, {"ErrorEquals", "ResultPath", "Next"})


def _check_map(name: str, state: dict[str, Any]) -> None:
    if "Retry" in state:
        raise Unsupported(f"{name}: Retry of a Map")
    if "ToleratedFailurePercentage" in state and not is_distributed(state):
        raise Unsupported(f"{name}: ToleratedFailurePercentage of an inline Map")
    if reader := state.get("ItemReader"):
        refuse_others(f"{name}: ItemReader", reader, _READER)
        config = reader.get("ReaderConfig")
        if reader["Resource"] != "arn:aws:states:::s3:getObject" or config != {"InputType": "JSON"}:
            raise Unsupported(f"{name}: ItemReader {reader}")
    check(state["ItemProcessor"])
