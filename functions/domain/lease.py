"""A lease: which execution may work on a plan or a stream, and what it is asking a partner now."""

from datetime import datetime, timedelta

import msgspec

from functions.domain.month import parse_instant


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the partner that may still be worked on there."""

    id: str
    what: str
    at: str


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Held by an execution; by nobody once `execution` is empty.

    `request` outlives its execution: the next execution waits until it is over for certain.
    """

    execution: str
    at: str
    request: Request | None = None


def request_over(lease: Lease, now: datetime, settle_seconds: float) -> bool:
    """Return True if nothing is underway: a request that old has arrived or never will."""
    if lease.request is None:
        return True
    return now - parse_instant(lease.request.at) >= timedelta(seconds=settle_seconds)


def without_request(lease: Lease, request_id: str) -> Lease:
    """Cross a request off once its answer is there; another execution's stays."""
    if lease.request is None or lease.request.id != request_id:
        return lease
    return msgspec.structs.replace(lease, request=None)
