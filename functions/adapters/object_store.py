"""A bucket through obstore, where many small objects are read: a fraction of boto3's CPU time."""

from __future__ import annotations

import os
from datetime import timedelta

import certifi
from obstore.exceptions import BaseError
from obstore.store import S3Store

from functions.errors import StorageBusy

FAILURES = (BaseError, OSError, ValueError)


def open_store(bucket: str) -> S3Store:
    """Open a bucket with the credentials and the endpoint of the environment."""
    os.environ.setdefault("SSL_CERT_FILE", certifi.where())
    try:
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
    except FAILURES as error:
        raise StorageBusy(f"s3://{bucket}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return the first line of what went wrong; the rest is how the library got there."""
    return str(error).partition("\n")[0][:300]
