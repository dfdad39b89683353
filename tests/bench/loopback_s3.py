"""An S3 on loopback for the benchmark: objects in memory, a fixed time to the first byte.

Its timers are exact to a fraction of a millisecond, so that this time is the floor. On request
one answer of many, drawn by the key, takes half a second.

A process of its own on the last core, so that it does not compete with what is measured. It knows
GET of an object and ListObjectsV2 with prefix, delimiter and pages; signatures are not checked.
"""

import asyncio
import hashlib
import multiprocessing
import os
import selectors
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

FIRST_BYTE, SLOW = 0.020, 0.500
BUCKET = "bucket"
_PAGE, _BEHIND = 1_000, "\U0010ffff"

Make = Callable[[], Mapping[str, bytes]]


def settings(url: str) -> dict[str, str]:
    """Return the environment of a process that uses it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


class Listing:
    """The objects in key order."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects, self.names = objects, sorted(objects)
        tags = {body: hashlib.md5(body).hexdigest() for body in set(objects.values())}  # noqa: S324
        self.etags = {key: tags[body] for key, body in objects.items()}

    def page(self, query: Mapping[str, str]) -> str:
        """Answer ListObjectsV2; the token is the last key or folder of the page before."""
        prefix, mark = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        behind = after + (_BEHIND if mark and after.endswith(mark) else "\0")
        place = bisect_left(self.names, max(prefix, behind) if after else prefix)
        found, last, most = list[str](), "", int(query.get("max-keys", _PAGE))
        while len(found) < most and (key := self._under(prefix, place)):
            last, place = key, place + 1
            if mark and (end := key.find(mark, len(prefix))) >= 0:
                last = key[: end + 1]
                place = bisect_left(self.names, last + _BEHIND)
                found.append(f"<CommonPrefixes><Prefix>{escape(last)}</Prefix></CommonPrefixes>")
            else:
                found.append(
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
                    f"<LastModified>2025-08-01T00:00:00.000Z</LastModified>"
                    f"<ETag>&quot;{self.etags[key]}&quot;</ETag></Contents>"
                )
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"
        truncated = self._under(prefix, place) is not None
        return (
            f"<ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>"
            f"<KeyCount>{len(found)}</KeyCount>{more if truncated else ''}{''.join(found)}"
            "</ListBucketResult>"
        )

    def _under(self, prefix: str, place: int) -> str | None:
        key = self.names[place] if place < len(self.names) else ""
        return key if key and key.startswith(prefix) else None


class _Connection(asyncio.Protocol):
    def __init__(self, listing: Listing, slow: int) -> None:
        self._listing, self._slow, self._received = listing, slow, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            asked = head.partition(b"\r\n")[0]
            drawn = self._slow and zlib.crc32(asked) % self._slow == 0
            wait = SLOW if drawn else FIRST_BYTE
            asyncio.get_running_loop().call_later(wait, self._answer, head.decode())

    def _answer(self, head: str) -> None:
        asked = urlsplit(head.split(" ", 2)[1])
        key = unquote(asked.path).lstrip("/").partition("/")[2]
        status, body, etag = "200 OK", b"", ""
        if "list-type" in asked.query:
            query = {name: found[0] for name, found in parse_qs(asked.query).items()}
            body = self._listing.page(query).encode()
        elif key in self._listing.objects:
            body, etag = self._listing.objects[key], self._listing.etags[key]
        else:
            status, body = "404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>"
        answer = (
            f'HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\netag: "{etag}"\r\n'
            "content-type: application/xml\r\nlast-modified: Fri, 01 Aug 2025 00:00:00 GMT\r\n\r\n"
        )
        self._transport.write(answer.encode() + body)


def _precise_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers are not rounded up to whole milliseconds, as epoll's are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def _serve(make: Make, slow: int, port: Connection) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    async def run() -> None:
        listing = Listing(make())
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(listing, slow), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with asyncio.Runner(loop_factory=_precise_loop) as runner:
        runner.run(run())


@contextmanager
def serving(make: Make, *, slow: int = 0) -> Iterator[str]:
    """Serve the objects that a function makes in the server's process; yield the URL.

    `slow`: one answer of so many takes half a second; 0 is none.
    """
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    server = context.Process(target=_serve, args=(make, slow, its), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()
