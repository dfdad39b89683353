"""What holds after every execution of a story, whatever goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from functions.domain.formula import exact_text
from functions.domain.ledger_entry import TAKEN_OVER
from functions.domain.month import Month
from functions.domain.plan import Plan
from infra.metering_tasks import TASKS
from tests.in_memory.machine import Execution
from tests.in_memory.metering_promises import names_contract
from tests.in_memory.points import Invocation
from tests.simulation.operators import Operators, is_accepted
from tests.simulation.receiver import BY_HAND, Sold
from tests.simulation.terms import FIRST
from tests.simulation.usage import Totals, parts
from tests.simulation.world import StoryWorld

_PLAIN = ("runs/", "reports/", "previews/", "manifests/")
_MOST_CALLS = 3_000
_LIVES = timedelta(seconds=TASKS["SubmitContract"].timeout_seconds)
_STAYS_OPEN = re.compile(r"(\d{4}-\d{2}) stays open")


class Broken(Exception):
    """A promise is broken."""


class Window(NamedTuple):
    """What an execution had to compare."""

    months: tuple[str, ...]
    at: str


class Promises:
    """Watches a story from its beginning."""

    def __init__(self, world: StoryWorld, operators: Operators) -> None:
        self._world, self._operators = world, operators
        self.required: dict[tuple[str, str], frozenset[str]] = {}
        self.last: dict[str, str] = {}
        self._windows: dict[str, Window] = {}
        self._claims: dict[tuple[str, str, str], dict[str, tuple[str, frozenset[str]]]] = {}
        self._sources: dict[tuple[Sold, str], frozenset[str]] = {}
        self._told: set[str] = set()
        self._noted: list[str] = []
        self._checked = 0
        self._plain = 0
        world.state_bucket.watch = self._written
        world.receiver.watch = self._sent
        world.looks_for_late_usage = self._looks

    def _written(self, key: str, body: bytes) -> None:
        invocation = self._world.points.invocations[-1]
        execution = invocation.execution
        if execution.input.get("dry_run") and not key.startswith("previews/"):
            self._noted.append(f"3: the dry run {execution.name} wrote {key}")
        if key == self._world.plan.state_file:
            self._state_written(execution, json.loads(body))
        if invocation.state == "ClaimContract":
            self._claimed(execution, json.loads(body))

    def _sent(self, invocation: Invocation, records: list[dict[str, str]]) -> None:
        """What is parked stays so until a person removes the error or asks for a retry.

        A retry that another execution has begun, and not ended, is gone on with. Final usage is
        asked for by name, errors included.
        """
        execution = invocation.execution
        month, contract = records[0]["start_time"][:7], records[0]["contract_id"]
        self._note_sources(execution, records)
        settled_at = self._operators.settled_at.get((execution.input["plan"], month, contract))
        if settled_at and invocation.deadline - _LIVES > settled_at:
            self._noted.append(
                f"11: {execution.name} sent {contract} of {month}, which was settled by hand before"
            )
        if execution.input.get("dry_run"):
            self._noted.append(f"3: the dry run {execution.name} sent {contract}")
        state = (self._world.document() or {}).get(execution.input["plan"], {})
        errors = state.get("error_contracts", {}).get(month, [])
        parked = any(item["contract_id"] == contract for item in errors)
        plan = self._world.plan_of(execution.input["plan"])
        decisions = (self._world.entry(plan, month, contract) or {}).get("decisions", [])
        begun = bool(decisions) and decisions[-1]["what"] in ("reopened", "not_accepted")
        begun = begun and decisions[-1]["execution"] != execution.id
        asked = execution.input.get("retry_errors") or execution.input.get("until")
        if parked and not begun and not asked:
            self._noted.append(f"9: {execution.name} sent {contract} of {month}, which is parked")

    def _claimed(self, execution: Execution, entry: dict[str, Any]) -> None:
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

    def _note_sources(self, execution: Execution, records: list[dict[str, str]]) -> None:
        for record in records:
            month, name = record["start_time"][:7], record["dimension"]
            sold = Sold(execution.input["plan"], record["contract_id"], name, month)
            known = self._claims[sold.plan, sold.contract, month][name]
            self._sources[sold, record["quantity"]] = known[1]

    def _state_written(self, execution: Execution, document: dict[str, Any]) -> None:
        plan = self._world.plan_of(execution.input["plan"])
        last = document[plan.key].get("last_processed_month", "")
        if last > self.last.get(plan.key, ""):
            self.last[plan.key] = last
        if last and (plan.key, last) not in self.required:
            listed = self._world.snapshots[execution.name][plan.key, last]
            names = frozenset.intersection(*(found.contracts for found in listed))
            self.required[plan.key, last] = names
            self._world.say(f"{execution.name} closes {plan.key} {last}")

    def _looks(self, execution: Execution, plan: Plan) -> None:
        """Note what FindLateUsage has to compare."""
        last = self.last.get(plan.key)
        months = [Month.parse(last).plus(-back) for back in range(plan.late_window)] if last else []
        found = tuple(str(month) for month in months if month >= FIRST)
        self._windows[execution.name] = Window(found, self._world.now().isoformat())

    def has_news(self) -> bool:
        """Say whether an execution has ended that was not checked yet."""
        return len(self._world.has_ended) > self._checked

    def after_executions(self) -> None:
        """Check what has ended since the last time."""
        ended = self._world.has_ended[self._checked :]
        self._checked += len(ended)
        for text in self._noted:
            raise Broken(text)
        if ended:
            self._check_receiver()
            self._check_identity()
            self._check_evidence()
            self._check_lists()
            self._check_writes()
        for execution, error, text in ended:
            self._check_blame(execution, text)
            if error in ("", "ContractsNeedAttention"):
                self._check_told_of_files(execution)
            if self._world.calls[execution.name] > _MOST_CALLS:
                raise Broken(f"8: {execution.name} called {self._world.calls[execution.name]}")

    def _check_receiver(self) -> None:
        for sold, times in self._world.receiver.counts().items():
            if times > 1:
                raise Broken(f"1: {sold} was accepted {times} times")

    def _check_identity(self) -> None:
        """10: no usage of a contract's month is billed under two names."""
        names: dict[tuple[str, str, str, str], str] = {}
        for held in self._world.receiver.accepted():
            sold = held.sold
            for usage in self._sources.get((sold, held.row["quantity"]), ()):
                known = names.setdefault(
                    (sold.plan, sold.contract, sold.month, usage), sold.dimension
                )
                if known != sold.dimension and not self._is_shared(sold, known, usage):
                    raise Broken(f"10: {usage} of {sold} is billed as {known}, too")

    def _is_shared(self, sold: Sold, other: str, usage: str) -> bool:
        """Say whether a configuration bills a usage twice by itself: people may want that."""
        plan = self._world.plan_of(sold.plan)
        return any(
            usage in parts(known.dimensions.get(sold.dimension, sold.dimension))[0]
            and usage in parts(known.dimensions.get(other, other))[0]
            and (not known.dimensions or {sold.dimension, other} <= known.dimensions.keys())
            for known in self._world.history[plan.key]
        )

    def _check_evidence(self) -> None:
        """13: no record is evidence for two: plans, or an earlier program's success."""
        windows = self._world.receiver.windows()
        foreign = [
            held.sold for held in self._world.receiver.accepted() if held.sold.plan == BY_HAND
        ]
        for sold in foreign:
            owners = sum(is_accepted(self._world, plan, sold) for plan in self._world.plans)
            owners += (sold.window[0], sold.month) in self._operators.accounted
            if owners > windows[sold.window]:
                raise Broken(f"13: {windows[sold.window]} record of {sold} is taken by {owners}")

    def _check_blame(self, execution: Execution, text: str) -> None:
        """12: a contract that alone is not served is an error of its own and keeps nothing open."""
        open_month = _STAYS_OPEN.search(text)
        if open_month is None or "ContractUnserved" not in text:
            return
        plan = self._world.plan_of(execution.input["plan"])
        for entry in self._world.entries(plan, open_month[1]):
            lines = entry.get("lines", ())
            if entry.get("settled_at") and any(
                item.get("evidence") == "response" for item in lines
            ):
                name = entry["contract_id"]
                raise Broken(f"12: {execution.name} got {name} through and ended with {text[:300]}")

    def _check_lists(self) -> None:
        document = self._world.document()
        for (key, month), names in self.required.items() if document else ():
            state = (document or {}).get(key, {})
            if month > state.get("last_processed_month", ""):
                continue
            missing = names - listed_in(state, month)
            for name in sorted(missing):
                if (key, month, name) not in self._operators.excused:
                    raise Broken(f"2: {month} of {key} is done, {name} is in neither list")

    def _check_writes(self) -> None:
        written = self._world.state_bucket.unconditional
        for key in written[self._plain :]:
            if not key.startswith(_PLAIN) or key.endswith("/manifest.json"):
                raise Broken(f"3: {key} was written without a condition")
        self._plain = len(written)

    def _check_told_of_files(self, execution: Execution) -> None:
        """6: usage that is not what was billed was told, if it changed before this execution."""
        given = execution.input
        if given.keys() & {"dry_run", "resolve", "until"} or execution.drive:
            return  # with `until` that month's files are left to the next run
        if execution.name not in self._windows:
            return
        plan, window = self._world.plan_of(given["plan"]), self._windows[execution.name]
        for month in window.months:
            if self._world.changed.get((plan.key, month), "") < window.at:
                for text in self.untold(plan, month):
                    raise Broken(f"6: nobody was told by {execution.name}: {text}")

    def untold(self, plan: Plan, month: str) -> Iterator[str]:
        """Yield what the files of a closed month say now, but nobody was told."""
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
                yield from min(
                    ([text for text in view if not self.was_told(text)] for view in views), key=len
                )

    def _views(
        self, plan: Plan, month: str, name: str, entry: dict[str, Any] | None, totals: Totals
    ) -> Iterator[Iterator[str]]:
        """Yield what is to be told: by the formulas that a contract was billed with.

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

    def was_told(self, text: str) -> bool:
        """Say whether an execution has said it, in its output, its cause or a message."""
        if text in self._told or any(text in said for said in reversed(self._world.said)):
            self._told.add(text)
            return True
        return False

    def was_taken_over(self, month: str, contract: str) -> bool:
        """Say whether an execution has named a contract whose record it has not sent."""
        text = re.compile(f"{month}: {TAKEN_OVER}.*{re.escape(contract)}")
        return any(text.search(said) for said in reversed(self._world.said))

    def was_named(self, month: str, contract: str) -> bool:
        """Say whether an execution has named a contract that needs an operator."""
        return any(names_contract(said, month, contract) for said in reversed(self._world.said))


def listed_in(state: dict[str, Any], month: str) -> set[str]:
    """Return the contracts that the state file lists in a month."""
    errors = state.get("error_contracts", {}).get(month, [])
    return {
        *state.get("success_contracts", {}).get(month, []),
        *(item["contract_id"] for item in errors),
    }


def is_billed(entry: dict[str, Any]) -> bool:
    """Say whether a contract's month was settled, and not by giving it up."""
    decisions = entry.get("decisions", [])
    waived = bool(decisions) and decisions[-1]["what"] == "waived"
    return bool(entry.get("settled_at")) and not entry.get("failure") and not waived


def amounts(entry: dict[str, Any] | None) -> dict[str, str]:
    """Return the exact usage that a contract was billed for."""
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
