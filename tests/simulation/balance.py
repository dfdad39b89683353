"""The balance of rounding over all months, from ledger and books."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from functions.adapters import keys
from functions.domain.month import Month
from functions.domain.plan import Plan
from tests.simulation.operators import Operators
from tests.simulation.reported import amounts
from tests.simulation.terms import FIRST, MONTHS
from tests.simulation.world import StoryWorld

_BOUNDS = {
    "floor": lambda left: 0 <= left < 1,
    "half_up": lambda left: -Fraction(1, 2) <= left < Fraction(1, 2),
    "ceiling": lambda left: -1 < left <= 0,
}


class Balance:
    """Compares what entries leave with what the pipeline has written down."""

    def __init__(self, world: StoryWorld, operators: Operators) -> None:
        self._world, self._operators = world, operators

    def broken(self, plan: Plan) -> Iterator[str]:
        """5: usage = quantities + what rounding left, to the last digit."""
        if self._world.has_changed(plan):
            yield from self._of_changed_balance(plan)
            return
        sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        for month, entry in entries_of(self._world, plan):
            name = entry["contract_id"]
            for dimension, left in self._left(plan, entry).items():
                sums[name, dimension] += left
                bound = _BOUNDS[plan.rounding](left) or _billed_otherwise(entry, dimension)
                if not plan.carry_remainders and not bound:
                    yield f"5: {month} {name} {dimension} leaves {left} of its own"
        held = self._balance(plan)
        if not plan.carry_remainders:
            if held:
                yield f"5: nothing is carried, and yet {held}"
            return
        for line in sorted(sums.keys() | held.keys()):
            if sums.get(line, 0) != held.get(line, 0):
                yield f"5: {line} leaves {sums.get(line)}, the books say {held.get(line)}"
            elif not _BOUNDS[plan.rounding](sums[line]):
                yield f"5: {line} leaves {sums[line]}, more than {plan.rounding} can"

    def _of_changed_balance(self, plan: Plan) -> Iterator[str]:
        """5: of each month the books hold what was left, by whatever formulas.

        No books: there was nothing to write down, by one of the configurations that there were.
        """
        if not plan.carry_remainders:
            return
        for month in sorted({month for month, _ in entries_of(self._world, plan)}):
            key = keys.remainders(plan, Month.parse(month))
            body = self._world.state_bucket.objects.get(key)
            if body is None:
                known: list[Mapping[str, str] | None] = [
                    found.dimensions for found in self._world.history[plan.key]
                ]
                held = {}
            else:
                known, held = [None], json.loads(body).get("contracts", {})
            yield from min((self._differences(plan, month, held, of) for of in known), key=len)

    def _differences(
        self, plan: Plan, month: str, held: Mapping[str, Any], formulas: Mapping[str, str] | None
    ) -> list[str]:
        found = []
        for entry in self._world.entries(plan, month):
            name, of = entry["contract_id"], entry.get("formulas", {})
            left = {
                dimension: value
                for dimension, value in self._left(plan, entry).items()
                if value and (formulas is None or of.get(dimension) == formulas.get(dimension))
            }
            known = {what: Fraction(text) for what, text in held.get(name, {}).items()}
            if left != known:
                found.append(f"5: {month} {name} leaves {left}, the books say {known}")
        return found

    def _left(self, plan: Plan, entry: dict[str, Any]) -> dict[str, Fraction]:
        """Return usage - quantity by dimension. What was given up leaves nothing."""
        lines = {line["dimension"]: line for line in entry.get("lines", ())}
        billed = {name for name, line in lines.items() if line.get("state") == "accepted"}
        who = (plan.key, entry["month"], entry["contract_id"])
        given_up = entry.get("decisions", [{}])[-1].get("what") == "waived"
        given_up = given_up or (who in self._operators.by_hand and len(billed) < len(lines))
        return {
            name: Fraction(text) - (_taken(lines[name]) if name in lines else 0)
            for name, text in amounts(entry).items()
            if name in billed or not given_up
        }

    def _balance(self, plan: Plan) -> dict[tuple[str, str], Fraction]:
        found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        bucket = self._world.state_bucket
        for key in bucket.names(keys.remainders(plan)):
            for name, left in json.loads(bucket.objects[key]).get("contracts", {}).items():
                for dimension, text in left.items():
                    found[name, dimension] += Fraction(text)
        return found


def entries_of(world: StoryWorld, plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    for index in range(-1, MONTHS + 3):
        month = str(FIRST.plus(index))
        for entry in world.entries(plan, month):
            yield month, entry


def _taken(line: dict[str, Any]) -> Fraction:
    """Return what a line's usage is billed with: another quantity, if somebody else billed that."""
    billed, quantity = Fraction(line.get("billed", 0)), Fraction(line["quantity"])
    if billed and (line.get("state") == "accepted" or billed > quantity):
        return billed
    return quantity


def _billed_otherwise(entry: dict[str, Any], dimension: str) -> bool:
    lines = {line["dimension"]: line for line in entry.get("lines", ())}
    return "billed" in lines.get(dimension, {})
