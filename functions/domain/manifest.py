"""What a month was billed from: every file with its ETag, so that a later change is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from functions.domain.usage_files import UsageFile


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A month's files as they were billed. `reported`: the last change that was told.

    `recheck`: a contract has been settled since, so that its usage can be compared now.
    """

    execution: str
    lists: tuple[str, ...]
    files: int
    digest: str
    reported: str = ""
    recheck: bool = False

    def is_of(self, found: str) -> bool:
        """Whether nothing is to be told of a listing with this digest."""
        return found == (self.reported or self.digest) and not self.recheck


def digest(files: Iterable[tuple[str, str]]) -> str:
    """Return what stands for a listing: keys with their ETags, in key order."""
    found = hashlib.sha256()
    for key, etag in files:
        found.update(f"{key}\n{etag}\n".encode())
    return found.hexdigest()


class Changes(NamedTuple):
    """Keys that came, changed or went since a month was billed."""

    new: list[str]
    rewritten: list[str]
    missing: list[str]

    def __str__(self) -> str:
        counts = ((len(found), name) for name, found in self._asdict().items())
        return ", ".join(f"{name} files: {count}" for count, name in counts if count)


def changes(billed: Iterable[UsageFile], now: Iterable[UsageFile]) -> Changes:
    """Compare two listings of a month."""
    before = {file.key: file.etag for file in billed}
    today = {file.key: file.etag for file in now}
    return Changes(
        new=sorted(today.keys() - before.keys()),
        rewritten=sorted(key for key in today.keys() & before.keys() if today[key] != before[key]),
        missing=sorted(before.keys() - today.keys()),
    )
