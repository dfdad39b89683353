"""The metering pipeline in memory: usage goes in, Clazar bills, people edit and are reported.

    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        assert world.clazar.counts()[Billed("c-1", "cpu", "2025-07")] == 1

`start` is for executions that overlap; `points.choose` breaks things.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from functions.adapters import keys, usage_account, usage_reader, wiring
from functions.adapters.clazar import api as adapters_clazar
from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan, parse_plan
from functions.metering import submit_contract
from infra.tasks import SETTLE_SECONDS
from tests.builders import AUGUST_2, a_record
from tests.in_memory.account import Account
from tests.in_memory.clazar import Clazar
from tests.in_memory.lambdas import PLACE
from tests.in_memory.machine import Execution, Path, as_listed
from tests.memory import UsageInMemory

PLAN = {"service": "S", "environment_type": "E", "plan_id": "P", "start_month": "2025-07"}
WARNS = {**PLAN, "missing_hours": "warn"}
# The final usage of c-1.
FINAL: dict[str, Any] = {"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"}
Usage = Mapping[str, Mapping[str, Any]]


class MeteringWorld(Account):
    """One or more plans with one state bucket, one usage bucket and one Clazar.

    The export has got to everything that is over, unless `exported_to` says otherwise. `july`: the
    usage in the first hour of July.
    """

    def __init__(
        self,
        *plans: Mapping[str, Any],
        now: datetime = AUGUST_2,
        refuses_duplicates: bool = True,
        lists: bool = True,
        order: Callable[[Path, int], Sequence[int]] = as_listed,
        july: Usage | None = None,
    ) -> None:
        super().__init__("metering", now, order)
        self.plans = [parse_plan(plan) for plan in plans or (PLAN,)]
        self.state_bucket = self.bucket("state", "${StateBucketName}")
        self.usage_bucket = self.bucket("usage")
        outside: dict[str, Any] = {"points": self.points, "timeline": self.timeline}
        self.clazar = Clazar(refuses_duplicates=refuses_duplicates, lists=lists, **outside)
        self.unreadable: dict[str, Exception] = {}
        self.expected: dict[str, dict[str, Counter[str]]] = {}
        self.ids = 0
        self._exported: dict[str, str] = {}
        for plan in self.plans:
            self.exported_to(now, plan)
        if july:
            self.put_usage("2025-07", "01/00", july)

    def __enter__(self) -> Self:
        ports = {
            "state_bucket": lambda: self.state_bucket,
            "usage_bucket": lambda: self.usage_bucket,
            "plans": lambda: {plan.key: plan for plan in self.plans},
            "place": lambda: PLACE,
            "settle_seconds": lambda: float(SETTLE_SECONDS),
        }
        reader = {"UsageStore": lambda name: UsageInMemory(self.buckets[name], self.unreadable)}
        receiver = {"usage_receiver": lambda: adapters_clazar.Clazar(self.clazar)}
        ids = {"uuid4": self._next_id}
        others = ((usage_account, receiver), (usage_reader, reader), (submit_contract, ids))
        self.enter((wiring, ports), *others)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.leave()

    def _next_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    @property
    def plan(self) -> Plan:
        return self.plans[0]

    def state_files(self) -> list[str]:
        return [plan.state_file for plan in self.plans]

    def follow(self, other: Self) -> None:
        """Begin where another world has come to, in which no state of an execution is underway."""
        self.timeline.now = other.now()
        self.step_functions.follow(other.step_functions)
        for name, bucket in other.buckets.items():
            self.buckets[name].objects = dict(bucket.objects)
            self.buckets[name].unconditional = [*bucket.unconditional]
        self.points.seen, self.messages = [*other.points.seen], [*other.messages]
        clazar, known = self.clazar, other.clazar
        clazar.accepted, clazar.requests = [*known.accepted], [*known.requests]
        clazar.unknown_contracts = set(known.unknown_contracts)
        self.ids, self.expected = other.ids, other.expected

    def put_usage(
        self,
        month: str,
        hour: str | None,
        usage: Usage,
        *,
        file: str = "sub-1.json",
        plan: Plan | None = None,
    ) -> str:
        """Export a file: usage by contract and dimension, of an hour (`DD/HH`) or flat (None).

        Returns its key.
        """
        records = [
            a_record(contract, dimension, value=value)
            for contract, values in usage.items()
            for dimension, value in values.items()
        ]
        folder = f"{keys.usage_prefix(plan or self.plan, Month.parse(month))}"
        name = f"{hour}/{file}" if hour else file
        self.usage_bucket.edit(f"{folder}{name}", json.dumps(records).encode())
        of_month = self.expected.setdefault(month, {})
        for contract, values in usage.items():
            of_month.setdefault(contract, Counter()).update(values)
        return f"{folder}{name}"

    def configure(self, plan: Mapping[str, Any]) -> None:
        """Deploy the first plan anew."""
        self.plans[0] = parse_plan(plan)

    def exported_to(self, instant: datetime, plan: Plan | None = None) -> None:
        self._exported[(plan or self.plan).key] = format_instant(instant)
        marker = {key: {"last_processed_to": text} for key, text in self._exported.items()}
        self.usage_bucket.edit(keys.EXPORT_MARKER, json.dumps(marker).encode())

    def start(self, **given: Any) -> Execution:
        """Start an execution with an input; it runs as the timeline does."""
        return self.step_functions.start(given)

    def execute(self, **given: Any) -> Execution:
        """Run an execution, and whatever else is underway, to its end."""
        execution = self.start(**given)
        self.timeline.run()
        return execution

    def execute_refusing(self, contract: str, **given: Any) -> Execution:
        """Run an execution to its end while Clazar refuses a contract."""
        self.clazar.unknown_contracts.add(contract)
        execution = self.execute(**given)
        self.clazar.unknown_contracts.clear()
        return execution

    def redrive(self, execution: Execution) -> None:
        """Go on with an execution to its end."""
        self.step_functions.redrive(execution)
        self.timeline.run()

    def pass_days(self, days: float) -> None:
        """Let days pass, and the export go on."""
        self.timeline.pass_time(days * 86_400)
        self.exported_to(self.now())

    def state(self, plan: Plan | None = None) -> dict[str, Any]:
        """Return what the state file says of a plan."""
        body = self.state_bucket.objects.get((plan or self.plan).state_file, b"{}")
        return dict(json.loads(body).get((plan or self.plan).key, {}))

    def edit_state(
        self, change: Callable[[dict[str, Any]], None], plan: Plan | None = None
    ) -> None:
        """Edit what the state file says of a plan, as an operator does."""
        of = plan or self.plan
        document = json.loads(self.state_bucket.objects.get(of.state_file, b"{}"))
        change(document.setdefault(of.key, {}))
        self.state_bucket.edit(of.state_file, json.dumps(document, indent=2).encode())

    def reopen(self, month: str, contract: str, plan: Plan | None = None) -> None:
        """Remove a contract's entry from `error_contracts`."""

        def change(entry: dict[str, Any]) -> None:
            errors = entry["error_contracts"]
            errors[month] = [item for item in errors[month] if item["contract_id"] != contract]

        self.edit_state(change, plan)

    def parked(self, plan: Plan | None = None) -> dict[tuple[str, str], str]:
        """Return the code of every entry in `error_contracts`, by month and contract."""
        return {
            (month, item["contract_id"]): item.get("code", "")
            for month, items in self.state(plan).get("error_contracts", {}).items()
            for item in items
        }

    def reported(self) -> str:
        """Return everything that any execution said: causes, outputs, notifications."""
        executions = self.step_functions.executions
        said = [f"{item.cause} {json.dumps(item.output)}" for item in executions]
        return "\n".join([*said, *(message.text for message in self.messages)])
