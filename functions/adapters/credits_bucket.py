"""The credits bucket's objects under their keys: lease, drops, snapshots, requests, reports."""

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from functions.adapters.documents import Document, read_run_file
from functions.adapters.keys import name_in
from functions.adapters.objects import Objects
from functions.domain.credits.contents import Contents, read_rows
from functions.domain.credits.drop import Drop, MonthSnapshot
from functions.domain.credits.file import Repeated
from functions.domain.lease import Lease
from functions.domain.month import Month


def lease(objects: Objects, connection: str) -> Document[Lease]:
    """Return the lease of a stream."""
    return Document(objects, f"leases/{connection}.json", Lease)


def last_drop(objects: Objects, connection: str, month: Month | str) -> Document[Drop | None]:
    """Return what was last accepted for a month, or may have been; null if nothing ever was."""
    kind: Any = Drop | None
    return Document(objects, f"drops/{connection}/{month}.json", kind)


def last_drops(objects: Objects, connection: str) -> list[Drop]:
    """Return what was last accepted for every month of a stream, or may have been."""
    listed = objects.list(f"drops/{connection}/")
    found = (last_drop(objects, connection, name_in(item.key)).value() for item in listed)
    return [drop for drop in found if drop]


def held(objects: Objects, connection: str, version: str) -> Document[dict[str, list[str]]]:
    """Return why a version of a file, or a snapshot, was held the last time, by month."""
    key = f"runs/held/{connection}/{quote(version, safe='')}.json"
    return Document(objects, key, dict[str, list[str]])


def snapshot(objects: Objects, key: str) -> Document[MonthSnapshot]:
    """Return what a month held before it was replaced."""
    return Document(objects, key, MonthSnapshot)


def put_snapshot(objects: Objects, execution: str, taken: MonthSnapshot) -> str:
    """Keep what a month held under a key that names its rows: a repeated invocation finds it."""
    digest = hashlib.sha256(msgspec.json.encode(taken.rows)).hexdigest()
    key = f"snapshots/{taken.connection}/{taken.month}/{execution}-{digest[:16]}.json"
    document = snapshot(objects, key)
    if document.read() is None:
        document.write(taken, None)
    return key


def repeated(objects: Objects, execution: str, version: str) -> Document[list[Repeated]]:
    """Return the rows that a version of a file repeats."""
    key = f"runs/{execution}/repeated-{quote(version, safe='')}.json"
    return Document(objects, key, list[Repeated])


def put_prepared(objects: Objects, execution: str, month: Month, body: bytes) -> str:
    """Keep a request under a key that names its content, so that none is overwritten."""
    key = f"runs/{execution}/{month}-{hashlib.sha256(body).hexdigest()[:32]}.json"
    objects.put(key, body)
    return key


def read_prepared(objects: Objects, key: str) -> tuple[bytes, Contents]:
    """Return a request as it was prepared, and its rows."""
    body = bytes(read_run_file(objects, key, msgspec.Raw))
    return body, read_rows(msgspec.json.decode(body)["data"])


def report_key(file: str, execution: str) -> str:
    """Return the key of a report: under the file's name, or the month that was restored."""
    folder, _, last = file.rpartition("/")
    name = f"restore-{folder.rpartition('/')[2]}" if folder else last.rpartition(".")[0]
    return f"reports/{name}/{execution}.json"
