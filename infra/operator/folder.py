"""A folder that is read like a bucket: the same keys, and the ETags of S3."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from functions.adapters.objects import Stored
from functions.domain.usage.usage_files import Listed
from infra.local.aws.state_folder import file_names, files_below


class Folder:
    """Objects of a folder. Nothing is ever written: what runs on this machine writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, key: str, **_less: Any) -> Stored | None:
        """Return an object, all of it whatever is asked for; None if there is none."""
        names = [name for part in key.split("/") for name in file_names(part)]
        try:
            return _stored(self.path.joinpath(*names))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        """Yield objects in the order of their keys, None for one that is not there."""
        return map(self.read, keys)

    def put(self, key: str, body: bytes) -> NoReturn:
        """Refuse: this folder is only read."""
        raise PermissionError(f"{self.path / key} ({len(body)} bytes): this folder is only read")

    def create(self, key: str, body: bytes) -> NoReturn:
        """Refuse: this folder is only read."""
        self.put(key, body)

    def replace(self, key: str, body: bytes, etag: str) -> NoReturn:  # noqa: ARG002
        """Refuse: this folder is only read."""
        self.put(key, body)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order, beginning behind a key."""
        folder = prefix.rpartition("/")[0]
        below = f"{folder}/" if folder else ""
        found = 0
        for name, path in files_below(self.path / folder):
            key = below + name
            if key.startswith(prefix) and key > after and (limit is None or found < limit):
                found += 1
                stored = _stored(path)
                yield Listed(key, stored.etag, len(stored.body))


def _stored(path: Path) -> Stored:
    body = path.read_bytes()
    return Stored(body, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
