"""A Clazar in memory for the use cases: accepts, loses answers, forgets to deduplicate."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from functions.adapters.receivers import ListingUnavailable
from functions.domain.ledger.answers import NOT_TAKEN, UNKNOWN, Answer, Reply
from functions.domain.ledger.listing import Listing, with_rows
from functions.domain.ledger.listing_pages import Asked
from functions.domain.ledger.submission import Request
from functions.domain.month import Month
from functions.errors import PartnerUnreachable


class MemoryClazar:
    """Actions per request, in order, then ok for ever.

    ok, lost (accepted, no answer), late (accepted some time after the answer was given up), drop
    (never arrived), busy, refuse, fail.
    """

    def __init__(
        self,
        actions: Iterable[str] = (),
        *,
        duplicates_refused: bool = True,
        listing: bool = True,
        now: Callable[[], datetime] = lambda: datetime(2025, 8, 2, tzinfo=UTC),
        late_by: timedelta = timedelta(0),
    ) -> None:
        self.actions = deque(actions)
        self.duplicates_refused, self.listing = duplicates_refused, listing
        self.listing_busy = 0
        self.listed_status = "success"
        self.now, self.late_by = now, late_by
        self.late: list[tuple[datetime, dict[str, str]]] = []
        self.accepted: list[dict[str, str]] = []
        self.requests: list[list[dict[str, str]]] = []

    def counts(self) -> Counter[str]:
        """How often each dimension was accepted."""
        return Counter(record["dimension"] for record in self.accepted)

    def submit(self, request: Request) -> Reply:
        """Answer a request as the action says."""
        self._arrive()
        records = request.records
        self.requests.append(records)
        action = self.actions.popleft() if self.actions else "ok"
        everything = {record["dimension"] for record in records}
        if action == "busy":
            return Reply("busy", dict.fromkeys(everything, NOT_TAKEN), 429, "slow down")
        if action == "drop":
            return Reply("unknown", dict.fromkeys(everything, UNKNOWN), None, "connection lost")
        if action == "late":
            self.late += [(self.now() + self.late_by, record) for record in records]
            return Reply("unknown", dict.fromkeys(everything, UNKNOWN), None, "timed out")
        if action in ("refuse", "fail"):
            refused = Answer(kind="refused", code="NO", message="no", errors=("no",))
            return Reply("answered", dict.fromkeys(everything, refused), 200, "{}")
        given = {record["dimension"]: self._accept(record) for record in records}
        if action == "lost":
            return Reply("unknown", dict.fromkeys(everything, UNKNOWN), None, "connection lost")
        return Reply("answered", given, 200, "{}")

    def _arrive(self) -> None:
        for due, record in list(self.late):
            if due <= self.now():
                self._accept(record)
                self.late.remove((due, record))

    def _accept(self, record: dict[str, str]) -> Answer:
        if self.duplicates_refused and record["dimension"] in self.counts():
            return Answer(kind="present", code="DUPLICATE", message="already exists")
        self.accepted.append(record)
        return Answer(kind="accepted", record_id=str(len(self.accepted)))

    def read_listing(
        self, asked: Asked, contract: str, month: Month, _left: Callable[[], float]
    ) -> Asked:
        """List what was accepted, if there is a listing."""
        self._arrive()
        if not self.listing:
            raise ListingUnavailable("GET /metering/: HTTP 404")
        if self.listing_busy:
            self.listing_busy -= 1
            raise PartnerUnreachable("GET /metering/: HTTP 429")
        rows = [
            {**record, "id": str(number), "status": self.listed_status}
            for number, record in enumerate(self.accepted)
        ]
        return replace(asked, queries=(), listing=with_rows(Listing(), rows, contract, month))
