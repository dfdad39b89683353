"""The usage bucket through obstore: listed and read many at a time, in order; nothing is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from obstore import Bytes
from obstore.exceptions import InvalidPathError, PreconditionError

from functions.adapters.object_store import FAILURES, open_store, reason
from functions.domain.usage.usage_files import Listed, UsageFile
from functions.errors import BadUsage, StorageBusy

if TYPE_CHECKING:
    from obstore import ObjectMeta

# Two readers of a plan at a time stay below the 5,500 GET/s that S3 gives a prefix, if it takes
# 24 ms to answer; where it is faster it says SlowDown now and then, which obstore waits for.
_CONNECTIONS = 64
# Files come in order: behind one that S3 is slow to answer others must be able to arrive.
_AHEAD = 1_024
_BYTES_IN_FLIGHT = 24 * 1024 * 1024
_HOURS, _PAGE = 24, 1_000


class UsageStore:
    """A bucket behind obstore; prefixes end with `/`. StorageBusy: what cannot be had now."""

    def __init__(self, bucket: str) -> None:
        """Open it with the credentials and the endpoint of the environment."""
        self._store = open_store(bucket)

    def folder(self, prefix: str) -> tuple[list[Listed], list[str]]:
        """Return the objects and the folders directly under a prefix."""
        try:
            found = self._store.list_with_delimiter(prefix)
        except FAILURES as error:
            raise _failure(prefix, error) from error
        return _listed(found["objects"]), [f"{name}/" for name in found["common_prefixes"]]

    def under(self, folders: Iterable[str]) -> Iterator[Listed]:
        """Yield all objects under some prefixes, many of these at a time."""
        with ThreadPoolExecutor(_HOURS) as pool:
            for found in pool.map(self._all_under, folders):
                yield from found

    def _all_under(self, prefix: str) -> list[Listed]:
        try:
            pages = self._store.list(prefix, chunk_size=_PAGE)
            return _listed(chain.from_iterable(pages))
        except FAILURES as error:
            raise _failure(prefix, error) from error

    def read(self, files: Iterable[UsageFile]) -> Iterator[tuple[UsageFile, bytes]]:
        """Yield each file's content, in the order given.

        The ETag of the listing is required: a file that was rewritten since is not read.
        """
        waiting: deque[tuple[UsageFile, Future[Bytes]]] = deque()
        in_flight = 0
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for file in files:
                while waiting and (
                    in_flight + file.size > _BYTES_IN_FLIGHT or len(waiting) >= _AHEAD
                ):
                    done, body = waiting.popleft()
                    yield done, bytes(body.result())
                    in_flight -= done.size
                waiting.append((file, pool.submit(self._get, file)))
                in_flight += file.size
            while waiting:
                done, body = waiting.popleft()
                yield done, bytes(body.result())

    def _get(self, file: UsageFile) -> Bytes:
        try:
            return self._store.get(file.key, options={"if_match": file.etag}).bytes()
        except FAILURES as error:
            raise _failure(file.key, error) from error


def _listed(found: Iterable[ObjectMeta]) -> list[Listed]:
    """Return objects that may hold something, unlike what the S3 console makes of a folder."""
    return [
        Listed(item["path"], item["e_tag"] or "", item["size"])
        for item in found
        if item["size"] or item["path"].endswith(".json")
    ]


def _failure(what: str, error: Exception) -> Exception:
    """Return what a failed call means. All but a name that cannot be read may pass."""
    if isinstance(error, InvalidPathError):
        return BadUsage(f"{what}: {reason(error)}")
    if isinstance(error, (PreconditionError, FileNotFoundError)):
        return StorageBusy(f"{what} was rewritten or removed while the day was read")
    return StorageBusy(f"{what}: {reason(error)}")
