"""A Clazar in memory that tells contracts, months and dimensions apart; its rules can be off."""

import json
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from functions.adapters.clazar.http import NoAnswer, Response
from infra.tasks import SETTLE_SECONDS
from tests.in_memory.points import Points
from tests.in_memory.timeline import Timeline

Record = dict[str, str]
_REFUSED = {"code": "NO", "message": "no", "errors": ["no"]}


class Billed(NamedTuple):
    """What may be billed once."""

    contract: str
    dimension: str
    month: str


class MeteringApi(ABC):
    """Clazar's two requests, each of them a point. What it holds, a subclass says."""

    def __init__(
        self, points: Points, timeline: Timeline, *, refuses_duplicates: bool, lists: bool
    ) -> None:
        self._points, self._timeline = points, timeline
        self.refuses_duplicates, self.lists = refuses_duplicates, lists
        self.unknown_contracts: set[str] = set()

    def post(self, body: bytes) -> Response:
        """Answer `POST /metering/`."""
        records = json.loads(body)["request"]
        label = f"POST {records[0]['contract_id']} {records[0]['start_time'][:7]}"
        return self._points.at("request", label, self._arriving(records), _lost)

    def get(self, query: Mapping[str, str]) -> Response:
        """Answer `GET /metering/`."""
        return self._points.at("listing", f"GET {query['contract_id']}", self._asked(query), _lost)

    @abstractmethod
    def _arriving(self, records: list[Record]) -> Callable[[], Response]:
        """Return what happens when a request arrives, which it may never do."""

    @abstractmethod
    def _asked(self, query: Mapping[str, str]) -> Callable[[], Response]:
        """Return how a question is answered."""


def _lost() -> NoReturn:
    raise NoAnswer("connection lost")


class Clazar(MeteringApi):
    """One account. `accepted` is what it bills, in the order in which it came.

    `actions` are used up by requests, in order: `lost` (accepted, no answer), `late` (no answer,
    accepted as late as a request can be), `drop` (never arrived), `busy`, `refuse`. Then all is ok.
    `listing_busy`: for how many questions.
    """

    def __init__(
        self,
        actions: Iterable[str] = (),
        *,
        refuses_duplicates: bool = True,
        lists: bool = True,
        points: Points | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        super().__init__(
            points or Points(),
            timeline or Timeline(datetime(2025, 8, 2, tzinfo=UTC)),
            refuses_duplicates=refuses_duplicates,
            lists=lists,
        )
        self.actions, self.listing_busy = deque(actions), 0
        self.requests: list[list[Record]] = []
        self.accepted: list[Record] = []

    def counts(self) -> Counter[Billed]:
        """How often everything was accepted."""
        return Counter(_billed(record) for record in self.accepted)

    def quantities(self) -> dict[Billed, str]:
        """The quantities that were accepted, the first of each."""
        return {_billed(record): record["quantity"] for record in reversed(self.accepted)}

    def quantity(self, month: str, dimension: str = "cpu", contract: str = "c-1") -> str | None:
        """Return the quantity of something that was accepted, None if nothing was."""
        return self.quantities().get(Billed(contract, dimension, month))

    def billed(self) -> list[tuple[str, str, str, str]]:
        """Return contract, dimension, month and quantity of every record, sorted."""
        return sorted((*_billed(record), record["quantity"]) for record in self.accepted)

    def _arriving(self, records: list[Record]) -> Callable[[], Response]:
        return lambda: self._answer(records)

    def _answer(self, records: list[Record]) -> Response:
        self.requests.append(records)
        action = self.actions.popleft() if self.actions else ""
        if action == "busy":
            return Response(429, "slow down")
        if action == "refuse":
            return Response(200, json.dumps({"results": [_REFUSED for _ in records]}))
        if action == "late":
            self._timeline.after(SETTLE_SECONDS - 1, lambda: self._take_all(records))
        results = self._take_all(records) if action in ("", "lost") else []
        if action:
            raise NoAnswer("connection lost")
        return Response(200, json.dumps({"results": results}))

    def _take_all(self, records: list[Record]) -> list[Mapping[str, Any]]:
        return [self._take(record) for record in records]

    def _take(self, record: Record) -> Mapping[str, Any]:
        if record["contract_id"] in self.unknown_contracts:
            return {"code": "NOT_FOUND", "message": "contract not found", "errors": ["not found"]}
        if self.refuses_duplicates and self.counts()[_billed(record)]:
            text = "A record with the same contract_id and the same hour already exists"
            return {"code": "DUPLICATE", "message": text, "errors": [text]}
        self.accepted.append({**record, "id": f"r-{len(self.accepted) + 1}", "status": "success"})
        return self.accepted[-1]

    def _asked(self, query: Mapping[str, str]) -> Callable[[], Response]:
        def effect() -> Response:
            if not self.lists:
                return Response(404, '{"detail": "Not found."}')
            if self.listing_busy:
                self.listing_busy -= 1
                return Response(429, "slow down")
            of = [row for row in self.accepted if row["contract_id"] == query["contract_id"]]
            return Response(200, json.dumps({"results": of if query["page"] == "1" else []}))

        return effect


def _billed(record: Mapping[str, str]) -> Billed:
    return Billed(record["contract_id"], record["dimension"], record["start_time"][:7])
