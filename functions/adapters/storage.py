"""S3 objects: read, list, and the conditional writes that state depends on.

A retried PUT whose first answer was lost finds its own object in the way. So a failed condition is
a success when what is stored is byte for byte what was to be written; writers put something unique
(an execution, an attempt) into what must not be mistaken for another client's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.object_store import in_order, naming, open_store
from functions.adapters.objects import Objects, Stored
from functions.domain.usage.usage_files import Listed
from functions.errors import StorageBusy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=64,
)
_MISSING = {"NoSuchKey", "404", "NotFound"}
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_FINAL = {"AccessDenied", "403", "NoSuchBucket", "InvalidRequest", "PermanentRedirect"}


@cache
def _client() -> S3Client:
    client: S3Client = boto3.client("s3", config=_CLIENT)
    return client


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def _failure(error: ClientError | BotoCoreError, bucket: str, key: str) -> Exception:
    """Return what a failed call means: busy, or (anything final) the error itself."""
    if _code(error) in _FINAL:
        return PermissionError(f"s3://{bucket}/{key}: {error}")
    return StorageBusy(f"s3://{bucket}/{key}: {error}")


class Bucket:
    """A bucket behind boto3; every failure is an exception, never an empty answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        """Return an object, None if there is none; without its body if `unless` is its ETag."""
        condition: Any = {"IfNoneMatch": unless} if unless else {}
        try:
            answer = _client().get_object(Bucket=self.name, Key=key, **condition)
            size, etag = answer["ContentLength"], answer["ETag"]
            body = answer["Body"].read() if size <= most_bytes else b""
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return None
            if _code(error) in ("304", "NotModified"):
                return Stored(b"", unless)
            raise _failure(error, self.name, key) from error
        version, at = answer.get("VersionId", etag), answer["LastModified"]
        return Stored(body, etag, size, version, at, answer["Metadata"])

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        """Yield objects in the order of their keys, None for one that is not there."""
        store = open_store(self.name)

        def read(key: str) -> Stored | None:
            with naming(f"s3://{self.name}/{key}"):
                try:
                    found = store.get(key)
                    return Stored(bytes(found.bytes()), found.meta["e_tag"] or "")
                except FileNotFoundError:
                    return None

        yield from (stored for _, stored in in_order(read, keys))

    def put(self, key: str, body: bytes) -> None:
        """Write a computed object that only this run names. Not for state."""
        self._put(key, body, {})

    def create(self, key: str, body: bytes) -> str | None:
        """Write if there is no object; return the ETag, None if there is one."""
        return self._put(key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Write if the object is still the one read; return the ETag, None if it is not."""
        return self._put(key, body, {"IfMatch": etag})

    def _put(self, key: str, body: bytes, condition: dict[str, Any]) -> str | None:
        try:
            return _client().put_object(Bucket=self.name, Key=key, Body=body, **condition)["ETag"]
        except (ClientError, BotoCoreError) as error:
            if not condition or _code(error) not in _CONDITION_FAILED | _MISSING:
                raise _failure(error, self.name, key) from error
        stored = self.read(key)
        return stored.etag if stored and stored.body == body else None

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order, beginning behind a key."""
        pages = _client().get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(
                Bucket=self.name,
                Prefix=prefix,
                StartAfter=after,
                PaginationConfig={"MaxItems": limit, "PageSize": limit} if limit else {},
            ):
                for item in page.get("Contents", []):
                    yield Listed(item["Key"], item["ETag"], item["Size"])
        except (ClientError, BotoCoreError) as error:
            raise _failure(error, self.name, f"{prefix}*") from error


def folders(objects: Objects, root: str, depth: int) -> Iterator[str]:
    """Yield the folders so many levels below a root, skipping what they hold: `0` follows `/`."""
    after = root
    while listed := next(objects.list(root, after=after, limit=1), None):
        if listed.key <= after:
            raise StorageBusy(f"the listing of {root} does not advance: {listed.key} after {after}")
        after, parts = listed.key, listed.key.removeprefix(root).split("/", depth)
        if len(parts) > depth:
            yield (folder := "/".join(parts[:depth]))
            after = f"{root}{folder}0"
