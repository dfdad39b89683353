"""What was refused or is in doubt: kept for an operator, retried without a limit, never doubled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from functions.adapters import state_bucket
from functions.adapters.storage import Stored as StoredObject
from functions.domain.answers import Answer, Reply
from functions.domain.listing import Listing
from functions.domain.listing_pages import Asked
from functions.domain.month import Month
from functions.domain.submission import Request
from functions.metering.reconcile_state import reconcile_state
from tests.builders import a_plan
from tests.memory import MemoryObjects
from tests.unit.metering.runs import a_run
from tests.unit.metering.whole_month import KEY, STATE_FILE, Receiver, WholeMonth, a_record


class Picky(Receiver):
    """Refuses one dimension, the first time that it is sent."""

    def __init__(self, dimension: str) -> None:
        super().__init__(listing=False)  # nothing but the ledger knows what was accepted
        self.refuses = {dimension}

    def _accept(self, record: dict[str, str]) -> Answer:
        if record["dimension"] in self.refuses:
            self.refuses.clear()
            return Answer(kind="refused", code="DIM", message="no", errors=("no",))
        return super()._accept(record)


class SlowToList(Receiver):
    """Lists nothing at the first looks, although it holds and bills the records."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def read_listing(
        self, asked: Asked, contract: str, month: Month, left: Callable[[], float]
    ) -> Asked:
        found = super().read_listing(asked, contract, month, left)
        if self.looks:
            self.looks -= 1
            return replace(found, listing=Listing())
        return found


class Killing(Receiver):
    """Accepts the first request, and the function that sent it dies before it hears so."""

    def submit(self, request: Request) -> Reply:
        reply = super().submit(request)
        if len(self.requests) == 1:
            raise RuntimeError("the function was killed here")
        return reply


class Looking(Receiver):
    """Notes what the ledger says of a request at the moment that it arrives."""

    def __init__(self, state: MemoryObjects) -> None:
        super().__init__()
        self.state = state
        self.seen: list[tuple[dict[str, str], bool]] = []

    def submit(self, request: Request) -> Reply:
        entry = json.loads(self.state.objects["ledger/S/E/P/2025-07/c-1.json"])
        states = {line["dimension"]: line.get("state") for line in entry["lines"]}
        written = [attempt["request"] for attempt in entry.get("attempts", [])]
        self.seen.append((states, written == [request.body]))
        return super().submit(request)


def test_a_request_is_in_the_ledger_word_for_word_before_it_leaves() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1", "cpu"), a_record("c-1", "mem")])
    world.clazar = looking = Looking(world.state)
    assert world.run().succeeded
    assert looking.seen == [({"cpu": "sent", "mem": "sent"}, True)]


def test_an_error_is_retried_as_often_as_asked_and_never_given_up() -> None:
    world = WholeMonth(*["refuse"] * 9)
    world.hour("01/00", [a_record("c-1")])
    assert world.run().error == "ContractsNeedAttention"
    for retry in range(1, 9):
        assert world.run(retry_errors=True).error == "ContractsNeedAttention"
        (error,) = world.errors()
        assert (error["contract_id"], error["retry_count"]) == ("c-1", retry)
    assert world.run(retry_errors=True).succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert world.errors() == []


@pytest.mark.parametrize("given", [{}, {"retry_errors": True}, {"months": ["2025-05"]}])
def test_a_refused_contract_can_be_retried_after_later_months_were_closed(
    given: Mapping[str, Any],
) -> None:
    world = WholeMonth("refuse", start_month="2025-05")
    for month in ("2025-05", "2025-06", "2025-07"):
        world.every_hour(month, [a_record("c-1")])
    assert world.run().error == "ContractsNeedAttention"
    assert world.shown()["last_processed_month"] == "2025-07"
    if not given.get("retry_errors"):
        world.forget_errors("2025-05")
    assert world.run(**given).succeeded
    assert [month for _, _, month, _ in world.clazar.billed()] == ["2025-05", "2025-06", "2025-07"]
    assert world.shown()["last_processed_month"] == "2025-07", "a retry does not turn back"


def test_a_contract_with_one_refused_dimension_is_an_error_and_not_a_success_too() -> None:
    world = WholeMonth()
    world.clazar = Picky("mem")
    world.hour("01/00", [a_record("c-1", "cpu"), a_record("c-1", "mem")])
    world.run()
    assert world.shown()["success_contracts"].get("2025-07", []) == []
    assert [item["contract_id"] for item in world.errors()] == ["c-1"]
    world.forget_errors("2025-07")
    assert world.run().succeeded
    assert [record["dimension"] for record in world.clazar.requests[-1]] == ["mem"]
    assert world.shown()["success_contracts"]["2025-07"] == ["c-1"]
    assert len(world.clazar.billed()) == 2


def test_a_crash_right_after_the_request_ends_as_billed_and_not_as_an_error() -> None:
    world = WholeMonth()
    world.clazar = Killing(duplicates_refused=False)
    world.hour("01/00", [a_record("c-1")])
    assert world.run().error == "RuntimeError"
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert world.shown() is None
    assert world.run().succeeded
    assert len(world.clazar.requests) == 1
    assert world.shown()["success_contracts"] == {"2025-07": ["c-1"]}
    assert world.errors() == []


def test_a_duplicate_rejection_of_what_is_billed_ends_as_billed_and_not_as_an_error() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.clazar = SlowToList(looks=0)
    world.run()
    world.state.objects.clear()
    world.clazar.looks = 1
    assert world.run().succeeded
    assert len(world.clazar.requests) == 2, "sent again, and refused as a duplicate"
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert world.shown()["success_contracts"] == {"2025-07": ["c-1"]}


def test_a_fresh_state_sends_nothing_of_the_months_that_were_billed_before() -> None:
    world = WholeMonth(start_month="2025-06")
    for month in ("2025-06", "2025-07"):
        world.every_hour(month, [a_record("c-1")])
    world.run()
    world.state.objects.clear()
    world.clazar.duplicates_refused = False
    assert world.run().succeeded
    assert len(world.clazar.billed()) == 2
    assert world.shown()["success_contracts"] == {"2025-06": ["c-1"], "2025-07": ["c-1"]}


def test_a_start_with_nothing_to_do_leaves_every_object_as_it_is() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.run()
    before = dict(world.state.objects)
    assert world.run().succeeded
    assert world.state.objects == before


def test_a_run_that_stops_before_a_month_leaves_the_state_file_as_people_wrote_it() -> None:
    world = WholeMonth()
    written = json.dumps({"Other:E:P": {"last_processed_month": "2025-01"}, "note": "kept"})
    world.state.objects[STATE_FILE] = written.encode()
    assert world.run().error == "BadUsage"
    assert world.state.objects[STATE_FILE] == written.encode()


def test_a_state_file_under_its_old_name_is_continued_where_it_ended() -> None:
    world = WholeMonth(state_file="clazar_state.json", start_month="2025-05")
    for month in ("2025-05", "2025-06", "2025-07"):
        world.every_hour(month, [a_record("c-1")])
    earlier = {"last_processed_month": "2025-06", "success_contracts": {"2025-06": ["c-1"]}}
    world.state.objects["clazar_state.json"] = json.dumps({KEY: earlier}).encode()
    assert world.run().succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert STATE_FILE not in world.state.objects


class Together(MemoryObjects):
    """Remembers how many objects are asked for at once."""

    asked: list[int]

    def read_many(self, keys: Iterable[str]) -> Iterator[StoredObject | None]:
        """Yield objects in the order of their keys, None for one that is not there."""
        self.asked = [*getattr(self, "asked", []), len(names := list(keys))]
        return super().read_many(names)


def test_standing_errors_are_read_together_and_unreadable_ones_are_named() -> None:
    names = [f"c-{number}" for number in range(32)]
    errors = [{"contract_id": name, "code": "X", "message": "no"} for name in names]
    shown = {"error_contracts": {"2025-07": errors}}
    unreadable = {f"ledger/S/E/P/2025-07/{name}.json": b"{" for name in ("c-3", "c-30")}
    state = Together({STATE_FILE: json.dumps({KEY: shown}).encode(), **unreadable})
    reconcile_state(a_run(), state, "2025-08-02T00:00:00Z")
    assert max(state.asked) == len(names)
    (first, second) = state_bucket.read_journal(state, a_plan()).notices
    assert "ledger/S/E/P/2025-07/c-3.json cannot be read" in first
    assert "ledger/S/E/P/2025-07/c-30.json cannot be read" in second
