"""One request at a time on an AnyCost Stream, over all executions and their leftovers.

A Lambda that was given up may still be sending, and a request without an answer may still be
worked on. So every request stands in the stream's lease before it leaves, and the next one waits
until its answer was there or it is old enough to be over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from functions.adapters.clock import Clock
from functions.adapters.documents import Document
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


class Stream(NamedTuple):
    """A stream as one execution uses it; after `settle_seconds` a request is over for certain."""

    lease: Document[Lease]
    receiver: CreditsReceiver
    connection: str
    execution: str
    clock: Clock
    settle_seconds: float

    @property
    def at(self) -> str:
        """The moment, as it is written down."""
        return format_instant(self.clock.now())

    def stored(self, month: Month) -> list[dict[str, Any]]:
        """Return the rows of a month."""
        with self._request(f"read {month}"):
            return self.receiver.stored(self.connection, month) or []

    def post(self, month: Month, body: bytes, still_wanted: Callable[[], bool]) -> Accepted:
        """Replace a month, if that is still wanted now that nobody else can post."""
        with self._request(f"post {month}"):
            if not still_wanted():
                raise WriteConflict(f"{month} was taken on by another invocation")
            return self.receiver.post(self.connection, body)

    @contextmanager
    def _request(self, what: str) -> Iterator[None]:
        """Hold the stream for one request; StreamBusy if it is not ours or not free."""
        if self.clock.seconds_left() < self.receiver.seconds_for_a_request:
            raise StreamBusy("not enough time left for a request; the next invocation continues")
        now, held = self.clock.now(), self.lease.read()
        if held is None or held.value.execution != self.execution:
            holder = (held.value.execution if held else "") or "nobody"
            raise StreamBusy(f"{self.lease.key} is held by {holder}")
        if not request_over(held.value, now, self.settle_seconds):
            raise StreamBusy(f"{self.lease.key}: {held.value.request} may still be underway")
        underway = Request(id=uuid4().hex, what=what, at=now.isoformat())
        self.lease.write(msgspec.structs.replace(held.value, request=underway), held)
        try:
            yield
        except _OVER:
            self._cross_off(underway)
            raise
        self._cross_off(underway)

    def _cross_off(self, request: Request) -> None:
        """Say that an answer is there; where that fails the answer counts, and the request ages."""
        nobody = Lease(execution="", at=self.at)
        with suppress(StorageBusy, WriteConflict):
            self.lease.change(lambda lease: without_request(lease or nobody, request.id))
