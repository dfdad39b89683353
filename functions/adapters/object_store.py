"""A bucket through obstore, where many small objects are read: a fraction of boto3's CPU time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import certifi
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from functions.errors import BadUsage, StorageBusy

# Two readers of a plan at a time stay below the 5,500 GET/s that S3 gives a prefix, if it takes
# 24 ms to answer; where it is faster it says SlowDown now and then, which obstore waits for.
_CONNECTIONS = 64
# Behind an object that S3 is slow to give others must be able to arrive. 16 MiB on their way keep
# the network of a function busy, whatever their number.
_AHEAD, _BYTES_AHEAD = 1_024, 16 * 1024 * 1024

T = TypeVar("T")
R = TypeVar("R")


def open_store(bucket: str) -> S3Store:
    """Open a bucket with the credentials and the endpoint of the environment."""
    os.environ.setdefault("SSL_CERT_FILE", certifi.where())
    with naming(f"s3://{bucket}"):
        return S3Store(
            bucket,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
            },
            retry_config={"max_retries": 8, "retry_timeout": timedelta(seconds=120)},
        )


def in_order(
    fetch: Callable[[T], R], items: Iterable[T], *, size: Callable[[T], int] = lambda _: 0
) -> Iterator[tuple[T, R]]:
    """Fetch many items at a time; yield them in their order. `size`: the bytes that one brings.

    The first failure ends it; what was not yet asked for then never is.
    """
    ahead, held = deque[tuple[T, Future[R]]](), 0
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        for item in items:
            while ahead and (len(ahead) >= _AHEAD or held + size(item) > _BYTES_AHEAD):
                done, fetched = ahead.popleft()
                yield done, fetched.result()
                held -= size(done)
            ahead.append((item, pool.submit(fetch, item)))
            held += size(item)
        while ahead:
            done, fetched = ahead.popleft()
            yield done, fetched.result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Raise what a failed call means: no right, a name that cannot be read, else not now.

    A listing that is refused says only that it failed, and counts as not now.
    """
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:300]  # the rest is how the library got there
        text = f"{what}: {reason}"
        match error:
            case InvalidPathError():
                raise BadUsage(text) from error
            case PermissionDeniedError() | UnauthenticatedError():
                raise PermissionError(text) from error
            case PreconditionError() | FileNotFoundError():
                text = f"{what} was rewritten or removed while the day was read"
        raise StorageBusy(text) from error
