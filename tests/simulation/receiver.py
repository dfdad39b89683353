"""A Clazar with moods: it throttles, loses answers, takes requests late, refuses, or is away.

What it bills is known for certain, because it is written down here when it happens.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from functions.adapters.clazar.http import NoAnswer, Response
from functions.errors import CredentialsRefused, PartnerUnreachable
from infra.metering_tasks import TASKS
from infra.tasks import SETTLE_SECONDS
from tests.in_memory.clazar import MeteringApi
from tests.in_memory.points import Invocation, Points
from tests.in_memory.timeline import Timeline
from tests.simulation.books import Books, Held, Sold
from tests.simulation.dialect import Dialect, canonical

_MOODS = (
    *("busy", "lost", "late", "dropped", "unreachable", "credentials", "partial", "pending"),
    *("silent", "silent and not taken"),
)
_LONGEST_PENDING = 7_200
_LONGEST_UNSEEN = 72  # hours, where each listing says that it may be old
_FORBIDDEN = 403
# A request has arrived and is listed within SETTLE_SECONDS of when it was written down, which is
# not before its function began: this is what the pipeline takes for granted.
_LIVES = TASKS["SubmitContract"].timeout_seconds
_AFTER_THE_DEADLINE = timedelta(seconds=SETTLE_SECONDS - _LIVES - 1)
# After a 2xx that says nothing, if the ledger knows of it.
_AFTER_A_2XX = timedelta(seconds=3_600 - _LIVES - 1)


class Receiver(Books, MeteringApi):
    """One account. `away` is an outage: `unreachable`, `credentials` or `busy`.

    `unserved`: contracts for which it answers 403 (`POST`, `GET`) or 503 (`GET`). `watch` is called
    with every request, and `knows` says whether the ledger has the 2xx that answered one.
    """

    def __init__(
        self,
        rng: Random,
        points: Points,
        timeline: Timeline,
        say: Callable[[str], None],
        *,
        dialect: Dialect,
        dimensions: Sequence[str],
        refuses_duplicates: bool,
        lists: bool,
        rate: float,
    ) -> None:
        Books.__init__(self)
        MeteringApi.__init__(
            self, points, timeline, refuses_duplicates=refuses_duplicates, lists=lists
        )
        self._rng, self._say, self.rate = rng, say, rate
        self.dialect, self._dimensions = dialect, dimensions
        self.unserved: dict[str, int] = {}
        self.unregistered: set[tuple[str, str]] = set()
        self.away = ""
        self.faults = 0
        self.watch: Callable[[Invocation, list[dict[str, str]]], None] = lambda *_: None
        self.knows: Callable[[Sold], bool] = lambda _sold: False

    def heal(self) -> None:
        """From now on everything is taken and answered."""
        self.rate, self.away = 0.0, ""
        self.unserved.clear()
        self.unknown_contracts.clear()
        self.unregistered.clear()

    def serve(self, contract: str) -> None:
        """Answer for a contract again."""
        self.unserved.pop(contract, None)

    def _arriving(self, records: list[dict[str, str]]) -> Callable[[], Response]:
        invocation = self._points.invocations[-1]
        execution = invocation.execution
        mood = self.away or self._mood(_MOODS)
        self.watch(invocation, records)

        def effect() -> Response:
            who = f"{records[0]['contract_id']} of {records[0]['start_time'][:7]}"
            what = ", ".join(f"{item['quantity']} {item['dimension']}" for item in records)
            self._say(f"{execution.name} sends {who}: {what}{f' ({mood})' if mood else ''}")
            return self._answered(execution.input["plan"], records, mood, invocation.deadline)

        return effect

    def _mood(self, moods: tuple[str, ...]) -> str:
        if self._rng.random() >= self.rate:
            return ""
        self.faults += 1
        return self._rng.choice(moods)

    def _answered(
        self, plan: str, records: list[dict[str, str]], mood: str, deadline: datetime
    ) -> Response:
        if refusal := self._refused(records[0]["contract_id"], mood):
            return refusal
        latest = deadline + _AFTER_THE_DEADLINE
        if mood == "late":
            later = self._until(latest)
            self._timeline.after(later, lambda: self._take_late(plan, records, latest))
            raise NoAnswer("timed out")
        first = len(self.held)
        results = [self._take(plan, item, latest, pending=mood == "pending") for item in records]
        if mood == "lost":
            for held in self.held[first:] if self.dialect.remarks else ():
                held.listed_from += timedelta(hours=self._rng.uniform(0, _LONGEST_UNSEEN))
            raise NoAnswer("connection lost")
        if mood in ("silent", "partial") and self.dialect.lags:
            for held in self.held[first:]:
                seconds = self._until(deadline + _AFTER_A_2XX)
                held.lags_until = self._timeline.now + timedelta(seconds=seconds)
        if mood == "silent":
            return self.dialect.silent()
        if self.dialect.duplicate == "HTTP 409" and all(
            item.get("code") == "CONFLICT" for item in results
        ):
            return Response(409, json.dumps(results[0]))
        if mood == "partial":
            results = [item for item in results if self._rng.random() < 0.5]
        return Response(200, json.dumps({"results": results}))

    def _refused(self, contract: str, mood: str) -> Response | None:
        """Return the answer to a request of which nothing is taken, or raise what there is."""
        if mood == "credentials":
            raise CredentialsRefused("Clazar refused the credentials in the secret: HTTP 401")
        if mood == "busy":
            return Response(429, "slow down")
        if self.unserved.get(canonical(contract)) == _FORBIDDEN:
            return Response(_FORBIDDEN, '{"message": "this contract belongs to another seller"}')
        if mood == "unreachable":
            raise PartnerUnreachable("connection refused")
        if mood == "dropped":
            raise NoAnswer("connection lost")
        return self.dialect.silent() if mood == "silent and not taken" else None

    def _take_late(self, plan: str, records: list[dict[str, str]], latest: datetime) -> None:
        self._say(f"the late request of {records[0]['contract_id']} arrives")
        for record in records:
            self._take(plan, record, latest, pending=False)

    def _take(
        self, plan: str, record: dict[str, str], latest: datetime, *, pending: bool
    ) -> Mapping[str, Any]:
        contract, dimension = record["contract_id"], record["dimension"]
        sold = Sold(plan, contract, dimension, record["start_time"][:7])
        if canonical(contract) in self.unknown_contracts:
            named = {"contract_id": contract, "dimension": dimension}
            return {**named, "code": "NOT_FOUND", "message": "no contract", "errors": ["none"]}
        if self.refuses_duplicates and any(
            held.sold.window == sold.window and held.row["status"] != "fail" for held in self.held
        ):
            return self.dialect.rejected(record)
        failed = (canonical(contract), dimension) in self.unregistered
        status = "fail" if failed else "pending" if pending else "success"
        row = {**record, "id": f"r-{len(self.held) + 1}", "status": status}
        seconds = self._until(latest) if self.rate else 0
        held = Held(sold, row, self._timeline.now + timedelta(seconds=seconds))
        self.held.append(held)
        if status == "pending":
            decided = self._rng.choice(("success", "fail"))
            delay = self._rng.uniform(1, _LONGEST_PENDING)
            self._timeline.after(delay, lambda: self._decide(held, decided))
        return self.dialect.echoed(row)

    def _until(self, latest: datetime) -> float:
        """Draw a delay that ends before it is too late."""
        return self._rng.uniform(0, max(0.0, (latest - self._timeline.now).total_seconds()))

    def _decide(self, held: Held, status: str) -> None:
        self._say(f"the pending {held.sold.dimension} of {held.sold.contract} is now {status}")
        held.row["status"] = status

    def _asked(self, query: Mapping[str, str]) -> Callable[[], Response]:
        mood = self.away or self._mood(("unreachable", "busy"))

        def effect() -> Response:
            if mood == "credentials":
                raise CredentialsRefused("Clazar refused the credentials in the secret: HTTP 401")
            if mood == "unreachable":
                raise NoAnswer("no answer")
            if mood:
                return Response(429, "slow down") if self.away else self.dialect.unavailable()
            if status := self.unserved.get(canonical(query["contract_id"])):
                return Response(status, "not this contract")
            if not self.lists:
                return Response(404, '{"detail": "Not found."}')
            hides = self.dialect.remarks and any(
                self._timeline.now < held.listed_from for held in self.held
            )
            return self.dialect.page(list(self._rows(query)), query, is_old=hides)

        return effect

    def _rows(self, query: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """Yield what is listed, and some of what is not asked for."""
        dialect, asked = self.dialect, canonical(query["contract_id"])
        others = len(self.held) - dialect.others
        rows = dialect.rows_before(query["contract_id"], self._dimensions)
        yield from (row for row in rows if dialect.wants(row, query))
        for index, held in enumerate(self.held):
            if canonical(held.row["contract_id"]) == asked:
                if dialect.wants(held.row, query) and self._is_listed(held):
                    yield held.row
            elif index >= others:
                yield held.row

    def _is_listed(self, held: Held) -> bool:
        """Say whether a record is listed by now; from then on it always is."""
        lags = held.lags_until and self.knows(held.sold)
        listed_from = held.lags_until if lags and held.lags_until else held.listed_from
        if self._timeline.now < listed_from:
            return False
        held.lags_until = None
        return True
