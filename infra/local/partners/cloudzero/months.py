"""What the stand-in CloudZero holds, month by month, and from when on it can be read.

A drop is stored at once but read only after its ingestion; until then the month reads as before.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.partners.cloudzero.contract import Drop, Row


@dataclass(frozen=True)
class Version:
    """A month as one drop left it; its rows are never changed, only copied."""

    drop_id: str
    rows: list[Row]
    visible_at: float


class Months:
    """The months of one stream, with every version they went through."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._versions: dict[str, list[Version]] = {}

    def put(self, drop: Drop, drop_id: str, ingest_seconds: float = 0) -> None:
        """Apply one drop to its month."""
        with self._lock:
            versions = self._versions.setdefault(drop.month, [])
            rows = [dict(row) for row in drop.rows]
            versions.append(Version(drop_id, rows, self._clock() + ingest_seconds))

    def visible(self) -> dict[str, Version]:
        """Give each month that can be read, as it reads now."""
        with self._lock:
            now = self._clock()
            return {
                month: ready[-1]
                for month, versions in sorted(self._versions.items())
                if (ready := [version for version in versions if version.visible_at <= now])
            }

    def stored(self) -> dict[str, list[Row]]:
        """Give copies of the rows of each month, ingested or not."""
        with self._lock:
            return {
                month: [dict(row) for row in versions[-1].rows]
                for month, versions in sorted(self._versions.items())
            }
