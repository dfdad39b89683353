"""How a stand-in partner misbehaves on request: queues of plans, used up request by request.

A word is checked when the script is written, not when it is played: a misspelt fault would
otherwise make a test pass without testing anything.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

PlanT = TypeVar("PlanT")
Step = Callable[[PlanT, str], PlanT]
LONGEST_WAIT = 3_600


def setting(**changes: Any) -> Step[Any]:
    """Make a step for a word that takes no argument."""

    def step(plan: Any, argument: str) -> Any:
        if argument:
            raise ValueError(f"the argument {argument!r} in {plan.words!r} has no meaning")
        return replace(plan, **changes)

    return step


def seconds(field: str, longest: float = LONGEST_WAIT, **changes: Any) -> Step[Any]:
    """Make a step for a word that takes a time."""

    def step(plan: Any, argument: str) -> Any:
        if not 0 <= (time := float(argument)) <= longest:
            raise ValueError(f"expected 0 to {longest} seconds, got {argument!r}")
        return replace(plan, **{field: time}, **changes)

    return step


class Script(Generic[PlanT]):
    """A queue of plans; when it is used up the service is in good health again."""

    def __init__(self, steps: Mapping[str, Step[PlanT]], plan: Callable[[str], PlanT]) -> None:
        """Take the words that make sense at this place, and how a plan starts from its words."""
        self._steps = steps
        self._plan = plan
        self._plans: deque[PlanT] = deque()

    def add(self, *actions: str) -> None:
        """Append actions, all or none: a word that is not understood is an error here."""
        self._plans.extend([self._parse(action) for action in actions])

    def next(self) -> PlanT:
        """Take the plan for the request that has just arrived."""
        try:
            return self._plans.popleft()  # one step, so that two requests never share a plan
        except IndexError:
            return self._plan("ok")

    def __len__(self) -> int:
        """Say how many actions have not been used yet."""
        return len(self._plans)

    def _parse(self, action: str) -> PlanT:
        """Turn `word[:argument][+word[:argument]...]` into a plan."""
        plan = self._plan(action)
        for part in action.split("+"):
            word, _, argument = part.partition(":")
            step = self._steps.get(word.strip().replace(" ", "-"))
            if step is None:
                message = f"unknown action {word!r} in {action!r}, known: {', '.join(self._steps)}"
                raise ValueError(message)
            plan = step(plan, argument)
        return plan
