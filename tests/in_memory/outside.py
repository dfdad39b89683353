"""The outside of the functions, replaced by ports in memory for as long as a block lasts."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NoReturn

from aws_lambda_powertools import Logger

from functions.adapters.objects import Stored
from functions.errors import StorageBusy
from tests.in_memory.points import Points
from tests.memory import MemoryObjects

# All functions in this process share one logger, whoever made it first.
_LOGGER = logging.getLogger(Logger().service)
Replaced = tuple[ModuleType | type, Mapping[str, Any]]


@contextmanager
def replaced(*replacements: Replaced) -> Iterator[None]:
    """Put other functions in the place of a module's; all are put back at the end."""
    with ExitStack() as stack:
        stack.callback(setattr, _LOGGER, "disabled", _LOGGER.disabled)
        _LOGGER.disabled = True
        for module, functions in replacements:
            for name, function in functions.items():
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, function)
        yield


def no_answer() -> NoReturn:
    """What storage that does not answer raises."""
    raise StorageBusy("no answer")


class RecordedBucket(MemoryObjects):
    """A bucket whose every write is a point. `watch` is told of every object that was written."""

    def __init__(self, name: str, points: Points) -> None:
        super().__init__()
        self.name, self._points = name, points
        self.watch: Callable[[str, bytes], None] = lambda _key, _body: None
        self.uploads: dict[str, Stored] = {}

    def put(self, key: str, body: bytes) -> None:
        """Write without a condition."""
        write = super().put

        def effect() -> None:
            write(key, body)
            self.watch(key, body)

        self._points.at("write", f"put {key}", effect, no_answer)

    def create(self, key: str, body: bytes) -> str | None:
        write = super().create
        return self._conditionally("create", key, body, lambda: write(key, body))

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Write if the object is still the one read."""
        write = super().replace
        return self._conditionally("replace", key, body, lambda: write(key, body, etag))

    def _conditionally(
        self, how: str, key: str, body: bytes, write: Callable[[], str | None]
    ) -> str | None:
        def effect() -> str | None:
            written = write()
            if written is not None:
                self.watch(key, body)
            return written

        return self._points.at("write", f"{how} {key}", effect, no_answer)

    def edit(self, key: str, body: bytes) -> None:
        """Write as a person does: no point, no condition."""
        self.objects[key] = body

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        """Return the newest version of an object, perhaps one that somebody else writes."""
        if found := self.uploads.get(key):
            return found._replace(body=b"") if most_bytes < found.size else found
        return super().read(key, unless=unless, most_bytes=most_bytes)
