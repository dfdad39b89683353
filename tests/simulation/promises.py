"""What holds after every execution of a story, whatever goes wrong."""

import json
import re
from datetime import timedelta
from typing import Any, NamedTuple

from functions.adapters import keys
from functions.domain.month import Month
from functions.domain.plan import Plan
from infra.metering_tasks import TASKS
from tests.in_memory.machine import Execution
from tests.in_memory.points import Invocation
from tests.simulation.evidence import Evidence
from tests.simulation.operators import Operators
from tests.simulation.reported import Reported
from tests.simulation.terms import FIRST
from tests.simulation.world import StoryWorld

_PLAIN = ("runs/", "reports/", "previews/")
_MOST_CALLS = 3_000
_LIVES = timedelta(seconds=TASKS["SubmitContract"].timeout_seconds)
_OK = 200
# Those that are an error by now were not served in this execution either.
_UNSERVED = re.compile(r"\((ContractUnserved|(HTTP_\d{3}|OUTCOME_UNKNOWN) since)")
_SEVERAL_UNSERVED = re.compile(r"\d+ contracts? \(ContractUnserved")
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
        self._evidence, self.reported = Evidence(world, operators), Reported(world, operators)
        self._noted: list[str] = []
        self._checked = 0
        self._plain = 0
        world.state_bucket.watch = self._written
        world.receiver.watch = self._sent
        world.looks_for_late_usage = self._looks

    def _written(self, key: str, body: bytes) -> None:
        invocation = self._world.points.invocations[-1]
        execution = invocation.execution
        if execution.input.get("dry_run") and not key.startswith(("previews/", "days/")):
            self._noted.append(f"3: the dry run {execution.name} wrote {key}")
        if key == self._world.plan.state_file:
            self._state_written(execution, json.loads(body))
        if invocation.state == "ClaimContract":
            self._evidence.claimed(execution, json.loads(body))

    def _sent(self, invocation: Invocation, records: list[dict[str, str]]) -> None:
        """What is parked stays so until a person removes the error or asks for a retry.

        A retry that another execution has begun, and not ended, is gone on with. Final usage is
        asked for by name, errors included.
        """
        execution = invocation.execution
        month, contract = records[0]["start_time"][:7], records[0]["contract_id"]
        self._evidence.sent(execution, records)
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

    def _state_written(self, execution: Execution, document: dict[str, Any]) -> None:
        plan = self._world.plan_of(execution.input["plan"])
        last = document[plan.key].get("last_processed_month", "")
        if last > self.last.get(plan.key, ""):
            self.last[plan.key] = last
        if last and (plan.key, last) not in self.required:
            listed = self._world.snapshots(execution.name, plan.key, last)
            names = frozenset.intersection(*(found.contracts for found in listed))
            self.required[plan.key, last] = names
            self._world.say(f"{execution.name} closes {plan.key} {last}")

    def _looks(self, execution: Execution, plan: Plan) -> None:
        """Note what an execution has to compare."""
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
            for text in self._evidence.broken():
                raise Broken(text)
            self._check_lists()
            self._check_writes()
        for execution, error, text in ended:
            self._check_blame(execution, text)
            if error in ("", "ContractsNeedAttention"):
                self._check_reported_of_files(execution)
            if self._world.calls[execution.name] > _MOST_CALLS:
                raise Broken(f"8: {execution.name} called {self._world.calls[execution.name]}")

    def _check_receiver(self) -> None:
        for sold, times in self._world.receiver.counts().items():
            if times > 1:
                raise Broken(f"1: {sold} was accepted {times} times")

    def _check_blame(self, execution: Execution, text: str) -> None:
        """12: a contract that alone is not served is an error of its own and keeps nothing open.

        If several are not served, that is so while this execution has got another one through.
        """
        open_month = _STAYS_OPEN.search(text)
        if open_month is None or "ContractUnserved" not in text:
            return
        alone = len(_UNSERVED.findall(text)) == 1 and not _SEVERAL_UNSERVED.search(text)
        for entry in self._world.entries(
            self._world.plan_of(execution.input["plan"]), open_month[1]
        ):
            name = entry["contract_id"]
            served = any(
                item.get("status") == _OK and (alone or item["execution"] == execution.id)
                for item in entry.get("attempts", ())
            )
            if entry.get("settled_at") and name not in text and served:
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
            if not key.startswith(_PLAIN):
                raise Broken(f"3: {key} was written without a condition")
        self._plain = len(written)

    def _check_reported_of_files(self, execution: Execution) -> None:
        """6: usage that differs from the bill was reported, if it changed before this execution.

        The next run reports a notice that did not fit into the message, and what is new in a month
        that was left to it.
        """
        given = execution.input
        if given.keys() & {"dry_run", "resolve", "until"} or execution.drive:
            return  # with `until` that month's files are left to the next run
        if execution.name not in self._windows:
            return
        plan, window = self._world.plan_of(given["plan"]), self._windows[execution.name]
        journal = self._world.state_bucket.objects.get(keys.journal(plan), b"{}")
        waiting = "\n".join(json.loads(journal).get("notices", ()))
        sent = [text for name, _, text in self._world.messages if name == execution.name]
        for month in window.months:
            if any(f"{month} waits: left for the next run" in text for text in sent):
                continue
            if self._world.changed.get((plan.key, month), "") < window.at:
                for text in self.reported.unreported(plan, month, waiting):
                    raise Broken(f"6: {execution.name} did not report: {text}")


def listed_in(state: dict[str, Any], month: str) -> set[str]:
    """Return the contracts that the state file lists in a month."""
    errors = state.get("error_contracts", {}).get(month, [])
    return {
        *state.get("success_contracts", {}).get(month, []),
        *(item["contract_id"] for item in errors),
    }
