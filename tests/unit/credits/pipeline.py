"""Credits in memory, one execution at a time, and things that happen at any call to the outside."""

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from functions.adapters.objects import Stored
from functions.domain.conversion import parse
from functions.domain.credits.drop import Limits
from functions.domain.month import format_instant
from functions.payloads import Finished
from tests.in_memory.cloudzero import Rows
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.machine import Execution
from tests.in_memory.outside import RecordedBucket, no_answer
from tests.in_memory.points import Break, Point, nothing
from tests.in_memory.timeline import Aborted


def plainly(rows: Rows) -> Rows:
    """Show rows as they were posted."""
    return rows


def with_other_columns(rows: Rows) -> Rows:
    """Show remarks of CloudZero, blank columns, a yes, a list and times in another form."""
    more = {"drop_id": "d", "resource/region": "", "lineitem/id": None}
    tags = {"resource/id": "a", "resource/tag:taxable": True, "resource/tag:teams": ["x", {"y": 1}]}
    start = "time/usage_start"
    return [{**row, **more, **tags, start: row[start][:19].replace("T", " ")} for row in rows]


def with_other_numbers(rows: Rows) -> Rows:
    """Show costs as numbers with exponents, and accounts as numbers."""
    return [
        {
            **row,
            "cost/cost": Decimal(row["cost/cost"]).normalize(),
            "resource/account": int(row["resource/account"]),
        }
        for row in rows
    ]


def without_zero_rows(rows: Rows) -> Rows:
    """Keep no rows of 0.00."""
    return [row for row in rows if Decimal(row["cost/cost"])]


VIEWS = (plainly, with_other_columns, with_other_numbers, without_zero_rows)


class Bucket(RecordedBucket):
    """The credits bucket in memory; every read is a point, too."""

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        read = super().read
        return self._points.at(
            "read", key, lambda: read(key, unless=unless, most_bytes=most_bytes), no_answer
        )


class Pipeline(CreditsWorld):
    """Executions one after the other. `at_point`: what happens just before a point, by number."""

    def __init__(self, *, limit: str = "0", growth: str = "1000000") -> None:
        super().__init__(limits=Limits(Decimal(limit), Decimal(growth)))
        self.at_point: dict[int, Callable[[], object]] = {}
        self.names: Iterator[str] = iter(())
        self.points.choose, self.cloudzero.abort = self._choose, self.abort
        self._finished: dict[str, Finished] = {}

    def bucket(self, name: str, placeholder: str = "") -> Bucket:
        """Make a bucket whose reads are points."""
        made = self.buckets[placeholder or name] = Bucket(name, self.points)
        return made

    def _choose(self, point: Point) -> Break | None:
        if happens := self.at_point.pop(point.number, None):
            happens()
        return nothing(point)

    def soon(self, calls: int, happens: Callable[[], object]) -> None:
        """Let something happen so many calls to the outside from now."""
        self.at_point[len(self.points.seen) + calls] = happens

    def abort(self) -> NoReturn:
        """Stop the execution, or kill its Lambda, at this very point."""
        self.step_functions.abort(self.step_functions.executions[-1])
        for invocation in self.points.invocations:
            invocation.dead = True
        raise Aborted

    def put(self, key: str, text: str) -> None:
        """Store a new version of a file; time passes, though not always a whole second."""
        self.timeline.now += timedelta(milliseconds=700)
        self.put_text(key, text)

    def invoke(self, execution: Execution, state: str, payload: Any) -> Any:
        """Run a state's Lambda, and remember how an execution is to end."""
        output = super().invoke(execution, state, payload)
        if state == "ReportCredits":
            self._finished[execution.id] = parse(output, Finished)
        return output

    def execute(self, *, started: datetime | None = None, **given: Any) -> Finished:
        """Run one execution to its end."""
        finished = self.attempt(started=started, **given)
        assert finished, "aborted without a reason"
        return finished

    def attempt(self, *, started: datetime | None = None, **given: Any) -> Finished | None:
        """Run one execution; None if it was aborted. It may have waited since it was started."""
        execution = self.start(**{"bucket": "credits", **given})
        execution.name = next(self.names, execution.name)
        execution.start_time = format_instant(started or self.now())
        with self:
            self.timeline.run(until=lambda: execution.status != "RUNNING")
        if execution.status == "ABORTED":
            self.at_point.clear()
            return None
        finished = self._finished[execution.id]
        assert finished.succeeded == (execution.status == "SUCCEEDED")
        assert finished.error == execution.error
        return finished
