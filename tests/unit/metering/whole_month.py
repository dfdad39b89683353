"""One plan's runs in memory, from usage files that are written record by record."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from functions.adapters.documents import read_run_file
from functions.domain.month import Month
from functions.domain.usage.month_usage import MonthUsage
from tests.in_memory.metering_world import PLAN, MeteringWorld

STATE_FILE = "metering_state.json"
ROOT = "omnistrate-metering/S/E/P"
KEY = "S:E:P"


class Ended(NamedTuple):
    """How an execution ended, and whether somebody was notified."""

    succeeded: bool
    error: str
    cause: str
    notify: bool
    result: Any


class WholeMonth(MeteringWorld):
    """Records lie in hours of July 2025 unless told; it is January 2026, and all is exported."""

    def __init__(self, *actions: str, as_of: str = "2025-08-02T00:00:00Z", **plan: Any) -> None:
        super().__init__({**PLAN, **plan}, now=datetime(2026, 1, 1, tzinfo=UTC))
        self.clazar.actions.extend(actions)
        self.as_of = as_of

    def hour(
        self, folder: str, content: Any, *, month: str = "2025-07", name: str = "sub-1"
    ) -> str:
        """Put one file; `folder` is `DD/HH`. Return its key."""
        key = f"{ROOT}/{month.replace('-', '/')}/{folder}/{name}.json"
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.usage_bucket.edit(key, body)
        return key

    def every_hour(self, month: str, records: Any) -> None:
        """Put the records into the first hour of a month, and empty files into all others."""
        of = Month.parse(month)
        for index in range(of.hours):
            instant = of.start + timedelta(hours=index)
            self.hour(f"{instant:%d/%H}", [] if index else records, month=month)

    def run(self, **given: Any) -> Ended:
        """Run an execution to its end, whichever way it ends."""
        with self:
            run = self.execute(**{"as_of": self.as_of, **given})
        notified = any(message.execution == run.name for message in self.messages)
        return Ended(run.status == "SUCCEEDED", run.error, run.cause, notified, run.output)

    def bill(self) -> MonthUsage:
        """Return what a dry run makes of July."""
        assert self.run(dry_run=True).succeeded
        previews = [key for key in self.state_bucket.objects if key.startswith("previews/")]
        key = next(key for key in previews if key.endswith("/bill.json"))
        return read_run_file(self.state_bucket, key, MonthUsage)

    def content(self, key: str) -> bytes:
        """Return an object of the state bucket."""
        return self.state_bucket.objects[key]

    def errors(self, month: str = "2025-07") -> list[Any]:
        """Return the errors that the state file shows for a month."""
        found: list[Any] = self.state()["error_contracts"].get(month, [])
        return found

    def forget_errors(self, month: str) -> None:
        """Remove a month's errors from the state file, as an operator does."""
        self.edit_state(lambda state: state["error_contracts"].update({month: []}))
