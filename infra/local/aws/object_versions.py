"""Versions of objects, with the same moment and version id after the folder is read again.

S3 knows both for ever, a folder of files only knows when each file was written. So a version's id
is worked out from that moment and the content: a later process that loads the folder names the same
version, and one that compares the id with what it wrote down is not misled.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from moto.s3.models import FakeBucket, FakeKey

_UNVERSIONED = "null"
_SECOND = 10**9


def add_version(
    bucket: FakeBucket,
    key: str,
    body: bytes,
    modified_ns: int,
    metadata: Mapping[str, str] | None = None,
) -> FakeKey:
    """Store an object, complete before anybody can see it.

    moto's own way works the ETag out late, and not safely in threads.
    """
    etag, versioned = _etag(body), bool(bucket.is_versioned)
    stored = FakeKey(
        name=key,
        value=body,
        account_id=bucket.account_id,
        region_name=bucket.region_name,
        etag=etag,
        is_versioned=versioned,
        version_id=_version_id(key, etag, modified_ns) if versioned else _UNVERSIONED,
        bucket_name=bucket.name,
    )
    # Whole seconds and the rest apart: a float loses the last digits of so many nanoseconds.
    seconds, rest = divmod(modified_ns, _SECOND)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(microsecond=rest // 1000)
    stored.last_modified = moment.replace(tzinfo=None)  # as moto keeps it
    stored.set_metadata(metadata or {})
    earlier = bucket.keys.getlist(key, []) if versioned else []
    bucket.keys.setlist(key, [*earlier, stored])
    return stored


def load(bucket: FakeBucket, files: Iterable[tuple[str, Path]], *, known: bool) -> None:
    """Make a bucket's objects what the files are.

    `known` says that these files were loaded before: what is the same stays, with its earlier
    versions, so that an execution which runs meanwhile misses nothing.
    """
    if not known:
        bucket.keys.clear()
    gone = set(bucket.keys)
    for key, path in files:
        with path.open("rb") as file:
            modified_ns, body = os.fstat(file.fileno()).st_mtime_ns, file.read()
        if not _is_newest(bucket, key, body, modified_ns):
            add_version(bucket, key, body, modified_ns)
        gone.discard(key)
    for key in gone:
        bucket.keys.pop(key)


def _is_newest(bucket: FakeBucket, key: str, body: bytes, modified_ns: int) -> bool:
    versions = bucket.keys.getlist(key, []) if bucket.is_versioned else []
    expected = _version_id(key, _etag(body), modified_ns)
    return bool(versions) and versions[-1].version_id == expected


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _version_id(key: str, etag: str, modified_ns: int) -> str:
    named = f"{key}\n{etag}\n{modified_ns}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(named).hexdigest()[:32]
