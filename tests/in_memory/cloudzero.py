"""A CloudZero in memory: one AnyCost Stream, whose months are replaced by drops."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from functions.adapters.cloudzero import Accepted
from functions.domain.month import Month
from functions.errors import OutcomeUnknown
from tests.in_memory.points import Points

T = TypeVar("T")
Rows = list[dict[str, Any]]


class CloudZero:
    """One stream. What was accepted last is what a month holds. `posts` are those that arrived."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self.months: dict[Month, Rows] = {}
        self.posts: list[Month] = []

    def validate(self, _body: bytes) -> list[str]:
        """Answer `POST .../validate_billing_drop`."""
        return self._asked("validate", list)

    def stored(self, _connection: str, month: Month) -> Rows | None:
        """Answer `GET .../billing_drops/{month}`."""
        return self._asked(f"GET {month}", lambda: self.months.get(month))

    def drop_id(self, _connection: str, month: Month) -> str | None:
        """Answer `GET .../billing_drops`."""
        return self._asked("GET", lambda: f"drop-{month}" if month in self.months else None)

    def post(self, _connection: str, body: bytes) -> Accepted:
        """Answer `POST .../billing_drops`."""
        request = json.loads(body)
        month = Month.of(datetime.fromisoformat(request["month"]))

        def effect() -> Accepted:
            self.months[month] = request["data"]
            self.posts.append(month)
            return Accepted(f"drop-{len(self.posts)}", len(request["data"]))

        return self._points.at("request", f"POST {month}", effect, _no_answer)

    def _asked(self, label: str, effect: Callable[[], T]) -> T:
        return self._points.at("listing", label, effect, _no_answer)


def _no_answer() -> NoReturn:
    raise OutcomeUnknown("no answer")
