"""The credits pipeline without Step Functions: the use cases in the order of the definition.

Time is simulated. Every call to the outside can be where an execution is aborted, where a file is
uploaded, or where a request goes wrong.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from functions.adapters import credits_bucket, leases
from functions.adapters.cloudzero import Accepted, CloudZero
from functions.adapters.storage import Stored, Uploaded
from functions.adapters.streams import Clock, Stream
from functions.credits.acquire_stream import settle
from functions.credits.parse_credits import parse_credits
from functions.credits.payloads import (
    DropItem,
    Finish,
    MonthEnd,
    Parsed,
    PostTask,
    Reported,
    ReportTask,
    Run,
    VerifyTask,
)
from functions.credits.post_drop import post_drop
from functions.credits.read_snapshot import read_snapshot
from functions.credits.release_stream import finish
from functions.credits.report_credits import report_credits
from functions.credits.snapshot_drop import snapshot_drop
from functions.credits.validate_drop import validate_drop
from functions.credits.verify_drop import verify_drop
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


@dataclass
class Partner:
    """CloudZero in memory, one stream. What is accepted last counts, however late it is seen.

    `faults` are used up by posts, in order; words joined by `+`. `lost`: stored, no answer.
    `late`: no answer, stored only 100 seconds later. `ingest`: accepted, seen 2,000 seconds later.
    `dropped`: not stored, no answer. `busy`, `refused`: answered and not stored. `abort`: the
    execution ends here, after whatever else is said.
    """

    pipeline: Pipeline
    months: defaultdict[Month, list[Version]] = field(default_factory=lambda: defaultdict(list))
    faults: deque[str] = field(default_factory=deque)
    late: list[tuple[datetime, Month, Rows]] = field(default_factory=list)
    posts: list[Month] = field(default_factory=list)

    def validate(self, _body: bytes) -> list[str] | None:
        self.pipeline.point("validate")
        return []

    def stored(self, _connection: str, month: Month) -> Rows | None:
        self.pipeline.point("read")
        return self.seen(month)

    def seen(self, month: Month) -> Rows | None:
        """What is to be seen of a month now."""
        self.land()
        seen = [version.rows for version in self.months[month] if version.visible <= self._now]
        return seen[-1] if seen else None

    def drop_id(self, _connection: str, month: Month) -> str | None:
        self.pipeline.point("list")
        return "drop-listed" if self.seen(month) else None

    @property
    def _now(self) -> datetime:
        return self.pipeline.now

    def post(self, _connection: str, body: bytes) -> Accepted:
        self.pipeline.point("post")
        self.land()
        request = msgspec.json.decode(body)
        month = Month.of(datetime.fromisoformat(request["month"]))
        faults = (self.faults.popleft() if self.faults else "").split("+")
        error = self._play(faults[0], month, request["data"])
        if "abort" in faults:
            raise Aborted
        if error:
            raise error
        self.pipeline.point("posted")
        return Accepted(f"drop-{len(self.posts)}", len(request["data"]))

    def _play(self, fault: str, month: Month, rows: Rows) -> Exception | None:
        later = self._now + timedelta(seconds=2_000 if fault == "ingest" else 100)
        if fault in ("busy", "refused"):
            return PartnerBusy("429") if fault == "busy" else PartnerRefused("400")
        if fault == "dropped":
            return OutcomeUnknown("reset")
        if fault == "late":
            self.late.append((later, month, rows))
            return OutcomeUnknown("timeout")
        self.months[month].append(Version(later if fault == "ingest" else self._now, rows))
        self.posts.append(month)
        return OutcomeUnknown("reset") if fault == "lost" else None

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

    def __init__(self, *, limit: str = "0", allow_reversals: bool = False) -> None:
        self.now = datetime(2025, 8, 2, tzinfo=UTC)
        self.limit, self.allow_reversals = Decimal(limit), allow_reversals
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
        done = self._turns(run)
        leases.release(lease, run.execution, format_instant(self.now))
        return finish(done)

    def _turns(self, run: Run) -> Finish:
        for _ in range(20):
            try:
                parsed = self._parse(run)
            except BadCredits as error:
                return Finish(run=run, failure=Problem(type(error).__name__, str(error)))
            months = [self._month(run, drop) for drop in parsed.drops]
            reported: Reported = report_credits(
                ReportTask(run=run, parsed=parsed, months=months), self.bucket, self.bucket
            )
            if not reported.outdated:
                return Finish(run=run, reported=reported)
            run = reported.next_round
        raise AssertionError("the file was uploaded again without end")

    def _parse(self, run: Run) -> Parsed:
        if run.restore:
            return read_snapshot(run, self.bucket)
        return parse_credits(run, self.bucket, self.bucket, allow_reversals=self.allow_reversals)

    def _month(self, run: Run, drop: DropItem) -> MonthEnd:
        stream = Stream(
            self.bucket,
            cast("CloudZero", self.partner),
            CONNECTION,
            run.execution,
            Clock(lambda: self.now, lambda: 100.0, SETTLE),
        )
        task = PostTask(run=run, drop=drop, snapshot=cast("Any", None))
        try:
            validated = self._retried(lambda: validate_drop(task, self.bucket, stream))
            snapshot = self._retried(lambda: snapshot_drop(task, self.bucket, stream, self.limit))
            task = PostTask(run=run, drop=drop, snapshot=snapshot)
            posted = (
                None
                if snapshot.is_stored
                else self._retried(lambda: post_drop(task, self.bucket, stream))
            )
            verify = VerifyTask(
                run=run, drop=drop, snapshot=snapshot, validated=validated, posted=posted
            )
            return self._retried(lambda: verify_drop(verify, self.bucket, stream))
        except (PartnerRefused, DropHeld, OutcomeUnknown, PartnerBusy, DropDiffers) as error:
            return MonthEnd(drop=drop, problem=Problem(type(error).__name__, str(error)))

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
