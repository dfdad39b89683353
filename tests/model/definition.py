"""What the state machine does when a Lambda has ended: next state, Retry, Catch."""

from functools import cache
from typing import Any

from infra import definitions
from tests.in_memory.data_flow import holds
from tests.model.invocation import Invocation
from tests.model.playing import Step

_PARENT = definitions.load("metering")["States"]
_MONTH = _PARENT["ForEachMonth"]["ItemProcessor"]["States"]
_CHILD = _MONTH["ForEachContract"]["ItemProcessor"]["States"]
_STATES: dict[str, dict[str, Any]] = _PARENT | _MONTH | _CHILD
PER_CONTRACT = frozenset(_CHILD)
# All others change nothing that matters here.
_MODELLED = {"PlanMonths", "MergeUsage", "CloseMonth", "ReleasePlan"}
_MODELLED |= {"ClaimContract", "SubmitContract", "RecordError"}
_RUN = {"resolve": None, "dry_run": False}


@cache
def retried(state: str, error: str) -> bool:
    """Whether a state is tried again after an error."""
    return any(error in rule["ErrorEquals"] for rule in _STATES[state].get("Retry", []))


@cache
def _caught(state: str, error: str) -> str | None:
    for rule in _STATES[state].get("Catch", []):
        if {error, "States.ALL"} & set(rule["ErrorEquals"]):
            return str(rule["Next"])
    return None


@cache
def _reached(name: str | None, to_process: int = 0, action: str = "") -> str | None:
    """Return the first modelled state from here, None at the end of the map or machine."""
    data = {"run": _RUN, "merged": {"to_process": to_process}, "claimed": {"action": action}}
    data |= {"purpose": "bill", "notify": False, "succeeded": True}
    while name is not None and name not in _MODELLED:
        state = _STATES[name]
        if state["Type"] == "Choice":
            rules = (rule["Next"] for rule in state["Choices"] if holds(rule, data, {}))
            name = next(rules, state["Default"])
        elif name in ("ForEachMonth", "ForEachContract"):
            name = state["ItemProcessor"]["StartAt"]
        else:
            name = state.get("Next")
    return name


def after(ended: Invocation, step: Step) -> Invocation | None:
    """Return the next invocation of the execution, None if the execution is over.

    An error that arrives here is not tried again, or not any more.
    """
    if step.error:
        return _after_error(ended, step.error)
    following = _STATES[ended.state].get("Next")
    if ended.state == "MergeUsage":
        return _in_run(ended._replace(items=step.result), following)
    if ended.state in _CHILD:
        following = _reached(following, action=step.result)
        return _in_contract(ended, following, "NO_USAGE")
    if following is None and ended.state in _MONTH:
        following = _PARENT["ForEachMonth"]["Next"]
    return _in_run(ended, following)


def _in_run(ended: Invocation, following: str | None) -> Invocation | None:
    reached = _reached(following, to_process=len(ended.items))
    return ended._replace(state=reached) if reached else None


def _in_contract(ended: Invocation, following: str | None, problem: str) -> Invocation | None:
    """One after the other here. A child that has failed leaves its contract open."""
    if following == "RecordError":
        return ended._replace(state=following, problem=problem)
    if following:
        return ended._replace(state=following)
    beside = ended.contract + 1
    if beside < len(ended.items):
        return ended._replace(state="ClaimContract", contract=beside, problem="")
    closing = ended._replace(contract=0, problem="")
    return None if ended.alone else _in_run(closing, _MONTH["ForEachContract"]["Next"])


def _after_error(ended: Invocation, error: str) -> Invocation | None:
    target = _caught(ended.state, error)
    if ended.state in _CHILD:
        return _in_contract(ended, _reached(target), error)
    if target is None and ended.state in _MONTH:
        target = _caught("ForEachMonth", error)
    return _in_run(ended, target)
