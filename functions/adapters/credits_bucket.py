"""The credits bucket's objects under their names: lease, drops, snapshots, prepared requests."""

import hashlib
from typing import Any

import msgspec

from functions.adapters import keys
from functions.adapters.documents import Document
from functions.adapters.objects import Objects
from functions.domain.credits.contents import Contents, read_rows
from functions.domain.credits.drop import Drop, MonthSnapshot
from functions.domain.lease import Lease
from functions.domain.month import Month
from functions.errors import BadState


def lease(objects: Objects, connection: str) -> Document[Lease]:
    """Return the lease of a stream."""
    return Document(objects, keys.stream_lease(connection), Lease)


def last_drop(objects: Objects, connection: str, month: Month) -> Document[Drop | None]:
    """Return what was last accepted for a month, or may have been; null if nothing ever was."""
    return _drop(objects, f"{keys.drops(connection)}{month}.json")


def last_drops(objects: Objects, connection: str) -> list[Drop]:
    """Return what was last accepted for every month of a stream, or may have been."""
    listed = objects.list(keys.drops(connection))
    found = (_drop(objects, item.key).value() for item in listed)
    return [drop for drop in found if drop]


def _drop(objects: Objects, key: str) -> Document[Drop | None]:
    kind: Any = Drop | None
    return Document(objects, key, kind)


def held(objects: Objects, connection: str, month: Month, version: str) -> Document[list[str]]:
    """Return why a version of a file, or a snapshot, was held for a month the last time."""
    return Document(objects, keys.held(connection, month, version), list[str])


def snapshot(objects: Objects, key: str) -> Document[MonthSnapshot]:
    """Return what a month held before it was replaced."""
    return Document(objects, key, MonthSnapshot)


def put_prepared(objects: Objects, execution: str, month: Month, body: bytes) -> str:
    """Keep a request under a key that names its content, so that none is overwritten."""
    key = keys.drop_body(execution, month, hashlib.sha256(body).hexdigest())
    objects.put(key, body)
    return key


def read_prepared(objects: Objects, key: str) -> tuple[bytes, Contents]:
    """Return a request as it was prepared, and its rows."""
    prepared = objects.read(key)
    if prepared is None:
        raise BadState(f"{key} is missing: the run's files were removed")
    return prepared.body, read_rows(msgspec.json.decode(prepared.body)["data"])
