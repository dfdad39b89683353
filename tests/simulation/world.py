"""The world of one story: the real definition and handlers, a virtual clock, and moods."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from random import Random
from typing import Any

from functions.adapters import keys
from functions.domain.month import Month
from functions.domain.plan import Plan, parse_plan
from functions.errors import StorageBusy
from tests.in_memory.account import definition_of
from tests.in_memory.machine import Execution, StateFailed
from tests.in_memory.metering_world import MeteringWorld
from tests.simulation.books import Sold
from tests.simulation.execution_log import ToldMachine, ToldStepFunctions
from tests.simulation.faults import Faults
from tests.simulation.receiver import Receiver
from tests.simulation.storage import StoryBucket
from tests.simulation.terms import FIRST, Terms
from tests.simulation.usage import Totals, together, totals

_MOST_SNAPSHOTS = 1_000


class StoryWorld(MeteringWorld):
    """Remembers what a person could know: what was listed when, what was said, who decided."""

    step_functions: ToldStepFunctions
    state_bucket: StoryBucket
    usage_bucket: StoryBucket

    def __init__(self, rng: Random, terms: Terms) -> None:
        self.rng, self.terms = rng, terms
        self.log: list[str] = []
        self.faults: Faults
        super().__init__(*terms.plans, now=FIRST.start)
        self.faults = Faults(rng, terms.rates, self.timeline, self.say)
        self.receiver = Receiver(
            rng,
            self.points,
            self.timeline,
            self.say,
            dialect=terms.dialect,
            dimensions=terms.dimensions,
            refuses_duplicates=terms.refuses_duplicates,
            lists=terms.lists,
            rate=terms.rates.partner,
        )
        self.receiver.knows = self._knows
        self.clazar = self.receiver  # type: ignore[assignment]  # the same port, with moods
        self.machine = ToldMachine(definition_of("metering"), self)
        self.machine.say, self.machine.ended = self.say, self._ended
        self.step_functions = ToldStepFunctions(self.machine, self.timeline)
        self.step_functions.say, self.step_functions.started = self.say, self._started
        self.faults.step_functions, self.faults.state = self.step_functions, self.state_bucket
        self.faults.state_file = self.plan.state_file
        self.points.choose = self.faults.choose
        self.said: list[str] = []
        self.calls: Counter[str] = Counter()
        self._days: dict[tuple[str, str, str], dict[str, list[Totals]]] = {}
        self._totals: dict[tuple[object, ...], Totals | None] = {}
        self._snapshots: dict[tuple[str, str, str], list[Totals]] = {}
        self.has_ended: list[tuple[Execution, str, str]] = []
        self.history: dict[str, list[Plan]] = {plan.key: [plan] for plan in self.plans}
        self.configured: dict[str, Plan] = {}
        self.changed: dict[tuple[str, str], str] = {}
        self.decision: Execution | None = None
        self.state_is_broken = False
        self.looks_for_late_usage: Callable[[Execution, Plan], None] = lambda _run, _plan: None

    def bucket(self, name: str, placeholder: str = "") -> StoryBucket:
        """Make a bucket whose reads can fail too."""

        def is_busy() -> bool:  # there are buckets before there are faults
            return self.faults.storage_is_busy()

        made = StoryBucket(name, self.points, is_busy)
        self.buckets[placeholder or name] = made
        return made

    def say(self, text: str) -> None:
        self.log.append(f"{self.now():%Y-%m-%d %H:%M:%S} {text}")

    def plan_of(self, key: str) -> Plan:
        return next(plan for plan in self.plans if plan.key == key)

    def deploy(self, plan: Plan) -> None:
        """Change a plan's configuration. What runs goes on with the one it began with."""
        self.plans = [plan if plan.key == known.key else known for known in self.plans]
        self.history[plan.key].append(plan)
        shown = ("cloud", "dimensions", "rounding", "late_window")
        self.say(f"{plan.key} is now {', '.join(f'{n} {getattr(plan, n)}' for n in shown)}")

    def has_changed(self, plan: Plan) -> bool:
        return len(self.history[plan.key]) > 1

    def _knows(self, sold: Sold) -> bool:
        """Say whether the ledger knows that a request for something was answered with a 2xx."""
        entry = self.entry(self.plan_of(sold.plan), sold.month, sold.contract) or {}
        of = [item for item in entry.get("attempts", ()) if sold.dimension in item["dimensions"]]
        return bool(of) and of[-1].get("status", 0) // 100 == 2

    def start_if_free(self, given: Mapping[str, Any]) -> None:
        """Start an execution, unless a decision is underway, which may be true no longer."""
        if self.decision is None or self.decision.status != "RUNNING":
            self.step_functions.start(dict(given))

    def _started(self, execution: Execution) -> None:
        self.calls[execution.name] = 0

    def _ended(self, execution: Execution, error: str, text: str) -> None:
        self.said.append(text)
        self.has_ended.append((execution, error, text))

    def totals(self, plan: Plan, month: Month, until: str | None = None) -> Totals | None:
        """Return what a month's files say now, up to an hour if one is given."""
        return self._add_up(plan, str(month), until)

    def _add_up(self, plan: Plan, text: str, until: str | None, day: str = "") -> Totals | None:
        place = f"{keys.USAGE_ROOT}{plan.path}/{text.replace('-', '/')}"
        asked = (self.usage_bucket.edits[place], place, plan.duplicates, until, day)
        if asked not in self._totals:
            self._totals[asked] = self._added_up(plan, Month.parse(text), until, day)
        return self._totals[asked]

    def _added_up(self, plan: Plan, month: Month, until: str | None, day: str) -> Totals | None:
        end = month.window_end(until)
        prefix = keys.usage_prefix(plan, month)
        folder = f"{prefix}{day}/" if day.isdecimal() else prefix
        return totals(
            {key: self.usage_bucket.objects[key] for key in self.usage_bucket.names(folder)},
            prefix,
            until=f"{end:%d/%H}" if end < month.end else None,
            sums_duplicates=plan.duplicates == "sum",
            day=day,
        )

    def invoke(self, execution: Execution, state: str, payload: Any) -> Any:
        """Run a state's Lambda, and remember what the month's files say when they are listed."""
        self.calls[execution.name] += 1
        if execution.name not in self.configured and "run" in payload:
            self.configured[execution.name] = parse_plan(payload["run"]["plan"])
        if state == "PlanMonths":
            self.looks_for_late_usage(execution, self.configured[execution.name])
        if state == "FoldDay":
            self._remember(execution, payload)
        return super().invoke(execution, state, payload)

    def _remember(self, execution: Execution, payload: Any) -> None:
        """Note what a day's files say when they are listed, if that is something new."""
        key, month = execution.input["plan"], payload["month"]
        found = self._add_up(self.plan_of(key), month, payload["run"]["until"], payload["day"])
        days = self._days.setdefault((execution.name, key, month), {})
        seen = days.setdefault(payload["day"], [])
        if found is not None and found not in seen:
            seen.append(found)
            self._snapshots.pop((execution.name, key, month), None)

    def months_listed(self, execution: Execution) -> list[tuple[str, str]]:
        """Return plan and month of what an execution has listed, of months that are over."""
        known = [(plan, text) for name, plan, text in self._days if name == execution.name]
        return [(plan, text) for plan, text in known if Month.parse(text).end <= self.now()]

    def snapshots(self, execution: str, plan: str, month: str) -> list[Totals]:
        """Return what a month may have come to as an execution listed it, day by day."""
        asked = (execution, plan, month)
        if asked not in self._snapshots:
            days = [seen for seen in self._days.get(asked, {}).values() if seen]
            assert math.prod(map(len, days)) <= _MOST_SNAPSHOTS
            self._snapshots[asked] = [together(chosen) for chosen in product(*days)]
        return self._snapshots[asked]

    def snapshots_of(self, plan: str, month: str) -> Iterator[Totals]:
        """Yield what a month may have come to as any execution listed it; many list none of it."""
        listed = [name for name, *of in self._days if of == [plan, month]]
        for name in listed:
            yield from self.snapshots(name, plan, month)
        if len(listed) < len(self.step_functions.executions):
            yield together(())

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return an object that holds the items of a map: Step Functions itself reads it."""
        try:
            return super().read(bucket, key)
        except StorageBusy as error:
            raise StateFailed("States.ItemReaderFailed", str(error)) from None

    def publish(self, execution: Execution, state: str, message: Any) -> None:
        self.faults.sender = execution
        before = len(self.messages)
        super().publish(execution, state, message)
        self.said += [item.text for item in self.messages[before:]]

    def entry(self, plan: Plan, month: str, contract: str) -> dict[str, Any] | None:
        key = keys.ledger_entry(plan, Month.parse(month), contract)
        body = self.state_bucket.objects.get(key)
        found: dict[str, Any] | None = None if body is None else json.loads(body)
        return found

    def entries(self, plan: Plan, month: str) -> list[dict[str, Any]]:
        prefix = keys.ledger_month(plan, Month.parse(month))
        bucket = self.state_bucket
        return [json.loads(bucket.objects[key]) for key in bucket.names(prefix)]

    def document(self) -> dict[str, Any] | None:
        """Return the state file; None if it cannot be read."""
        if self.state_is_broken:
            return None
        body = self.state_bucket.objects.get(self.plan.state_file, b"{}")
        found: dict[str, Any] = json.loads(body)
        return found
