"""The usage bucket through obstore: listed and read many at a time, in order; nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from functions.adapters.object_store import in_order, naming, open_store
from functions.domain.usage.usage_files import Listed

if TYPE_CHECKING:
    from obstore import Bytes, ObjectMeta

_PAGE = 1_000


class UsageStore:
    """A bucket behind obstore; prefixes end with `/`. Errors: see `object_store.naming`."""

    def __init__(self, bucket: str) -> None:
        """Open it with the credentials and the endpoint of the environment."""
        self._store = open_store(bucket)

    def folder(self, prefix: str) -> tuple[list[Listed], list[str]]:
        """Return the objects and the folders directly under a prefix."""
        with naming(prefix):
            found = self._store.list_with_delimiter(prefix)
        return _listed(found["objects"]), [f"{name}/" for name in found["common_prefixes"]]

    def under(self, folders: Iterable[str]) -> Iterator[Listed]:
        """Yield all objects under some prefixes, many of these at a time."""
        for _, found in in_order(self._all_under, folders):
            yield from found

    def _all_under(self, prefix: str) -> list[Listed]:
        with naming(prefix):
            pages = self._store.list(prefix, chunk_size=_PAGE)
            return _listed(chain.from_iterable(pages))

    def read(self, files: Iterable[Listed]) -> Iterator[tuple[Listed, bytes]]:
        """Yield each file's content, in the order given.

        The ETag of the listing is required: a file that was rewritten since is not read.
        """
        read = in_order(self._get, files, size=lambda file: file.size)
        yield from ((file, bytes(body)) for file, body in read)

    def _get(self, file: Listed) -> Bytes:
        with naming(file.key):
            return self._store.get(file.key, options={"if_match": file.etag}).bytes()


def _listed(found: Iterable[ObjectMeta]) -> list[Listed]:
    """Return objects that may hold something, unlike what the S3 console makes of a folder."""
    return [
        Listed(item["path"], item["e_tag"] or "", item["size"])
        for item in found
        if item["size"] or item["path"].endswith(".json")
    ]
