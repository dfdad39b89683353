"""Who may use the stand-in Clazar: credentials in, tokens out, tokens that end."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Credentials:
    """The machine-to-machine pair."""

    client_id: str = "local-client"
    client_secret: str = "local-secret"  # noqa: S105 (of the stand-in only)

    def match(self, given: object) -> bool:
        """Check an authentication body: both keys, nothing else."""
        return given == asdict(self)


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
        return {"access_token": token, "token_type": "bearer", "expires_in": int(self._seconds)}

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
