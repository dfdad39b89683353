"""Usage files, many at a time, in order, bounded by bytes in flight; nothing is kept."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

from functions.domain.problem import Problem
from functions.domain.usage_files import UsageFile
from functions.errors import StorageBusy

_CONNECTIONS = 64
_BYTES_IN_FLIGHT = 64 * 1024 * 1024


def open_store(bucket: str) -> S3Store:
    """Open a bucket with the credentials and the endpoint of the environment."""
    local = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return S3Store(
        bucket,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": local,
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=60),
        },
        retry_config={"max_retries": 8, "retry_timeout": timedelta(seconds=120)},
    )


def read_all(
    store: S3Store, files: Iterable[UsageFile]
) -> Iterator[tuple[UsageFile, bytes | Problem]]:
    """Yield each file's content, or why it cannot be had, in the order given.

    The ETag of the listing is required: a file that was rewritten since is a problem, not a
    different quantity.
    """
    waiting: deque[tuple[UsageFile, Future[bytes | Problem]]] = deque()
    in_flight = 0
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for file in files:
            while waiting and (
                in_flight + file.size > _BYTES_IN_FLIGHT or len(waiting) >= _CONNECTIONS * 2
            ):
                done, body = waiting.popleft()
                yield done, body.result()
                in_flight -= done.size
            waiting.append((file, pool.submit(_read, store, file)))
            in_flight += file.size
        while waiting:
            done, body = waiting.popleft()
            yield done, body.result()


def _read(store: S3Store, file: UsageFile) -> bytes | Problem:
    try:
        return bytes(store.get(file.key, options={"if_match": file.etag}).bytes())
    except PreconditionError:
        return Problem(key=file.key, detail="was rewritten while the month was read; run again")
    except (FileNotFoundError, NotFoundError):  # obstore raises the built-in one
        return Problem(key=file.key, detail="was listed but is not there any more")
    except (PermissionDeniedError, PermissionError) as error:
        return Problem(key=file.key, detail=f"may not be read: {str(error)[:300]}")
    except BaseError as error:
        raise StorageBusy(f"{file.key}: {str(error)[:300]}") from error
