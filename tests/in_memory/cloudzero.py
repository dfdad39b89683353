"""A CloudZero in memory: one AnyCost Stream, whose months are replaced by drops."""

import json
import re
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

from functions.adapters.cloudzero.api import CloudZero as RealCloudZero
from functions.adapters.receivers import Accepted
from functions.domain.month import Month, format_instant
from functions.errors import OutcomeUnknown, PartnerBusy, PartnerRefused
from tests.in_memory.points import Points
from tests.in_memory.timeline import Timeline

Rows = list[dict[str, Any]]
_LATE, _PROCESSING = 100.0, timedelta(minutes=5)
# Longer than VerifyDrop waits.
LONG_INGEST = timedelta(hours=3)


class CloudZero:
    """One stream. What was accepted last is what a month holds; it is shown after `ingest`.

    `posts` are those that arrived, `view` is how their rows are shown. `faults` are used up by
    posts, in order; words joined by `+`. `lost`: no answer. `dropped`: not stored, no answer.
    `late`: no answer, stored only 100 seconds later. `ingest`: shown after LONG_INGEST. `busy`,
    `refused`: answered and not stored. `processing`: stored, and busy with it for five minutes.
    `abort`: the execution ends here, after whatever else is said.
    """

    seconds_for_a_request = RealCloudZero.seconds_for_a_request

    def __init__(self, points: Points, timeline: Timeline) -> None:
        self._points, self._timeline = points, timeline
        self.months: dict[Month, Rows] = {}
        self.posts: list[Month] = []
        self.ingest = timedelta(0)
        self.faults: deque[str] = deque()
        self.view: Callable[[Rows], Rows] = list
        self.abort: Callable[[], object] = lambda: None
        self._shown: dict[Month, list[tuple[datetime, Rows]]] = {}
        self._busy_until = timeline.now

    def holds(self) -> tuple[object, ...]:
        """Return all that an answer depends on, whatever it is asked."""
        return (self.months, self.posts, self._shown, self._busy_until, self.faults, self.ingest)

    def seen(self, month: Month) -> Rows | None:
        """Return what is to be seen of a month now."""
        versions = self._shown.get(month, [])
        ready = [rows for visible, rows in versions if visible <= self._timeline.now]
        return ready[-1] if ready else None

    def stored(self, _connection: str, month: Month) -> Rows | None:
        """Answer `GET .../billing_drops/{month}`."""

        def shown() -> Rows | None:
            self._check_busy()
            rows = self.seen(month)
            return rows and self.view(rows)

        return self._points.at("listing", f"GET {month}", shown, _no_answer)

    def _check_busy(self) -> None:
        if self._timeline.now < self._busy_until:
            raise PartnerBusy("409: still being processed")

    def post(self, _connection: str, body: bytes) -> Accepted:
        """Answer `POST .../billing_drops`."""
        request = json.loads(body)
        month, rows = Month.of(datetime.fromisoformat(request["month"])), request["data"]
        for row in rows:
            assert all(isinstance(value, str) and value for value in row.values())
            assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", row["cost/cost"])
            assert row["time/usage_start"] == format_instant(month.start)

        def effect() -> Accepted:
            self._check_busy()
            faults = (self.faults.popleft() if self.faults else "").split("+")
            error = self._play(faults, month, rows)
            if "abort" in faults:
                self.abort()
            if error:
                raise error
            return Accepted(f"drop-{len(self.posts)}", f"HTTP 200 {faults}")

        return self._points.at("request", f"POST {month}", effect, _no_answer)

    def _play(self, faults: list[str], month: Month, rows: Rows) -> Exception | None:
        ingest = LONG_INGEST if "ingest" in faults else self.ingest
        if "busy" in faults or "refused" in faults:
            return PartnerBusy("429") if "busy" in faults else PartnerRefused("400")
        if "dropped" in faults:
            return OutcomeUnknown("reset")
        if "late" in faults:
            self._timeline.after(_LATE, lambda: self._accept(month, rows, ingest))
            return OutcomeUnknown("timeout")
        self._accept(month, rows, ingest)
        if "processing" in faults:
            self._busy_until = self._timeline.now + _PROCESSING
        return OutcomeUnknown("reset") if "lost" in faults else None

    def _accept(self, month: Month, rows: Rows, ingest: timedelta) -> None:
        self.months[month] = rows
        self._shown.setdefault(month, []).append((self._timeline.now + ingest, rows))
        self.posts.append(month)


def _no_answer() -> NoReturn:
    raise OutcomeUnknown("no answer")
