"""Objects in memory with the conditions of S3: what the use cases need of a bucket."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from functions.adapters.objects import Stored
from functions.domain.usage.usage_files import Listed
from functions.errors import StorageBusy


class MemoryObjects:
    """A bucket as a dict; conditional writes are atomic as on S3."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.lock = threading.Lock()
        self.unconditional: list[str] = []

    @staticmethod
    @lru_cache(maxsize=8192)
    def _etag(body: bytes) -> str:
        return f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324  # S3's own ETag

    def etags(self) -> list[tuple[str, str]]:
        """Return all that a bucket holds, by what it says of its content."""
        return sorted((key, self._etag(body)) for key, body in self.objects.items())

    def read(
        self,
        key: str,
        *,
        unless: str = "",  # noqa: ARG002
        most_bytes: float = math.inf,  # noqa: ARG002
    ) -> Stored | None:
        """Return an object, None if there is none; it may hold its body although it is known."""
        body = self.objects.get(key)
        return None if body is None else Stored(body, self._etag(body))

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        return map(self.read, keys)

    def put(self, key: str, body: bytes) -> None:
        """Write without a condition, and remember that it was."""
        self.unconditional.append(key)
        self.objects[key] = body

    def create(self, key: str, body: bytes) -> str | None:
        """Write if there is no object."""
        with self.lock:
            if key in self.objects and self.objects[key] != body:
                return None
            self.objects[key] = body
            return self._etag(body)

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Write if the object is still the one read."""
        with self.lock:
            held = self.objects.get(key)
            if held is None or (self._etag(held) != etag and held != body):
                return None
            self.objects[key] = body
            return self._etag(body)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order."""
        names = sorted(name for name in self.objects if name.startswith(prefix) and name > after)
        for name in names[:limit]:
            body = self.objects[name]
            yield Listed(name, self._etag(body), len(body))


class Raced(MemoryObjects):
    """Lets somebody else write before a conditional write, so many times."""

    def __init__(
        self, objects: dict[str, bytes], meanwhile: Callable[[Raced], object], times: int = 1
    ) -> None:
        super().__init__(objects)
        self.meanwhile, self.times = meanwhile, times

    def _race(self) -> None:
        if self.times:
            self.times -= 1
            self.meanwhile(self)

    def create(self, key: str, body: bytes) -> str | None:
        self._race()
        return super().create(key, body)

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        self._race()
        return super().replace(key, body, etag)


class UsageInMemory:
    """A usage bucket as FoldDay reads it."""

    def __init__(
        self, objects: MemoryObjects, unreadable: Mapping[str, Exception] | None = None
    ) -> None:
        self._objects, self._unreadable = objects, unreadable or {}

    def under(self, prefix: str, *, but: Collection[str] = ()) -> Iterator[Listed]:
        """Yield all objects but for some folders; what the S3 console makes of a folder is none."""
        for item in self._objects.list(prefix):
            name, slash, _ = item.key.removeprefix(prefix).partition("/")
            if f"{prefix}{name}{slash}" not in but and (item.size or not item.key.endswith("/")):
                yield item

    def read(self, files: Iterable[Listed]) -> Iterator[tuple[Listed, bytes]]:
        """Yield the content of usage files, in order, as long as they are those listed."""
        for file in files:
            if file.key in self._unreadable:
                raise self._unreadable[file.key]
            stored = self._objects.read(file.key)
            if stored is None or stored.etag != file.etag:
                raise StorageBusy(f"{file.key} was rewritten or removed while the day was read")
            yield file, stored.body
