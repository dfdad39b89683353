"""What reached the stand-in CloudZero, and which stream is being worked on at this moment."""

import threading
from collections import Counter
from dataclasses import dataclass

from infra.local.partners.cloudzero.contract import Row


@dataclass(frozen=True)
class Post:
    """One authorised, well-formed drop, whether or not anything of it was stored."""

    connection_id: str
    month: str
    rows: list[Row]
    raw: bytes


class Streams:
    """CloudZero allows one request at a time per stream; this counts who did not keep to it."""

    def __init__(self) -> None:
        self.overlaps = 0
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def take(self, connection_id: str) -> bool:
        """Begin a request; false, and counted, while another one is worked on."""
        with self._lock:
            if self._held[connection_id]:
                self.overlaps += 1
                return False
            self._held[connection_id] += 1
            return True

    def hold(self, connection_id: str) -> None:
        """Keep a stream busy beyond the answer of the request that has it."""
        with self._lock:
            self._held[connection_id] += 1

    def release(self, connection_id: str) -> None:
        """End what `take` or `hold` began."""
        with self._lock:
            self._held[connection_id] -= 1
