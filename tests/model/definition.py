"""What the state machine does when a Lambda has ended: next state, Retry, Catch."""

from __future__ import annotations

from functools import cache
from typing import Any

from infra import definitions
from tests.model.invocation import Invocation
from tests.model.playing import Step

_PARENT = definitions.load("metering")["States"]
_MONTH = _PARENT["ForEachMonth"]["ItemProcessor"]["States"]
_CHILD = _MONTH["ForEachContract"]["ItemProcessor"]["States"]
_STATES: dict[str, dict[str, Any]] = _PARENT | _MONTH | _CHILD
PER_CONTRACT = frozenset(_CHILD)
_NEXT = {
    "AcquirePlan": "PlanMonths",
    "PlanMonths": "MergeUsage",
    "CloseMonth": "ReleasePlan",
}


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


def after(ended: Invocation, step: Step) -> Invocation | None:
    """Return the next invocation of the execution, None if the execution is over.

    An error that arrives here is not tried again, or not any more.
    """
    if step.error:
        return _after_error(ended, step.error)
    if ended.state in _NEXT:
        return ended._replace(state=_NEXT[ended.state])
    if ended.state == "MergeUsage":
        items = step.result
        return ended._replace(state="ClaimContract" if items else "CloseMonth", items=items)
    if ended.state == "ClaimContract":
        return _after_claim(ended, step.result)
    return None if ended.state == "ReleasePlan" else _next_contract(ended)


def _after_claim(ended: Invocation, action: str) -> Invocation | None:
    if action == "record_error":
        return ended._replace(state="RecordError", problem="NO_USAGE")
    return ended._replace(state="SubmitContract") if action == "submit" else _next_contract(ended)


def _next_contract(ended: Invocation) -> Invocation | None:
    """One after the other here. A child that has failed leaves its contract open."""
    following = ended.contract + 1
    if following < len(ended.items):
        return ended._replace(state="ClaimContract", contract=following, problem="")
    return None if ended.alone else ended._replace(state="CloseMonth", contract=0, problem="")


def _after_error(ended: Invocation, error: str) -> Invocation | None:
    target = _caught(ended.state, error)
    if target == "RecordError":
        return ended._replace(state="RecordError", problem=error)
    if ended.state in _CHILD:  # RecordOpen writes what only people read
        return _next_contract(ended)
    if target == "SummarizeRun" or ended.state in _MONTH:  # the month map's own Catch
        return ended._replace(state="ReleasePlan")
    return None
