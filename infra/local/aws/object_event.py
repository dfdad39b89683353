"""The event that S3 sends to EventBridge when an object was stored."""

import datetime as dt
import time
import uuid
from typing import Any

from moto.s3.models import FakeKey

from infra.local.app.template import ACCOUNT, PARTITION

Event = dict[str, Any]


def object_created(bucket: str, stored: FakeKey, *, region: str, at: str | None = None) -> Event:
    """All fields of AWS's own event, so that any rule and any transformer can be tried on it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": at or dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:{PARTITION}:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": stored.name,
                "size": stored.size,
                "etag": stored.etag.strip('"'),
                **({} if stored.version_id == "null" else {"version-id": stored.version_id}),
                # Grows with every upload of a key, whatever order the events arrive in.
                "sequencer": f"{time.time_ns():018X}",
            },
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
