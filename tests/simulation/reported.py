"""What has to be said of usage and contracts, and whether an execution has said it."""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import TAKEN_OVER
from functions.domain.month import Month
from functions.domain.plan import Plan
from tests.in_memory.metering_promises import names_contract
from tests.simulation.operators import Operators
from tests.simulation.usage import Totals
from tests.simulation.world import StoryWorld


class Reported:
    """Looks through all outputs, causes and messages of a story."""

    def __init__(self, world: StoryWorld, operators: Operators) -> None:
        self._world, self._operators = world, operators
        self._reported: set[str] = set()

    def unreported(self, plan: Plan, month: str, waiting: str = "") -> Iterator[str]:
        """Yield what the files of a closed month say now, and no execution has reported.

        `waiting`: what did not fit into a message and is left to the next run.
        """
        totals = self._world.totals(plan, Month.parse(month))
        if totals is None:
            return
        entries = {entry["contract_id"]: entry for entry in self._world.entries(plan, month)}
        by_hand = {
            name for key, of, name in self._operators.by_hand if (key, of) == (plan.key, month)
        }
        for name in sorted((totals.contracts | entries.keys()) - by_hand):
            entry = entries.get(name)
            if entry is None or is_billed(entry):
                views = self._views(plan, month, name, entry, totals)
                left = ([t for t in view if t not in waiting] for view in views)
                yield from min(
                    ([t for t in view if not self.was_reported(t)] for view in left), key=len
                )

    def _views(
        self, plan: Plan, month: str, name: str, entry: dict[str, Any] | None, totals: Totals
    ) -> Iterator[Iterator[str]]:
        """Yield what is to be reported: by the formulas that a contract was billed with.

        If the configuration was changed it may be by those of that time, or by what was measured.
        """
        has_changed = self._world.has_changed(plan)
        known = [plan.dimensions]
        if has_changed:
            known = [found.dimensions for found in self._world.history[plan.key]]
        for formulas in known if entry is None else [entry.get("formulas", {})]:
            yield differences(month, name, amounts(entry), totals.amounts(name, formulas))
        if has_changed:
            before = entry.get("usage", {}) if entry else {}
            yield differences(month, name, before, totals.amounts(name, {}))

    def was_reported(self, text: str) -> bool:
        """Say whether an execution has said it, in its output, its cause or a message."""
        if text in self._reported or any(text in said for said in reversed(self._world.said)):
            self._reported.add(text)
            return True
        return False

    def was_taken_over(self, month: str, contract: str) -> bool:
        """Say whether an execution has named a contract whose record it has not sent."""
        text = re.compile(f"{month}: {TAKEN_OVER}.*{re.escape(contract)}")
        return any(text.search(said) for said in reversed(self._world.said))

    def was_named(self, month: str, contract: str) -> bool:
        """Say whether an execution has named a contract that needs an operator."""
        return any(names_contract(said, month, contract) for said in reversed(self._world.said))


def is_billed(entry: dict[str, Any]) -> bool:
    """Say whether a contract's month was settled, and not by giving it up."""
    decisions = entry.get("decisions", [])
    waived = bool(decisions) and decisions[-1]["what"] == "waived"
    return bool(entry.get("settled_at")) and not entry.get("failure") and not waived


def amounts(entry: dict[str, Any] | None) -> dict[str, str]:
    if entry is None:
        return {}
    lines = {
        line["dimension"]: line["amount"] for line in entry.get("lines", ()) if "amount" in line
    }
    return {**entry.get("unbilled", {}), **lines}


def differences(
    month: str, name: str, before: Mapping[str, str], today: Mapping[str, Fraction]
) -> Iterator[str]:
    """Yield what has to be told of one contract."""
    for dimension in sorted(before.keys() | today.keys()):
        now = exact_text(today.get(dimension, Fraction(0)))
        if now != before.get(dimension, "0"):
            yield (
                f"{month}: {name} {dimension}: billed {before.get(dimension, '0')}, "
                f"usage now comes to {now} ("
            )
