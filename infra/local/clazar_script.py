"""How the stand-in Clazar is told to misbehave: queues of plans, used up request by request.

A word is checked when the script is written, not when it is played: a misspelt fault would
otherwise make a test pass without testing anything.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Generic, TypeVar

from infra.local.clazar_steps import (
    AUTHENTICATION_STEPS,
    LISTING_STEPS,
    METERING_STEPS,
    Plan,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PlanT = TypeVar("PlanT")


class Script(Generic[PlanT]):
    """A queue of plans; when it is used up the service is in good health again."""

    def __init__(
        self, steps: Mapping[str, Callable[[PlanT, str], PlanT]], plan: Callable[[str], PlanT]
    ) -> None:
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


class Scripts:
    """Every script of one server: one per contract, one for the listing, one for tokens."""

    def __init__(self) -> None:
        """Start in good health."""
        self._lock = threading.Lock()
        self._contracts: defaultdict[str, Script[Plan]] = defaultdict(
            lambda: Script(METERING_STEPS, Plan)
        )
        self._listing = Script(LISTING_STEPS, Plan)
        self._authentication = Script(AUTHENTICATION_STEPS, Plan)

    def add_for_contract(self, contract_id: str, actions: Iterable[str]) -> None:
        """Append to the script of one contract."""
        with self._lock:
            self._contracts[contract_id].add(*actions)

    def add_for_listing(self, actions: Iterable[str]) -> None:
        """Append to the script of `GET /metering/`."""
        with self._lock:
            self._listing.add(*actions)

    def add_for_authentication(self, actions: Iterable[str]) -> None:
        """Append to the script of `POST /authenticate/`."""
        with self._lock:
            self._authentication.add(*actions)

    def next_for_contracts(self, contract_ids: Iterable[str]) -> Plan:
        """Plan one submission: the first of its contracts that has a script decides."""
        with self._lock:
            for contract_id in contract_ids:
                script = self._contracts.get(contract_id)
                if script:
                    return script.next()
            return Plan()

    def next_for_listing(self) -> Plan:
        """Plan one listing."""
        with self._lock:
            return self._listing.next()

    def next_for_authentication(self) -> Plan:
        """Plan one authentication."""
        with self._lock:
            return self._authentication.next()

    def unused(self) -> int:
        """Count the actions that never happened."""
        with self._lock:
            every = [*self._contracts.values(), self._listing, self._authentication]
            return sum(len(script) for script in every)
