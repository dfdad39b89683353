"""A CloudZero in memory: one AnyCost Stream, whose months are replaced by drops."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

from functions.domain.month import Month
from functions.errors import OutcomeUnknown
from tests.in_memory.points import Points

Rows = list[dict[str, Any]]


class CloudZero:
    """One stream. What was accepted last is what a month holds; it is shown after `ingest`.

    `posts` are those that arrived.
    """

    def __init__(self, points: Points, now: Callable[[], datetime]) -> None:
        self._points, self._now = points, now
        self.months: dict[Month, Rows] = {}
        self.posts: list[Month] = []
        self.ingest = timedelta(0)
        self._shown: dict[Month, list[tuple[datetime, Rows]]] = {}

    def stored(self, _connection: str, month: Month) -> Rows | None:
        """Answer `GET .../billing_drops/{month}`."""

        def shown() -> Rows | None:
            versions = self._shown.get(month, [])
            ready = [rows for visible, rows in versions if visible <= self._now()]
            return ready[-1] if ready else None

        return self._points.at("listing", f"GET {month}", shown, _no_answer)

    def post(self, _connection: str, body: bytes) -> str:
        """Answer `POST .../billing_drops`."""
        request = json.loads(body)
        month = Month.of(datetime.fromisoformat(request["month"]))

        def effect() -> str:
            self.months[month] = request["data"]
            version = (self._now() + self.ingest, request["data"])
            self._shown.setdefault(month, []).append(version)
            self.posts.append(month)
            return f"drop-{len(self.posts)}"

        return self._points.at("request", f"POST {month}", effect, _no_answer)


def _no_answer() -> NoReturn:
    raise OutcomeUnknown("no answer")
