"""What the use cases need of a bucket: a port, so that tests and tools can bring their own."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from functions.domain.usage.usage_files import Listed


class Stored(NamedTuple):
    """An object's content and the ETag that a conditional write names."""

    body: bytes
    etag: str


class Uploaded(NamedTuple):
    """The newest version of an object that another client writes. `at`: when it was stored.

    `body` is None where the object is larger than the reader asked for.
    """

    body: bytes | None
    size: int
    version: str
    at: datetime
    metadata: Mapping[str, str]


class Objects(Protocol):
    """What the use cases need of a bucket."""

    def read(self, key: str, *, unless: str = "") -> Stored | None:
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


class Uploads(Objects, Protocol):
    """A bucket that others upload to."""

    def upload(self, key: str, most_bytes: int) -> Uploaded | None:
        """Return the newest version of an object, None if there is none."""
