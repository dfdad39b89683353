"""Objects in memory with the conditions of S3: what the use cases need of a bucket."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from functions.adapters.storage import Listed, Stored


class MemoryObjects:
    """A bucket as a dict; conditional writes are atomic as on S3."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.lock = threading.Lock()
        self.unconditional: list[str] = []

    @staticmethod
    def _etag(body: bytes) -> str:
        return f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324  # S3's own ETag

    def read(self, key: str, *, unless: str = "") -> Stored | None:  # noqa: ARG002
        """Return an object, None if there is none; it may hold its body although it is known."""
        body = self.objects.get(key)
        return None if body is None else Stored(body, self._etag(body))

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
