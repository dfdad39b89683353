"""Typed JSON objects: those changed by conditional writes only, and those of one run."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from functions.adapters.objects import Objects
from functions.errors import BadState, WriteConflict

T = TypeVar("T")


class Version(NamedTuple, Generic[T]):
    """A value and the ETag of the object that holds it."""

    value: T
    etag: str


class Document(Generic[T]):
    """One object of one type."""

    def __init__(self, objects: Objects, key: str, kind: type[T]) -> None:
        self._objects, self.key, self._kind = objects, key, kind

    def read(self) -> Version[T] | None:
        """Return what is stored, None if nothing is; BadState if it cannot be understood."""
        stored = self._objects.read(self.key)
        return Version(self.decode(stored.body), stored.etag) if stored else None

    def value(self) -> T | None:
        """Return the value that is stored, as `read` does."""
        read = self.read()
        return read.value if read else None

    def decode(self, body: bytes) -> T:
        """Return what a body says; BadState if it cannot be understood."""
        try:
            return msgspec.json.decode(body, type=self._kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadState(f"{self.key} cannot be read: {error}. It was left as it is.") from error

    def _encode(self, value: T) -> bytes:
        return msgspec.json.format(msgspec.json.encode(value), indent=1)

    def write(self, value: T, over: Version[T] | None) -> Version[T]:
        """Write over the version that was read (None: over nothing), else WriteConflict."""
        body = self._encode(value)
        if over is None:
            etag = self._objects.create(self.key, body)
        else:
            etag = self._objects.replace(self.key, body, over.etag)
        if etag is None:
            raise WriteConflict(f"{self.key} was changed by another client")
        return Version(value, etag)

    def change(self, change: Callable[[T | None], T]) -> Version[T]:
        """Read, change and write until no other writer comes between."""
        for _ in range(8):
            read = self.read()
            value = change(read.value if read else None)
            if read and value == read.value:
                return read
            try:
                return self.write(value, read)
            except WriteConflict:
                continue
        raise WriteConflict(f"{self.key} changes too often")


def read_run_file(objects: Objects, key: str, kind: type[T]) -> T:
    """Return what an earlier state of this run wrote; BadState if it was removed."""
    stored = objects.read(key)
    if stored is None:
        raise BadState(f"{key} is missing: the run's files were removed; start a new run")
    return msgspec.json.decode(stored.body, type=kind)
