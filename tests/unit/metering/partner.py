"""A Clazar in memory for the use cases: accepts, loses answers, forgets to deduplicate."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime

from functions.adapters.clazar import ListingUnavailable, Reply
from functions.domain import answers
from functions.domain.answers import NOT_TAKEN, UNKNOWN, Answer, Stored


class MemoryClazar:
    """Actions per request, in order: ok, lost, drop, busy, refuse, fail. Then ok for ever."""

    def __init__(
        self, actions: Iterable[str] = (), *, duplicates_refused: bool = True, listing: bool = True
    ) -> None:
        self.actions = deque(actions)
        self.duplicates_refused, self.listing = duplicates_refused, listing
        self.accepted: list[dict[str, str]] = []
        self.requests: list[list[dict[str, str]]] = []

    def counts(self) -> Counter[str]:
        """How often each dimension was accepted."""
        return Counter(record["dimension"] for record in self.accepted)

    def submit(self, body: bytes) -> Reply:
        """Answer a request as the action says."""
        records = json.loads(body)["request"]
        self.requests.append(records)
        action = self.actions.popleft() if self.actions else "ok"
        everything = {record["dimension"] for record in records}
        if action == "busy":
            return Reply("busy", dict.fromkeys(everything, NOT_TAKEN), 429, "slow down")
        if action == "drop":
            return Reply("unknown", dict.fromkeys(everything, UNKNOWN), None, "connection lost")
        if action in ("refuse", "fail"):
            refused = Answer(kind="refused", code="NO", message="no", errors=("no",))
            return Reply("answered", dict.fromkeys(everything, refused), 200, "{}")
        given = {record["dimension"]: self._accept(record) for record in records}
        if action == "lost":
            return Reply("unknown", dict.fromkeys(everything, UNKNOWN), None, "connection lost")
        return Reply("answered", given, 200, "{}")

    def _accept(self, record: dict[str, str]) -> Answer:
        if self.duplicates_refused and record["dimension"] in self.counts():
            return Answer(kind="present", code="DUPLICATE", message="already exists")
        self.accepted.append(record)
        return Answer(kind="accepted", record_id=str(len(self.accepted)))

    def stored(self, contract: str, dimension: str, start: datetime) -> tuple[Stored, ...]:
        """List what was accepted, if there is a listing."""
        if not self.listing:
            raise ListingUnavailable("GET /metering/: HTTP 404")
        rows = [{**record, "id": "r", "status": "success"} for record in self.accepted]
        return answers.read_stored(rows, contract=contract, start=start).get(dimension, ())
