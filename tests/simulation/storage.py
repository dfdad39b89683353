"""A bucket whose reads and listings can fail too, with an index so that listing stays cheap."""

import bisect
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from functions.adapters.objects import Stored
from functions.domain.usage.usage_files import Listed
from functions.errors import StorageBusy
from tests.in_memory.outside import RecordedBucket
from tests.in_memory.points import Points


class StoryBucket(RecordedBucket):
    """Asks `is_busy` before every read and listing."""

    def __init__(self, name: str, points: Points, is_busy: Callable[[], bool]) -> None:
        super().__init__(name, points)
        self._is_busy = is_busy
        self._names: Sequence[str] = ()
        self._indexed = 0
        self.edits: Counter[str] = Counter()  # by folder of a month

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        if self._is_busy():
            raise StorageBusy(f"{key}: SlowDown")
        return super().read(key, unless=unless, most_bytes=most_bytes)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        if self._is_busy():
            raise StorageBusy(f"{prefix}: SlowDown")
        for name in self.names(prefix, after=after, limit=limit):
            body = self.objects[name]
            yield Listed(name, self._etag(body), len(body))

    def names(self, prefix: str, *, after: str = "", limit: int | None = None) -> Sequence[str]:
        """Return keys in order, without anything going wrong."""
        names = self._sorted()
        first = max(bisect.bisect_left(names, prefix), bisect.bisect_right(names, after))
        end = bisect.bisect_left(names, f"{prefix}\U0010ffff", lo=first)
        return names[first : end if limit is None else min(end, first + limit)]

    def _sorted(self) -> Sequence[str]:
        if self._indexed != len(self.objects):
            self._names = sorted(self.objects)
            self._indexed = len(self.objects)
        return self._names

    def edit(self, key: str, body: bytes) -> None:
        """Write as a person does."""
        self.edits[_month_of(key)] += 1
        super().edit(key, body)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, as a person or a lifecycle rule does."""
        for key in keys:
            self.edits[_month_of(key)] += 1
            self.objects.pop(key, None)
        self._indexed = -1


def _month_of(key: str) -> str:
    """Return the folder of a month's usage files: root, service, environment, plan, year, month."""
    return "/".join(key.split("/", 6)[:6])
