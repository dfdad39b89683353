"""A Clazar in memory that tells contracts, months and dimensions apart; its rules can be off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from functions.adapters.clazar.http import NoAnswer, Response
from tests.in_memory.points import Points


class Billed(NamedTuple):
    """What may be billed once."""

    contract: str
    dimension: str
    month: str


class Clazar:
    """One account. `accepted` is what it bills, in the order in which it came."""

    def __init__(self, points: Points, *, refuses_duplicates: bool, lists: bool) -> None:
        self._points = points
        self.refuses_duplicates, self.lists = refuses_duplicates, lists
        self.unknown_contracts: set[str] = set()
        self.accepted: list[dict[str, str]] = []

    def counts(self) -> Counter[Billed]:
        """How often everything was accepted."""
        return Counter(_billed(record) for record in self.accepted)

    def quantities(self) -> dict[Billed, str]:
        """The quantities that were accepted, the first of each."""
        return {_billed(record): record["quantity"] for record in reversed(self.accepted)}

    def post(self, body: bytes) -> Response:
        """Answer `POST /metering/`."""
        records = json.loads(body)["request"]
        label = f"POST {records[0]['contract_id']} {records[0]['start_time'][:7]}"

        def effect() -> Response:
            return Response(200, json.dumps({"results": [self._take(item) for item in records]}))

        def lost() -> NoReturn:
            raise NoAnswer("connection lost")

        return self._points.at("request", label, effect, lost)

    def _take(self, record: dict[str, str]) -> Mapping[str, Any]:
        if record["contract_id"] in self.unknown_contracts:
            return {"code": "NOT_FOUND", "message": "contract not found", "errors": ["not found"]}
        if self.refuses_duplicates and self.counts()[_billed(record)]:
            text = "A record with the same contract_id and the same hour already exists"
            return {"code": "DUPLICATE", "message": text, "errors": [text]}
        self.accepted.append({**record, "id": f"r-{len(self.accepted) + 1}", "status": "success"})
        return self.accepted[-1]

    def get(self, query: Mapping[str, str]) -> Response:
        """Answer `GET /metering/`: everything of a contract on one page."""

        def effect() -> Response:
            if not self.lists:
                return Response(404, "not found")
            of = [row for row in self.accepted if row["contract_id"] == query["contract_id"]]
            return Response(200, json.dumps({"results": of if query["page"] == "1" else []}))

        def lost() -> NoReturn:
            raise NoAnswer("no answer")

        return self._points.at("listing", f"GET {query['contract_id']}", effect, lost)


def _billed(record: Mapping[str, str]) -> Billed:
    return Billed(record["contract_id"], record["dimension"], record["start_time"][:7])
