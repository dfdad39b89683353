"""What an operator does about a contract: in the state file, or with a decision."""

from typing import Any

from tests.in_memory.machine import Execution
from tests.in_memory.metering_world import MeteringWorld


def move_to_success(world: MeteringWorld, month: str = "2025-07") -> None:
    """Move c-1 from the errors to the successes of the state file."""

    def change(entry: dict[str, Any]) -> None:
        errors = entry["error_contracts"]
        errors[month] = [item for item in errors[month] if item["contract_id"] != "c-1"]
        entry["success_contracts"].setdefault(month, []).append("c-1")

    world.edit_state(change)


def decision(outcome: str, **fields: str) -> dict[str, str]:
    """Return a decision about c-1 in July."""
    return {"contract": "c-1", "month": "2025-07", "outcome": outcome, "reason": "seen", **fields}


def decide(world: MeteringWorld, outcome: str, **given: Any) -> Execution:
    """Run an execution that decides about c-1 in July to its end."""
    return world.execute(resolve=decision(outcome), **given)
