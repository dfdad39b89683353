"""One request at a time on an AnyCost Stream, over all executions and their leftovers.

A Lambda that was given up may still be sending, and a request without an answer may still be
worked on. So every request stands in the stream's lease before it leaves, and the next one waits
until its answer was there or it is old enough to be over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec

from functions.adapters import credits_bucket
from functions.adapters.clock import Clock
from functions.adapters.objects import Objects
from functions.adapters.receivers import Accepted, CreditsReceiver
from functions.domain.lease import Lease, Request, request_over, without_request
from functions.domain.month import Month, format_instant
from functions.errors import (
    CredentialsRefused,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
    StorageBusy,
    StreamBusy,
    WriteConflict,
)

NOT_TAKEN = (
    CredentialsRefused,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
    StorageBusy,  # of the secret, or before the request
    StreamBusy,
)
# After these nothing is underway. After anything else, nobody knows.
_OVER = (*NOT_TAKEN, WriteConflict)


class Stream:
    """A stream as one execution uses it; after `settle_seconds` a request is over for certain."""

    def __init__(
        self,
        objects: Objects,
        receiver: CreditsReceiver,
        connection: str,
        execution: str,
        clock: Clock,
        *,
        settle_seconds: float,
    ) -> None:
        self._lease = credits_bucket.lease(objects, connection)
        self._receiver, self._settle_seconds = receiver, settle_seconds
        self._connection, self._execution, self._clock = connection, execution, clock

    @property
    def at(self) -> str:
        """The moment, as it is written down."""
        return format_instant(self._clock.now())

    def stored(self, month: Month) -> list[dict[str, Any]]:
        """Return the rows of a month."""
        with self._request(f"read {month}"):
            return self._receiver.stored(self._connection, month) or []

    def post(self, month: Month, body: bytes, still_wanted: Callable[[], bool]) -> Accepted:
        """Replace a month, if that is still wanted now that nobody else can post."""
        with self._request(f"post {month}"):
            if not still_wanted():
                raise WriteConflict(f"{month} was taken on by another invocation")
            return self._receiver.post(self._connection, body)

    @contextmanager
    def _request(self, what: str) -> Iterator[None]:
        """Hold the stream for one request; StreamBusy if it is not ours or not free."""
        if self._clock.seconds_left() < self._receiver.seconds_for_a_request:
            raise StreamBusy("not enough time left for a request; the next invocation continues")
        now, held = self._clock.now(), self._lease.read()
        if held is None or held.value.execution != self._execution:
            holder = (held.value.execution if held else "") or "nobody"
            raise StreamBusy(f"{self._lease.key} is held by {holder}")
        if not request_over(held.value, now, self._settle_seconds):
            raise StreamBusy(f"{self._lease.key}: {held.value.request} may still be underway")
        underway = Request(id=uuid4().hex, what=what, at=now.isoformat())
        self._lease.write(msgspec.structs.replace(held.value, request=underway), held)
        try:
            yield
        except _OVER:
            self._cross_off(underway)
            raise
        self._cross_off(underway)

    def _cross_off(self, request: Request) -> None:
        nobody = Lease(execution="", at=self.at)
        self._lease.change(lambda lease: without_request(lease or nobody, request.id))
