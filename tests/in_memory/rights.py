"""A bucket on which each function may do what its role may and nothing else."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import import_module

from functions.adapters.objects import Stored
from functions.domain.usage.usage_files import Listed
from infra.constructs.bucket_access import Access
from infra.metering_tasks import STATE_FILES
from infra.tasks import Task
from tests.in_memory.outside import RecordedBucket
from tests.in_memory.points import Points


class Denied(BaseException):
    """A function does what it has no right to; no `except` of a function hides it from the test."""


@lru_cache(maxsize=100_000)
def _may(role: tuple[str, str, str], what: str, key: str, state_files: tuple[str, ...]) -> bool:
    """Say if a pipeline's state may do something with a key of a bucket."""
    pipeline, state, bucket = role
    tasks: Mapping[str, Task] = import_module(f"infra.{pipeline}_tasks").TASKS
    access: Access = getattr(tasks[state], bucket).replacing(STATE_FILES, state_files)
    patterns = access.read + access.list_only if what == "list" else getattr(access, what)
    return any(fnmatchcase(key, pattern) for pattern in patterns)


class DeployedBucket(RecordedBucket):
    """Whoever reads or writes outside of a function is an operator, who may do everything."""

    def __init__(
        self,
        pipeline: str,
        name: str,
        points: Points,
        state_files: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        super().__init__(name, points)
        self._pipeline, self._state_files = pipeline, state_files

    def _check(self, what: str, key: str) -> None:
        if not self._points.invocations:
            return
        state = self._points.invocations[-1].state
        role = (self._pipeline, state, self.name)
        if not (_may(role, what, key, ()) or _may(role, what, key, tuple(self._state_files()))):
            raise Denied(f"{state} has no right to {what} {key} in the {self.name} bucket")

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        self._check("read", key)
        return super().read(key, unless=unless, most_bytes=most_bytes)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        self._check("list", prefix)
        return super().list(prefix, after=after, limit=limit)

    def put(self, key: str, body: bytes) -> None:
        self._check("write", key)
        super().put(key, body)

    def create(self, key: str, body: bytes) -> str | None:
        self._check("write", key)
        return super().create(key, body)

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        self._check("write", key)
        return super().replace(key, body, etag)
