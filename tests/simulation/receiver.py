"""A Clazar with moods: it throttles, loses answers, takes requests late, refuses, or is away.

What it bills is known for certain, because it is written down here when it happens.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, NoReturn

from functions.adapters.clazar_http import NeverSent, NoAnswer, Response
from functions.errors import CredentialsRefused
from infra.metering_tasks import TASKS
from infra.tasks import SETTLE_SECONDS
from tests.in_memory.machine import Execution
from tests.in_memory.points import Points
from tests.in_memory.timeline import Timeline

_MOODS = ("busy", "lost", "late", "dropped", "unreachable", "credentials", "partial", "pending")
_LONGEST_PENDING = 7_200
# A request has arrived and is listed within SETTLE_SECONDS of when it was written down, which is
# not before its function began: this is what the pipeline takes for granted.
_AFTER_THE_DEADLINE = timedelta(
    seconds=SETTLE_SECONDS - TASKS["SubmitContract"].timeout_seconds - 1
)


class Sold(NamedTuple):
    """What may be billed once by a plan."""

    plan: str
    contract: str
    dimension: str
    month: str


@dataclass
class Held:
    """A record as it is stored here; listed from a moment on that is not later than promised."""

    sold: Sold
    row: dict[str, str]
    listed_from: datetime


class Receiver:
    """One account. `away` is an outage: `unreachable` or `credentials`."""

    def __init__(
        self,
        rng: Random,
        points: Points,
        timeline: Timeline,
        say: Callable[[str], None],
        *,
        refuses_duplicates: bool,
        lists: bool,
        rate: float,
    ) -> None:
        self._rng, self._points, self._timeline, self._say = rng, points, timeline, say
        self.refuses_duplicates, self.lists, self.rate = refuses_duplicates, lists, rate
        self.unknown_contracts: set[str] = set()
        self.unregistered: set[tuple[str, str]] = set()
        self.away = ""
        self.held: list[Held] = []
        self.faults = 0
        self.watch: Callable[[Execution, str, str], None] = lambda *_: None

    def accepted(self) -> Iterator[Held]:
        """Yield what is billed."""
        return (held for held in self.held if held.row["status"] == "success")

    def counts(self) -> Counter[Sold]:
        """How often everything is billed."""
        return Counter(held.sold for held in self.accepted())

    def status(self, sold: Sold) -> str:
        """Return `success`, `pending`, or nothing: what a person sees who looks."""
        found = {held.row["status"] for held in self.held if held.sold == sold}
        return next((status for status in ("success", "pending") if status in found), "")

    def heal(self) -> None:
        """From now on everything is taken and answered."""
        self.rate, self.away = 0.0, ""
        self.unknown_contracts.clear()
        self.unregistered.clear()

    def post(self, body: bytes) -> Response:
        """Answer `POST /metering/`."""
        records = json.loads(body)["request"]
        invocation = self._points.invocations[-1]
        execution, latest = invocation.execution, invocation.deadline + _AFTER_THE_DEADLINE
        plan = execution.input["plan"]
        mood = self.away or self._mood(_MOODS)
        who = f"{records[0]['contract_id']} of {records[0]['start_time'][:7]}"

        self.watch(execution, records[0]["start_time"][:7], records[0]["contract_id"])

        def effect() -> Response:
            what = ", ".join(f"{item['quantity']} {item['dimension']}" for item in records)
            self._say(f"{execution.name} sends {who}: {what}{f' ({mood})' if mood else ''}")
            return self._answered(plan, records, mood, latest)

        def lost() -> NoReturn:
            raise NoAnswer("connection lost")

        return self._points.at("request", f"POST {who}", effect, lost)

    def _mood(self, moods: tuple[str, ...]) -> str:
        if self._rng.random() >= self.rate:
            return ""
        self.faults += 1
        return self._rng.choice(moods)

    def _answered(
        self, plan: str, records: list[dict[str, str]], mood: str, latest: datetime
    ) -> Response:
        if mood == "credentials":
            raise CredentialsRefused("Clazar refused the credentials in the secret: HTTP 401")
        if mood == "busy":
            return Response(429, "slow down")
        if mood == "unreachable":
            raise NeverSent("connection refused")
        if mood == "dropped":
            raise NoAnswer("connection lost")
        if mood == "late":
            later = self._until(latest)
            self._timeline.after(later, lambda: self._take_late(plan, records, latest))
            raise NoAnswer("timed out")
        pending = mood == "pending"
        results = [self._take(plan, record, latest, pending=pending) for record in records]
        if mood == "lost":
            raise NoAnswer("connection lost")
        if mood == "partial":
            results = [item for item in results if self._rng.random() < 0.5]
        return Response(200, json.dumps({"results": results}))

    def _take_late(self, plan: str, records: list[dict[str, str]], latest: datetime) -> None:
        self._say(f"the late request of {records[0]['contract_id']} arrives")
        for record in records:
            self._take(plan, record, latest, pending=False)

    def _take(
        self, plan: str, record: dict[str, str], latest: datetime, *, pending: bool
    ) -> Mapping[str, Any]:
        contract, dimension = record["contract_id"], record["dimension"]
        named = {"contract_id": contract, "dimension": dimension}
        if contract in self.unknown_contracts:
            return {**named, "code": "NOT_FOUND", "message": "no contract", "errors": ["none"]}
        sold = Sold(plan, contract, dimension, record["start_time"][:7])
        if self.refuses_duplicates and any(
            held.sold[1:] == sold[1:] and held.row["status"] != "fail" for held in self.held
        ):
            text = "A record with the same contract_id and the same hour already exists"
            return {**named, "code": "DUPLICATE", "message": text, "errors": [text]}
        failed = (contract, dimension) in self.unregistered
        status = "fail" if failed else "pending" if pending else "success"
        row = {**record, "id": f"r-{len(self.held) + 1}", "status": status}
        seconds = self._until(latest) if self.rate else 0
        held = Held(sold, row, self._timeline.now + timedelta(seconds=seconds))
        self.held.append(held)
        if status == "pending":
            decided = self._rng.choice(("success", "fail"))
            delay = self._rng.uniform(1, _LONGEST_PENDING)
            self._timeline.after(delay, lambda: self._decide(held, decided))
        return dict(row)

    def _until(self, latest: datetime) -> float:
        """Draw a delay that ends before it is too late."""
        return self._rng.uniform(0, max(0.0, (latest - self._timeline.now).total_seconds()))

    def _decide(self, held: Held, status: str) -> None:
        self._say(f"the pending {held.sold.dimension} of {held.sold.contract} is now {status}")
        held.row["status"] = status

    def get(self, query: Mapping[str, str]) -> Response:
        """Answer `GET /metering/`."""
        mood = self.away or self._mood(("unreachable", "busy"))
        contract = query["contract_id"]

        def effect() -> Response:
            if mood == "credentials":
                raise CredentialsRefused("Clazar refused the credentials in the secret: HTTP 401")
            if mood == "unreachable":
                raise NoAnswer("no answer")
            if mood:
                return Response(503, "unavailable")
            if not self.lists:
                return Response(404, "not found")
            now = self._timeline.now
            rows = [held.row for held in self.held if held.listed_from <= now]
            rows = [row for row in rows if row["contract_id"] == contract]
            return Response(200, json.dumps({"results": rows if query["page"] == "1" else []}))

        def lost() -> NoReturn:
            raise NoAnswer("no answer")

        return self._points.at("listing", f"GET {contract}", effect, lost)
