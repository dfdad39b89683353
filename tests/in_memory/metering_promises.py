"""What holds of the metering pipeline whatever breaks, in words of a person who looks at it."""

import json
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from tests.in_memory.clazar import Billed
from tests.in_memory.metering_world import MeteringWorld

OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
# What belongs to one execution alone, or says nothing that anybody relies on.
PLAINLY_WRITTEN = ("runs/", "reports/", "previews/", "manifests/")


class Promises:
    """Watches a world from its beginning: what holds at every moment, and what in the end."""

    def __init__(self, world: MeteringWorld) -> None:
        self._world, self.broken = world, list[str]()
        self.reopened: set[tuple[str, str]] = set()
        world.state_bucket.watch = self._written

    def _written(self, key: str, body: bytes) -> None:
        if key == self._world.plan.state_file:
            self.broken += self._of_state(json.loads(body)[self._world.plan.key])

    def _of_state(self, state: dict[str, Any]) -> Iterator[str]:
        last = state.get("last_processed_month", "")
        counts = self._world.clazar.counts()
        for month, contracts in self._world.expected.items():
            done = state["success_contracts"].get(month, [])
            failed = [item["contract_id"] for item in state["error_contracts"].get(month, [])]
            missing = contracts.keys() - {*done, *failed}
            missing -= {name for of, name in self.reopened if of == month}
            if month <= last and missing:
                yield f"{month} is done without {sorted(missing)}"
            for name in done:
                if not all(counts[Billed(name, dimension, month)] for dimension in contracts[name]):
                    yield f"{month}: {name} is a success and is not billed in full"

    def check_reported(self) -> None:
        """Note the parked contracts that no execution has named, now that a person may look."""
        reported = self._world.reported()
        self.broken += [
            f"{month}: {name} ({code}) was parked and never reported"
            for (month, name), code in self._world.parked().items()
            if not names_contract(reported, month, name)
        ]

    def check_books(self) -> None:
        """Note where the state file shows something else than the ledger holds."""
        world, state = self._world, self._world.state()
        for key, body in world.state_bucket.objects.items():
            entry = json.loads(body) if key.startswith("ledger/") else {}
            if "contract_id" not in entry:  # the journal and the remainders
                continue
            month, name = entry["month"], entry["contract_id"]
            shown = (month, name) in world.parked()
            done = name in state.get("success_contracts", {}).get(month, [])
            if shown != ("failure" in entry) or done == shown:
                lists = f"error: {shown}, success: {done}"
                self.broken.append(f"{month}: {name} is {entry.get('failure')}, {lists}")

    def in_the_end(self) -> Iterator[str]:
        """Say which promises are broken once nothing changes any more."""
        world, parked = self._world, self._world.parked()
        yield from self.broken
        for billed, times in world.clazar.counts().items():
            if times > 1:
                yield f"{billed} was accepted {times} times"
        yield from self._of_usage(parked.keys())
        for (month, name), code in parked.items():
            yield from self._of_parked(month, name, code)
        for key in world.state_bucket.unconditional:
            if not key.startswith(PLAINLY_WRITTEN):
                yield f"{key} was written without a condition"
        last = world.step_functions.executions[-1]
        if not parked and last.status != "SUCCEEDED":
            yield f"the last run ended {last.status}: {last.error}: {last.cause}"

    def _of_usage(self, parked: AbstractSet[tuple[str, str]]) -> Iterator[str]:
        quantities = self._world.clazar.quantities()
        for month, contracts in self._world.expected.items():
            for name, totals in contracts.items():
                for dimension, total in totals.items():
                    billed = quantities.get(Billed(name, dimension, month))
                    if billed is None and (month, name) not in parked:
                        yield f"{month}: {dimension} of {name} is neither billed nor parked"
                    elif billed not in (None, str(total)):
                        yield f"{month}: {billed} of {name} {dimension} was billed, not {total}"

    def _of_parked(self, month: str, name: str, code: str) -> Iterator[str]:
        if name in self._world.clazar.unknown_contracts:
            return
        if self._world.clazar.lists:
            yield f"{month}: {name} ({code}) stays parked although Clazar could be asked"
        elif code != OUTCOME_UNKNOWN:
            yield f"{month}: {name} is parked with {code}"


def names_contract(said: str, month: str, contract: str) -> bool:
    """Say whether a text names a contract: alone with its code, or in a list with others."""
    return re.search(rf"{month}: [^;]*\b{re.escape(contract)}(?= \(|, |;|$|\n)", said) is not None
