"""Who may use the stand-in Clazar: credentials in, tokens out, tokens that end."""

from __future__ import annotations

import hmac
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Credentials:
    """The machine-to-machine pair; `any` takes every pair that is not empty."""

    client_id: str = "local-client"
    client_secret: str = "local-secret"  # noqa: S105 (of the stand-in only)
    any: bool = False

    def match(self, given: object) -> bool:
        """Check an authentication body: both keys, nothing else, both strings with content."""
        if not isinstance(given, dict) or set(given) != {"client_id", "client_secret"}:
            return False
        pair = (given["client_id"], given["client_secret"])
        if not all(isinstance(part, str) and part for part in pair):
            return False
        return self.any or all(
            hmac.compare_digest(part.encode(), expected.encode())
            for part, expected in zip(pair, (self.client_id, self.client_secret), strict=True)
        )


class Tokens:
    """Tokens given so far and when each ends."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Take the lifetime and the clock it is measured by."""
        self.issued = 0
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def issue(self) -> dict[str, object]:
        """Give a new token, worded as Clazar's answer; earlier tokens stay valid."""
        token = uuid.uuid4().hex
        with self._lock:
            self.issued += 1
            self._ends[token] = self._clock() + self._seconds
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self._seconds),
        }

    def allow(self, authorization: str) -> bool:
        """Check an `Authorization` header."""
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            end = self._ends.get(token)
        return scheme == "Bearer" and end is not None and self._clock() < end

    def end_all(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._ends.clear()
