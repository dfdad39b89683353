"""What the use cases need of a bucket: a port, so that tests and tools can bring their own."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from functions.domain.usage.usage_files import Listed


class Stored(NamedTuple):
    """The newest version of an object; a conditional write names its ETag.

    `size` in bytes, `version`, `at` (when it was stored) and `metadata` are there where one object
    is read, and its body is empty if it is larger than the reader asked for.
    """

    body: bytes
    etag: str
    size: int = 0
    version: str = ""
    at: datetime = datetime.min.replace(tzinfo=UTC)
    metadata: Mapping[str, str] = {}


class Objects(Protocol):
    """What the use cases need of a bucket."""

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        """Return an object, None if there is none; without its body if `unless` is its ETag."""

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        """Yield objects in the order of their keys, None for one that is not there."""

    def put(self, key: str, body: bytes) -> None:
        """Write a computed object that only this run names. Not for state."""

    def create(self, key: str, body: bytes) -> str | None:
        """Write if there is no object; return the ETag, None if there is one."""

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Write if the object is still the one read; return the ETag, None if it is not."""

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order, beginning behind a key."""
