"""A plan's runs in memory: the use cases in the order of the definition, without an engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from functions.adapters import leases, state_bucket
from functions.adapters.clazar import Clazar
from functions.domain import usage_files
from functions.domain.answers import Answer
from functions.domain.conversion import parse
from functions.domain.fold import DayRead
from functions.domain.month import Month, format_instant
from functions.domain.run_files import MonthUsage
from functions.errors import OutcomeUnknown, PartnerRefused
from functions.metering.acquire_plan import settle
from functions.metering.claim_contract import claim_contract
from functions.metering.close_month import close_month
from functions.metering.fold_day import fold_day
from functions.metering.merge_usage import merge_usage, read_bill
from functions.metering.payloads import (
    ClosedMonth,
    ContractTask,
    DaysTask,
    DayTask,
    Finish,
    Merged,
    MergedMonth,
    Planned,
    Release,
    Run,
)
from functions.metering.plan_months import plan_months
from functions.metering.record_error import record_error
from functions.metering.release_plan import release_plan
from functions.metering.submit_contract import Outside, submit_contract
from functions.metering.summarize_run import summarize_run
from functions.payloads import Finished, Start, dump
from functions.payloads import Problem as Caught
from infra.tasks import SETTLE_SECONDS
from tests.builders import a_plan
from tests.memory import MemoryObjects, UsageInMemory
from tests.unit.metering.partner import MemoryClazar

_TRIES = 3
STATE_FILE = "metering_state.json"
ROOT = "omnistrate-metering/S/E/P"
KEY = "S:E:P"


def a_record(contract: str | None, dimension: str = "cpu", **fields: Any) -> dict[str, Any]:
    """Return a usage record with the personal data that Omnistrate exports."""
    return {
        "externalPayerId": contract,
        "dimension": dimension,
        "value": 1,
        "subscriptionId": "sub-1",
        "customerEmail": "jane@customer.example",
        "organizationName": "Customer Inc",
        **fields,
    }


class Receiver(MemoryClazar):
    """Knows contracts and months apart, and can hide what it holds for some looks."""

    def _accept(self, record: dict[str, str]) -> Answer:
        window = ("contract_id", "dimension", "start_time")
        held = [[known[name] for name in window] for known in self.accepted]
        if self.duplicates_refused and [record[name] for name in window] in held:
            return Answer(kind="present", code="DUPLICATE", message="already exists")
        self.accepted.append(record)
        return Answer(kind="accepted", record_id=str(len(self.accepted)))

    def billed(self) -> list[tuple[str, str, str, str]]:
        """What it bills: contract, dimension, month and quantity of every record, sorted."""
        return sorted(
            (item["contract_id"], item["dimension"], item["start_time"][:7], item["quantity"])
            for item in self.accepted
        )


class WholeMonth:
    """Usage, state and a receiver in memory. Records lie in hours of July 2025 unless told."""

    def __init__(self, *actions: str, as_of: str = "2025-08-02T00:00:00Z", **plan: Any) -> None:
        self.plan = a_plan(**{"start_month": "2025-07", **plan})
        self.usage, self.state = MemoryObjects(), MemoryObjects()
        self.clazar = Receiver(actions)
        self.as_of, self.now = as_of, datetime(2026, 1, 1, tzinfo=UTC)
        self.unreadable: dict[str, Exception] = {}
        self.executions = 0
        self.exported_to("2026-01-01T02:00:00Z")

    def exported_to(self, instant: str) -> None:
        """Write the export's completion marker."""
        marker = {KEY: {"last_processed_to": instant}}
        self.usage.put("omnistrate-metering/last_success_export.json", json.dumps(marker).encode())

    def hour(
        self, folder: str, content: Any, *, month: str = "2025-07", name: str = "sub-1"
    ) -> str:
        """Put one file; `folder` is `DD/HH`. Return its key."""
        key = f"{ROOT}/{month.replace('-', '/')}/{folder}/{name}.json"
        self.usage.put(key, content if isinstance(content, bytes) else json.dumps(content).encode())
        return key

    def every_hour(self, month: str, records: Any) -> None:
        """Put the records into the first hour of a month, and empty files into all others."""
        of = Month.parse(month)
        for index in range(of.hours):
            instant = of.start + timedelta(hours=index)
            self.hour(f"{instant:%d/%H}", [] if index else records, month=month)

    def started(self, **given: Any) -> Run:
        """Return the terms of a new execution."""
        self.executions += 1
        name, started = f"x-{self.executions}", format_instant(self.now)
        terms = {"as_of": self.as_of, **given}
        return settle(Start(terms, name, name, started), {KEY: self.plan})

    def merged(self, run: Run, month: str) -> Merged:
        """Turn a month's files into its bill."""
        of = Month.parse(month)
        days = usage_files.days(of, of.window_end(run.until))
        usage: Any = UsageInMemory(self.usage, self.unreadable)
        read: list[DayRead | None] = []
        for day in days:
            try:
                read.append(fold_day(DayTask(run=run, month=month, day=day), usage, self.state))
            except Exception as error:  # noqa: BLE001  # as the Catch of States.ALL
                read.append(DayRead(day=day, error=type(error).__name__))
        task = DaysTask(run=run, month=month, days=days, read=read)
        return merge_usage(task, self.state, self.usage)

    def bill(self, month: str = "2025-07") -> MonthUsage:
        """Return a month's bill; nothing is sent."""
        return read_bill(self.state, self.merged(self.started(), month).bill_key)

    def run(self, **given: Any) -> Finished:
        """Run an execution to its end, whichever way it ends."""
        run = self.started(**given)
        if not run.dry_run:
            lease = state_bucket.lease(self.state, run.plan)
            leases.acquire(lease, run.execution, format_instant(self.now), lambda _: False)
        planned, failure = Planned([], []), None
        closed: list[ClosedMonth | None] = []
        try:
            planned = plan_months(run, self.state, self.usage)
            closed = [self.month(run, month) for month in planned.months]
        except Exception as error:  # noqa: BLE001  # as the Catch of States.ALL
            failure = Caught(type(error).__name__, str(error))
        task = Finish(run=run, planned=planned, months=closed, failure=failure)
        ending = summarize_run(task, self.state)
        notified = {"delivered": True} if ending.notify else {}
        release = Release(run=run, journal=ending.journal, notified=notified)
        release_plan(release, self.state, format_instant(self.now))
        return ending

    def month(self, run: Run, month: str) -> ClosedMonth:
        """Bill one month."""
        merged = self.merged(run, month)
        for item in json.loads(self.content(merged.contracts_key)):
            self.contract(parse({"run": dump(run), "month": month, "contract": item}, ContractTask))
        return close_month(MergedMonth(run=run, month=month, merged=merged), self.state, self.now)

    def contract(self, task: ContractTask) -> None:
        """Claim, submit and record one contract."""
        at = format_instant(self.now)
        claimed = claim_contract(task, self.state, at)
        action, task = claimed.action, msgspec.structs.replace(task, problem=claimed.problem)
        if action == "nothing":
            return
        if action == "submit" and (problem := self.submitted(task)):
            record_error(msgspec.structs.replace(task, problem=problem), self.state, at)
        elif action == "record_error":
            record_error(task, self.state, at)

    def submitted(self, task: ContractTask) -> Caught | None:
        """Submit with the waiting of the definition; return what the Catch would see."""
        clazar: Clazar = self.clazar  # type: ignore[assignment]  # the same two methods
        outside = Outside(self.state, clazar, lambda: self.now, lambda: 90.0, SETTLE_SECONDS)
        problem = None
        for wait in (SETTLE_SECONDS, 30 * SETTLE_SECONDS, 0):
            try:
                submit_contract(task, outside)
            except PartnerRefused as error:
                return Caught("PartnerRefused", str(error))
            except OutcomeUnknown as error:
                problem = Caught("OutcomeUnknown", str(error))
                self.now += timedelta(seconds=wait)
            else:
                return None
        return problem

    def content(self, key: str) -> bytes:
        """Return an object of the state bucket."""
        return self.state.objects[key]

    def shown(self) -> Any:
        """Return this plan's part of the state file; None without one."""
        body = self.state.objects.get(STATE_FILE)
        return json.loads(body)[KEY] if body else None

    def errors(self, month: str = "2025-07") -> list[Any]:
        """Return the errors that the state file shows for a month."""
        found: list[Any] = self.shown()["error_contracts"].get(month, [])
        return found

    def forget_errors(self, month: str) -> None:
        """Remove a month's errors from the state file, as an operator does."""
        document = json.loads(self.content(STATE_FILE))
        document[KEY]["error_contracts"][month] = []
        self.state.objects[STATE_FILE] = json.dumps(document).encode()
