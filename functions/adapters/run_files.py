"""What one execution writes for itself under `runs/` or `previews/`, read back by a later state."""

from typing import TypeVar

import msgspec

from functions.adapters.objects import Objects
from functions.errors import BadState

T = TypeVar("T")


def read_run_file(objects: Objects, key: str, kind: type[T]) -> T:
    """Return what an earlier state of this run wrote; BadState if it was removed."""
    stored = objects.read(key)
    if stored is None:
        raise BadState(f"{key} is missing: the run's files were removed; start a new run")
    return msgspec.json.decode(stored.body, type=kind)
