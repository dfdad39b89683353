"""What is true of a parked contract at the receiver: what operators find out by looking."""

from typing import Any

from functions.domain.month import parse_instant
from functions.domain.plan import Plan
from infra.tasks import SETTLE_SECONDS
from tests.simulation.books import Sold
from tests.simulation.dialect import canonical
from tests.simulation.world import StoryWorld


class Truth:
    """Looks. `accounted`: months, by canonical contract id, that another program has reported."""

    def __init__(self, world: StoryWorld) -> None:
        self._world = world
        self.accounted: set[tuple[str, str]] = set()

    def of(self, plan: Plan, month: str, contract: str) -> str | None:
        """Say what is true of everything that is in doubt; waived where it is half and half."""
        entry = self._world.entry(plan, month, contract)
        if entry is None:
            return None
        if entry.get("attempts"):
            since = self._world.now() - parse_instant(entry["attempts"][-1]["at"])
            if since.total_seconds() <= SETTLE_SECONDS:
                return None
        doubted = [line for line in entry.get("lines", ()) if _in_doubt(line)]
        seen = {
            self._status(Sold(plan.key, contract, line["dimension"], month), line)
            for line in doubted
        }
        if "pending" in seen:
            return None
        if seen == {"success"}:
            return "accepted"
        if doubted and all(self._is_of_others(plan, entry, line) for line in doubted):
            return "waived"
        return "not_accepted" if seen == {""} else "waived"

    def _status(self, sold: Sold, line: dict[str, Any]) -> str:
        """Say what is true of a line; a record that nobody accounts for is taken for ours.

        One of another quantity only if the pipeline has seen that: its books would be wrong.
        """
        receiver = self._world.receiver
        status = receiver.status(sold)
        if status or (sold.window[0], sold.month) in self.accounted:
            return status
        known = line.get("billed", line["quantity"])
        if not any(held.row["quantity"] == known for held in receiver.foreign(sold)):
            return ""
        others = [plan for plan in self._world.plans if plan.key != sold.plan]
        taken = sum(is_accepted(self._world, plan, sold) for plan in others)
        return "success" if receiver.windows()[sold.window] > taken else ""

    def _is_of_others(self, plan: Plan, entry: dict[str, Any], line: dict[str, Any]) -> bool:
        """Say whether a line is refused because others have billed its window, and it has not."""
        sold = Sold(plan.key, entry["contract_id"], line["dimension"], entry["month"])
        receiver = self._world.receiver
        refused = line.get("state") == "refused" and not receiver.status(sold)
        return refused and receiver.windows()[sold.window] > 0


def is_accepted(world: StoryWorld, plan: Plan, sold: Sold) -> bool:
    """Say whether a plan's ledger counts a record of something as its own."""
    return any(
        line["dimension"] == sold.dimension and line.get("state") == "accepted"
        for name in world.terms.contracts[plan.plan_id]
        if canonical(name) == sold.window[0]
        for line in (world.entry(plan, sold.month, name) or {}).get("lines", ())
    )


def _in_doubt(line: dict[str, Any]) -> bool:
    state = line.get("state", "unsure")
    return state in ("sent", "present") or (state == "refused" and line.get("code") == "DUPLICATE")
