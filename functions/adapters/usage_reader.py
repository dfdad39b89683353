"""The usage bucket through obstore: listed and read many at a time, in order; nothing is kept."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from functions.adapters.object_store import in_order, naming, open_store
from functions.domain.usage.usage_files import Listed


class UsageStore:
    """A bucket behind obstore; prefixes end with `/`. Errors: see `object_store.naming`."""

    def __init__(self, bucket: str) -> None:
        self._store = open_store(bucket)

    def under(self, prefix: str, *, but: Collection[str] = ()) -> Iterator[Listed]:
        """Yield all objects under a prefix but for some folders; many folders at a time."""
        with naming(prefix):
            found = self._store.list_with_delimiter(prefix)
        yield from _listed(found["objects"])
        folders = (f"{name}/" for name in found["common_prefixes"])
        for _, listed in in_order(self._folder, (one for one in folders if one not in but)):
            yield from listed

    def _folder(self, prefix: str) -> list[Listed]:
        with naming(prefix):
            return _listed(chain.from_iterable(self._store.list(prefix, chunk_size=1_000)))

    def read(self, files: Iterable[Listed]) -> Iterator[tuple[Listed, bytes]]:
        """Yield each file's content, in the order given.

        The ETag of the listing is required: a file that was rewritten since is not read.
        """
        return in_order(self._get, files, size=lambda file: file.size)

    def _get(self, file: Listed) -> bytes:
        with naming(file.key):
            return bytes(self._store.get(file.key, options={"if_match": file.etag}).bytes())


def _listed(found: Iterable[Mapping[str, Any]]) -> list[Listed]:
    """Return objects that may hold something, unlike what the S3 console makes of a folder."""
    return [
        Listed(item["path"], item["e_tag"] or "", item["size"])
        for item in found
        if item["size"] or item["path"].endswith(".json")
    ]
