"""In front of moto's S3: what moto leaves out and this pipeline relies on.

* Conditional writes are atomic (moto looks first and writes later, without a lock in between).
* A write to the state bucket is in its folder before the writer hears that it succeeded.
* What is loaded from a folder keeps its moment and, in a bucket with versions, its version id.
* The usage bucket cannot be written; what a bucket's policy wants to be conditional has to be.
* A plain GET, PUT or listing, nearly every request, is answered here: moto takes milliseconds.
"""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from moto.s3.models import FakeKey, S3Backend

from infra.local.aws.bucket_policy import Refusal
from infra.local.aws.object_http import (
    matches,
    metadata_given,
    named_in_body,
    object_headers,
    precondition_failed,
    refused,
)
from infra.local.aws.object_listing import listing
from infra.local.aws.object_versions import add_version, load
from infra.local.aws.state_folder import BadKey, StateFolder, files_below
from infra.local.aws.wsgi_server import Application, Environ, StartResponse

_WRITES = {"PUT", "POST", "DELETE"}
_PLAIN_GET = {"", "x-id=GetObject"}
_PLAIN_PUT = {"", "x-id=PutObject"}
# Headers that change what a request means; with one of them it is moto's to answer.
_SPECIAL_GET = ("HTTP_RANGE", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")
_SPECIAL_PUT = ("HTTP_X_AMZ_COPY_SOURCE", "HTTP_X_AMZ_DECODED_CONTENT_LENGTH", "HTTP_X_AMZ_TAGGING")
_LOCKS = 64


class ObjectStore:
    """WSGI front for the buckets of one account; every other request passes through."""

    def __init__(self, *, others: Application, moto: Application, backend: S3Backend) -> None:
        self._others = others
        self._moto = moto
        self._backend = backend
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._read_only: set[str] = set()
        self._refusals: tuple[Refusal, ...] = ()
        self._folders: dict[str, StateFolder] = {}

    def create(self, bucket: str, region: str, *, versioned: bool) -> None:
        """Make a bucket."""
        self._backend.create_bucket(bucket, region)
        if versioned:
            self._backend.put_bucket_versioning(bucket, "Enabled")

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Keep to these statements of the buckets' policies."""
        self._refusals = tuple(refusals)

    def upload(
        self,
        bucket: str,
        key: str,
        body: bytes,
        modified_ns: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> FakeKey:
        """Store an object as somebody outside the app would, in its folder as well."""
        said = {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
        with self._locks[hash(key) % _LOCKS]:
            return self._put_through(bucket, key, body, said, modified_ns)

    def _put_through(
        self,
        bucket: str,
        key: str,
        body: bytes,
        metadata: Mapping[str, str],
        modified_ns: int | None = None,
    ) -> FakeKey:
        modified_ns = time.time_ns() if modified_ns is None else modified_ns
        if (folder := self._folders.get(bucket)) is not None:
            folder.write(key, body, modified_ns)
        return add_version(self._backend.get_bucket(bucket), key, body, modified_ns, metadata)

    def attach_usage(self, bucket: str, folder: Path) -> None:
        """Load a folder into a bucket that can only be read."""
        self._read_only.add(bucket)
        load(self._backend.get_bucket(bucket), files_below(folder), known=False)

    def attach_state(self, bucket: str, folder: StateFolder) -> None:
        """Load the folder and from now on write every change of the bucket through to it."""
        before = self._folders.get(bucket)
        known = before is not None and before.path == folder.path
        self._folders[bucket] = folder
        load(self._backend.get_bucket(bucket), folder.objects(), known=known)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or let moto do so."""
        path = str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "replace")
        bucket, _, key = path[1:].partition("/")
        if bucket not in self._backend.buckets:
            return self._others(environ, start_response)
        method, query = environ["REQUEST_METHOD"], environ["QUERY_STRING"]
        if method == "GET" and key and query in _PLAIN_GET:
            return self._get(bucket, key, environ, start_response)
        if method in _WRITES:
            return self._write(bucket, key, environ, start_response)
        if method == "GET" and not key:
            listed = listing(self._backend.get_bucket(bucket), query)
            if listed is not None:
                start_response("200 OK", [("Content-Type", "application/xml")])
                return [listed]
        return self._moto(environ, start_response)

    def _write(
        self, bucket: str, key: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if bucket in self._read_only:
            said = "this bucket is read-only"
            return refused(start_response, "403 Forbidden", "AccessDenied", said)
        denied = any(refusal.holds(bucket, key, environ) for refusal in self._refusals)
        if denied and key and environ["REQUEST_METHOD"] != "DELETE":
            said = f"the bucket policy requires If-None-Match or If-Match on a write to {key}"
            return refused(start_response, "403 Forbidden", "AccessDenied", said)
        try:
            keys = [key] if key else named_in_body(environ)
            if (folder := self._folders.get(bucket)) is not None:
                for name in keys:
                    folder.file_of(name)
        except (BadKey, ET.ParseError) as error:
            return refused(start_response, "400 Bad Request", "InvalidArgument", str(error))
        with contextlib.ExitStack() as held:
            # In one order, so that two requests never wait for each other.
            for number in sorted({hash(name) % _LOCKS for name in keys}):
                held.enter_context(self._locks[number])
            plain = environ["REQUEST_METHOD"] == "PUT" and environ["QUERY_STRING"] in _PLAIN_PUT
            if plain and key:
                return self._put(bucket, key, environ, start_response)
            return self._change(bucket, keys, environ, start_response)

    def _get(
        self, bucket: str, key: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        found = self._backend.get_object(bucket, key)
        if found is None or found.multipart or any(name in environ for name in _SPECIAL_GET):
            return self._moto(environ, start_response)
        if (wanted := environ.get("HTTP_IF_MATCH")) and not matches(found, wanted):
            return precondition_failed(start_response, "If-Match")
        if (known := environ.get("HTTP_IF_NONE_MATCH")) and matches(found, known):
            return self._moto(environ, start_response)
        body = found.value
        start_response("200 OK", object_headers(found))
        return [body]

    def _put(
        self, bucket: str, key: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if any(name in environ for name in _SPECIAL_PUT):
            return self._change(bucket, [key], environ, start_response)
        found = self._backend.get_object(bucket, key)
        if wanted := environ.get("HTTP_IF_MATCH"):
            if found is None:
                said = "The specified key does not exist."
                return refused(start_response, "404 Not Found", "NoSuchKey", said)
            if not matches(found, wanted):
                return precondition_failed(start_response, "If-Match")
        if environ.get("HTTP_IF_NONE_MATCH") and found is not None:
            return precondition_failed(start_response, "If-None-Match")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            stored = self._put_through(bucket, key, body, metadata_given(environ))
        except OSError as error:
            return refused(start_response, "400 Bad Request", "InvalidRequest", str(error))
        headers = {"ETag": stored.etag}
        if stored.version_id != "null":
            headers["x-amz-version-id"] = stored.version_id
        start_response("200 OK", list(headers.items()))
        return []

    def _change(
        self, bucket: str, keys: list[str], environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Any other change: moto makes it, then the files of the keys follow."""
        answered: list[tuple[Any, ...]] = []

        def remember(*answer: Any) -> None:
            answered[:] = [answer]

        body = b"".join(self._moto(environ, remember))
        folder = self._folders.get(bucket)
        if folder is not None and str(answered[0][0]).startswith("2"):
            try:
                for name in keys:
                    self._store(folder, bucket, name)
            except OSError as error:
                return refused(start_response, "400 Bad Request", "InvalidRequest", str(error))
        start_response(*answered[0])
        return [body]

    def _store(self, folder: StateFolder, bucket: str, key: str) -> None:
        """Make the file what the object now is."""
        found = self._backend.get_object(bucket, key)
        if found is None:
            folder.delete(key)
        else:
            moment = found.last_modified.replace(tzinfo=dt.UTC)
            folder.write(key, found.value, int(moment.timestamp() * 1_000_000) * 1000)
