"""The credits pipeline without Step Functions: the use cases in the order of the definition.

Time is simulated. Every call to the outside can be where an execution is aborted, where a file is
uploaded, or where a request goes wrong.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from functions.adapters import credits_bucket, leases
from functions.adapters.cloudzero.api import CloudZero
from functions.adapters.cloudzero.streams import Clock, Stream
from functions.adapters.objects import Stored, Uploaded
from functions.credits.acquire_stream import settle
from functions.credits.parse_credits import parse_credits, read_snapshot
from functions.credits.payloads import (
    DropItem,
    DropTask,
    MonthEnd,
    Posted,
    PostTask,
    ReportTask,
    Run,
    Snapshot,
)
from functions.credits.post_drop import post_drop
from functions.credits.report_credits import finish, month_reports
from functions.credits.snapshot_drop import snapshot_drop
from functions.credits.verify_drop import verify_drop
from functions.domain.credits.drop import Limits
from functions.domain.month import Month, format_instant
from functions.errors import (
    BadCredits,
    DropDiffers,
    DropHeld,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    StreamBusy,
    WriteConflict,
)
from functions.payloads import Finished, Problem, Start
from tests.in_memory.lambdas import PLACE
from tests.memory import MemoryObjects

BUCKET, CONNECTION = "credits-bucket", "stream-1"
SETTLE = 120.0
T = TypeVar("T")
Rows = list[dict[str, Any]]


class Aborted(BaseException):
    """The execution was stopped, or its Lambda killed, at this very point."""


class Version(NamedTuple):
    """A month's rows, and from when on they are seen."""

    visible: datetime
    rows: Rows


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
MINUTE = 60


@dataclass
class Partner:
    """CloudZero in memory, one stream. What is accepted last counts, however late it is seen.

    `faults` are used up by posts, in order; words joined by `+`. `lost`: no answer. `dropped`: not
    stored, no answer. `late`: no answer, stored only 100 seconds later. `ingest`: seen 2,000
    seconds later. `busy`, `refused`: answered and not stored. `processing`: stored, and busy with
    it for five minutes. `abort`: the execution ends here, after whatever else is said. `view`: how
    rows are shown.
    """

    pipeline: Pipeline
    months: defaultdict[Month, list[Version]] = field(default_factory=lambda: defaultdict(list))
    faults: deque[str] = field(default_factory=deque)
    late: list[tuple[datetime, Month, Rows]] = field(default_factory=list)
    posts: list[Month] = field(default_factory=list)
    view: Callable[[Rows], Rows] = plainly
    busy_until: datetime | None = None

    def stored(self, _connection: str, month: Month) -> Rows | None:
        self.pipeline.point("read")
        self._check_busy()
        rows = self.seen(month)
        return rows and self.view(rows)

    def seen(self, month: Month) -> Rows | None:
        """What is to be seen of a month now."""
        self.land()
        seen = [version.rows for version in self.months[month] if version.visible <= self._now]
        return seen[-1] if seen else None

    @property
    def _now(self) -> datetime:
        return self.pipeline.now

    def _check_busy(self) -> None:
        if self.busy_until and self._now < self.busy_until:
            raise PartnerBusy("409: still being processed")

    def post(self, _connection: str, body: bytes) -> str:
        self.pipeline.point("post")
        self._check_busy()
        self.land()
        request = msgspec.json.decode(body)
        month = Month.of(datetime.fromisoformat(request["month"]))
        for row in request["data"]:
            assert all(isinstance(value, str) and value for value in row.values())
            assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", row["cost/cost"])
            assert row["time/usage_start"] == format_instant(month.start)
        faults = (self.faults.popleft() if self.faults else "").split("+")
        error = self._play(faults, month, request["data"])
        if "abort" in faults:
            raise Aborted
        if error:
            raise error
        self.pipeline.point("posted")
        return f"drop-{len(self.posts)}"

    def _play(self, faults: list[str], month: Month, rows: Rows) -> Exception | None:
        later = self._now + timedelta(seconds=2_000 if "ingest" in faults else 100)
        if "busy" in faults or "refused" in faults:
            return PartnerBusy("429") if "busy" in faults else PartnerRefused("400")
        if "dropped" in faults:
            return OutcomeUnknown("reset")
        if "late" in faults:
            self.late.append((later, month, rows))
            return OutcomeUnknown("timeout")
        self.months[month].append(Version(later if "ingest" in faults else self._now, rows))
        self.posts.append(month)
        if "processing" in faults:
            self.busy_until = self._now + timedelta(seconds=5 * MINUTE)
        return OutcomeUnknown("reset") if "lost" in faults else None

    def land(self) -> None:
        """Let requests arrive whose time has come."""
        for due in [item for item in self.late if item[0] <= self._now]:
            self.late.remove(due)
            self.months[due[1]].append(Version(due[0], due[2]))


class Bucket(MemoryObjects):
    """The credits bucket in memory; every access is a point where an execution can end."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.uploads: dict[str, Uploaded] = {}

    def upload(self, key: str, most_bytes: int) -> Uploaded | None:
        self.pipeline.point("upload")
        found = self.uploads.get(key)
        if found and most_bytes < found.size:
            return found._replace(body=None)
        return found

    def read(self, key: str, *, unless: str = "") -> Stored | None:
        self.pipeline.point("get")
        return super().read(key, unless=unless)

    def put(self, key: str, body: bytes) -> None:
        self.pipeline.point("put")
        super().put(key, body)

    def create(self, key: str, body: bytes) -> str | None:
        self.pipeline.point("create")
        written = super().create(key, body)
        self.pipeline.point("created")
        return written

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        self.pipeline.point("replace")
        written = super().replace(key, body, etag)
        self.pipeline.point("replaced")
        return written


class Pipeline:
    """Executions one after the other, on one bucket and one stream."""

    def __init__(self, *, limit: str = "0", growth: str = "1000000") -> None:
        self.now = datetime(2025, 8, 2, tzinfo=UTC)
        self.limits, self.allow_reversals = Limits(Decimal(limit), Decimal(growth)), False
        self.partner, self.bucket = Partner(self), Bucket(self)
        self.points: list[str] = []
        self.at_point: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count(1)
        self.names: Iterator[str] = (f"e-{number}" for number in itertools.count(1))

    def point(self, what: str) -> None:
        """Count a call to the outside; something may happen right here."""
        self.points.append(what)
        if happens := self.at_point.pop(len(self.points), None):
            happens()

    def pass_time(self, seconds: float) -> None:
        """Wait."""
        self.now += timedelta(seconds=seconds)

    def upload(self, key: str, text: str, **metadata: str) -> None:
        """Store a new version of a file; time passes, though not always a whole second."""
        self.now += timedelta(milliseconds=700)
        version = f"v{next(self._numbers)}"
        at = self.now.replace(microsecond=0)
        body = text.encode()
        stated = {name.replace("_", "-"): value for name, value in metadata.items()}
        self.bucket.uploads[key] = Uploaded(body, len(body), version, at, stated)

    def execute(self, *, started: datetime | None = None, **given: Any) -> Finished | None:
        """Run one execution; None if it was aborted. It may have waited since it was started."""
        name = next(self.names)
        try:
            return self._execute(name, format_instant(started or self.now), given)
        except Aborted:
            self.at_point.clear()
            return None

    def _execute(self, name: str, started: str, given: dict[str, Any]) -> Finished:
        run = settle(Start({"bucket": BUCKET, **given}, name, name, started), BUCKET, CONNECTION)
        lease = credits_bucket.lease(self.bucket, CONNECTION)
        # One execution at a time here: whoever holds the lease is gone.
        busy = leases.acquire(lease, run.execution, started, lambda _: False)
        assert not busy
        task = self._run(run)
        finished = finish(task, month_reports(task, self.bucket), self.bucket, self.bucket, PLACE)
        leases.release(lease, run.execution, format_instant(self.now))
        return finished

    def _run(self, run: Run) -> ReportTask:
        try:
            parsed = (
                read_snapshot(run, self.bucket)
                if run.restore
                else parse_credits(
                    run, self.bucket, self.bucket, allow_reversals=self.allow_reversals
                )
            )
        except (BadCredits, DropHeld) as error:
            return ReportTask(run=run, failure=Problem(type(error).__name__, str(error)))
        months = [self._month(run, drop) for drop in parsed.drops]
        return ReportTask(run=run, parsed=parsed, months=months)

    def _month(self, run: Run, drop: DropItem) -> MonthEnd:
        stream = Stream(
            self.bucket,
            cast("CloudZero", self.partner),
            CONNECTION,
            run.execution,
            Clock(lambda: self.now, lambda: 100.0, SETTLE),
        )
        task, snapshot, posted = DropTask(run=run, drop=drop), None, None
        try:
            snapshot = self._retried(lambda: snapshot_drop(task, self.bucket, stream, self.limits))
            posted = self._retried(lambda: self._post(task, snapshot, stream))
            verified = self._retried(lambda: verify_drop(task, self.bucket, stream))
        except (PartnerRefused, DropHeld, OutcomeUnknown, PartnerBusy, DropDiffers) as error:
            problem = Problem(type(error).__name__, str(error))
            return MonthEnd(drop=drop, snapshot=snapshot, posted=posted, problem=problem)
        return MonthEnd(drop=drop, snapshot=snapshot, posted=posted, verified=verified)

    def _post(self, task: DropTask, snapshot: Snapshot | None, stream: Stream) -> Posted:
        assert snapshot
        post = PostTask(run=task.run, drop=task.drop, snapshot=snapshot)
        return post_drop(post, self.bucket, stream)

    def _retried(self, step: Callable[[], T]) -> T:
        """Retry as the definition does; every retry takes its time."""
        for attempt in itertools.count(1):
            try:
                return step()
            except (OutcomeUnknown, PartnerBusy, StreamBusy, WriteConflict, DropDiffers):
                if attempt == 7:
                    raise
                self.pass_time(SETTLE)
        raise AssertionError
