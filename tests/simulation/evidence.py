"""Whose usage a record bills: under one name only, and for one owner only."""

from collections.abc import Iterator
from typing import Any

from tests.in_memory.machine import Execution
from tests.simulation.books import BY_HAND, Sold
from tests.simulation.operators import Operators
from tests.simulation.truth import is_accepted
from tests.simulation.usage import parts
from tests.simulation.world import StoryWorld


class Evidence:
    """Watches what is claimed and sent, and compares it with what is billed."""

    def __init__(self, world: StoryWorld, operators: Operators) -> None:
        self._world, self._operators = world, operators
        self._claims: dict[tuple[str, str, str], dict[str, tuple[str, frozenset[str]]]] = {}
        self._sources: dict[tuple[Sold, str], frozenset[str]] = {}

    def claimed(self, execution: Execution, entry: dict[str, Any]) -> None:
        """Note which usage each line bills: as it was configured when its quantity was computed.

        What is left of final usage keeps its quantities, and so does what may have been accepted.
        """
        who = (execution.input["plan"], entry["contract_id"], entry["month"])
        before = self._claims.get(who, {})
        formulas = self._world.configured[execution.name].dimensions
        self._claims[who] = found = {}
        for line in entry.get("lines", ()):
            name, quantity = line["dimension"], line["quantity"]
            fixed = line.get("state", "unsure") != "unsure" or line.get("doubts")
            if name in before and before[name][0] == quantity and (fixed or entry.get("until")):
                found[name] = before[name]
            else:
                found[name] = (quantity, frozenset(parts(formulas.get(name, name))[0]))

    def sent(self, execution: Execution, records: list[dict[str, str]]) -> None:
        """Note what the lines of a request bill."""
        for record in records:
            month, name = record["start_time"][:7], record["dimension"]
            sold = Sold(execution.input["plan"], record["contract_id"], name, month)
            known = self._claims[sold.plan, sold.contract, month][name]
            self._sources[sold, record["quantity"]] = known[1]

    def broken(self) -> Iterator[str]:
        yield from self._of_identity()
        yield from self._of_records()

    def _of_identity(self) -> Iterator[str]:
        """10: no usage of a contract's month is billed under two names."""
        names: dict[tuple[str, str, str, str], str] = {}
        for held in self._world.receiver.accepted():
            sold = held.sold
            for usage in self._sources.get((sold, held.row["quantity"]), ()):
                known = names.setdefault(
                    (sold.plan, sold.contract, sold.month, usage), sold.dimension
                )
                if known != sold.dimension and not self._is_shared(sold, known, usage):
                    yield (f"10: {usage} of {sold} is billed as {known}, too")

    def _is_shared(self, sold: Sold, other: str, usage: str) -> bool:
        """Say whether a configuration bills a usage twice by itself: people may want that."""
        plan = self._world.plan_of(sold.plan)
        return any(
            usage in parts(known.dimensions.get(sold.dimension, sold.dimension))[0]
            and usage in parts(known.dimensions.get(other, other))[0]
            and (not known.dimensions or {sold.dimension, other} <= known.dimensions.keys())
            for known in self._world.history[plan.key]
        )

    def _of_records(self) -> Iterator[str]:
        """13: no record is evidence for two: plans, or an earlier program's success."""
        foreign = [
            held.sold for held in self._world.receiver.accepted() if held.sold.plan == BY_HAND
        ]
        windows = self._world.receiver.windows() if foreign else {}
        for sold in foreign:
            owners = sum(is_accepted(self._world, plan, sold) for plan in self._world.plans)
            owners += (sold.window[0], sold.month) in self._operators.truth.accounted
            if owners > windows[sold.window]:
                yield (f"13: {windows[sold.window]} record of {sold} is taken by {owners}")
