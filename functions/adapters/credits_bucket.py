"""The credits bucket's objects under their names: lease, drops, snapshots, prepared requests."""

from __future__ import annotations

import msgspec

from functions.adapters.documents import Document
from functions.adapters.storage import Objects
from functions.domain import cbf, keys
from functions.domain.drop import Drop, MonthSnapshot
from functions.domain.lease import Lease
from functions.domain.month import Month
from functions.errors import BadState


def lease(objects: Objects, connection: str) -> Document[Lease]:
    """Return the lease of a stream."""
    return Document(objects, keys.stream_lease(connection), Lease)


def last_drop(objects: Objects, connection: str, month: Month) -> Document[Drop]:
    """Return what was last posted for a month."""
    return Document(objects, keys.drop(connection, month), Drop)


def snapshot(objects: Objects, key: str) -> Document[MonthSnapshot]:
    """Return what a month held before it was replaced."""
    return Document(objects, key, MonthSnapshot)


def read_prepared(objects: Objects, key: str, digest: str) -> tuple[bytes, cbf.Contents]:
    """Return a request as it was prepared, and what it comes to."""
    prepared = objects.read(key)
    if prepared is None:
        raise BadState(f"{key} is missing: the run's files were removed")
    contents = cbf.read_rows(msgspec.json.decode(prepared.body)["data"])
    if contents.digest != digest:
        raise BadState(f"{key} is not what was prepared")
    return prepared.body, contents
