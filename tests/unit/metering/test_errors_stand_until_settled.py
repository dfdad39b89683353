"""What was refused or is in doubt: kept for an operator, retried without a limit, never doubled."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from functions.adapters.books import Books
from functions.adapters.clazar.http import Response
from functions.adapters.objects import Stored as StoredObject
from functions.domain.months.hold import Held
from functions.errors import BadInput
from functions.metering.reconcile_state import reconcile_state
from tests.builders import a_plan, a_record, a_run
from tests.in_memory.clazar import Clazar
from tests.memory import MemoryObjects
from tests.unit.metering.whole_month import KEY, STATE_FILE, WholeMonth


class Picky(Clazar):
    """Refuses one dimension, the first time that it is sent."""

    def __init__(self, dimension: str) -> None:
        super().__init__(lists=False)  # nothing but the ledger knows what was accepted
        self.refuses = {dimension}

    def _take(self, record: dict[str, str]) -> Mapping[str, Any]:
        if record["dimension"] in self.refuses:
            self.refuses.clear()
            return {"code": "DIM", "message": "no", "errors": ["no"]}
        return super()._take(record)


class SlowToList(Clazar):
    """Lists nothing at the first looks, although it holds and bills the records."""

    looks = 0

    def get(self, query: Mapping[str, str]) -> Response:
        if self.looks:
            self.looks -= 1
            return Response(200, '{"results": []}')
        return super().get(query)


class Killing(Clazar):
    """Accepts the first request, and the function that sent it dies before it hears so."""

    def post(self, body: bytes) -> Response:
        answer = super().post(body)
        if len(self.requests) == 1:
            raise RuntimeError("the function was killed here")
        return answer


class Looking(Clazar):
    """Notes what the ledger says of a request at the moment that it arrives."""

    def __init__(self, state: MemoryObjects) -> None:
        super().__init__()
        self.state = state
        self.seen: list[tuple[dict[str, str], bool]] = []

    def post(self, body: bytes) -> Response:
        entry = json.loads(self.state.objects["ledger/S/E/P/2025-07/c-1.json"])
        states = {line["dimension"]: line.get("state") for line in entry["lines"]}
        written = [attempt["request"] for attempt in entry.get("attempts", [])]
        self.seen.append((states, written == [body.decode()]))
        return super().post(body)


def test_a_request_is_in_the_ledger_word_for_word_before_it_leaves() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1", "cpu"), a_record("c-1", "mem")])
    world.clazar = looking = Looking(world.state_bucket)
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
    world = WholeMonth("refuse", missing_hours="warn", start_month="2025-05")
    for month in ("2025-05", "2025-06", "2025-07"):
        world.hour("01/00", [a_record("c-1")], month=month)
    assert world.run().error == "ContractsNeedAttention"
    assert world.state()["last_processed_month"] == "2025-07"
    if not given.get("retry_errors"):
        world.forget_errors("2025-05")
    assert world.run(**given).succeeded
    assert [month for _, _, month, _ in world.clazar.billed()] == ["2025-05", "2025-06", "2025-07"]
    assert world.state()["last_processed_month"] == "2025-07", "a retry does not turn back"


def test_a_contract_with_one_refused_dimension_is_an_error_and_not_a_success_too() -> None:
    world = WholeMonth()
    world.clazar = Picky("mem")
    world.hour("01/00", [a_record("c-1", "cpu"), a_record("c-1", "mem")])
    world.run()
    assert world.state()["success_contracts"].get("2025-07", []) == []
    (error,) = world.errors()
    assert error["contract_id"] == "c-1"
    assert [record["dimension"] for record in error["payload"]["request"]] == ["mem"]
    world.forget_errors("2025-07")
    assert world.run().succeeded
    assert [record["dimension"] for record in world.clazar.requests[-1]] == ["mem"]
    assert world.state()["success_contracts"]["2025-07"] == ["c-1"]
    assert len(world.clazar.billed()) == 2


def test_a_crash_right_after_the_request_ends_as_billed_and_not_as_an_error() -> None:
    world = WholeMonth()
    world.clazar = Killing(refuses_duplicates=False)
    world.hour("01/00", [a_record("c-1")])
    assert world.run().error == "MonthIncomplete"
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert world.state()["success_contracts"].get("2025-07", []) == []
    assert world.errors() == []
    assert world.run().succeeded
    assert len(world.clazar.requests) == 1
    assert world.state()["success_contracts"] == {"2025-07": ["c-1"]}
    assert world.errors() == []


def test_a_duplicate_rejection_of_what_is_billed_ends_as_billed_and_not_as_an_error() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.clazar = slow = SlowToList()
    world.run()
    world.state_bucket.objects.clear()
    slow.looks = 1
    assert world.run().succeeded
    assert len(world.clazar.requests) == 2, "sent again, and refused as a duplicate"
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert world.state()["success_contracts"] == {"2025-07": ["c-1"]}


def test_a_fresh_state_sends_nothing_of_the_months_that_were_billed_before() -> None:
    world = WholeMonth(missing_hours="warn", start_month="2025-06")
    for month in ("2025-06", "2025-07"):
        world.hour("01/00", [a_record("c-1")], month=month)
    world.run()
    world.state_bucket.objects.clear()
    world.clazar.refuses_duplicates = False
    assert world.run().succeeded
    assert len(world.clazar.billed()) == 2
    assert world.state()["success_contracts"] == {"2025-06": ["c-1"], "2025-07": ["c-1"]}


def test_a_start_with_nothing_to_do_leaves_every_object_as_it_is() -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.run()
    before = dict(world.state_bucket.objects)
    assert world.run().succeeded
    assert world.state_bucket.objects == before


def test_a_run_that_stops_before_a_month_leaves_the_state_file_as_people_wrote_it() -> None:
    world = WholeMonth()
    written = json.dumps({"Other:E:P": {"last_processed_month": "2025-01"}, "note": "kept"})
    world.state_bucket.objects[STATE_FILE] = written.encode()
    assert world.run().error == "BadUsage"
    assert world.state_bucket.objects[STATE_FILE] == written.encode()


def test_a_state_file_under_its_old_name_is_continued_where_it_ended() -> None:
    world = WholeMonth(state_file="clazar_state.json", missing_hours="warn", start_month="2025-05")
    for month in ("2025-05", "2025-06", "2025-07"):
        world.hour("01/00", [a_record("c-1")], month=month)
    earlier = {"last_processed_month": "2025-06", "success_contracts": {"2025-06": ["c-1"]}}
    world.state_bucket.objects["clazar_state.json"] = json.dumps({KEY: earlier}).encode()
    assert world.run().succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]
    assert STATE_FILE not in world.state_bucket.objects


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
    reconcile_state(a_run(), Books(state, a_plan()), "2025-08-02T00:00:00Z")
    assert max(state.asked) == len(names)
    (first, second) = Books(state, a_plan()).read_journal().notices
    assert "ledger/S/E/P/2025-07/c-3.json cannot be read" in first
    assert "ledger/S/E/P/2025-07/c-30.json cannot be read" in second


def test_an_approval_that_was_started_before_the_bill_changed_is_refused() -> None:
    since = "2025-08-02T06:00:00Z"
    held = Held(digest="d", moves=("cpu",), since=since, changed=True)
    state = MemoryObjects()
    books = Books(state, a_plan())
    books.change_journal(lambda old: replace(old, held={"2025-07": held}))
    early, late = (
        a_run(approve="2025-07", reason="as jane says", started=f"2025-08-02T{at}:00Z")
        for at in ("05:59", "06:00")
    )
    with pytest.raises(BadInput, match="has changed since this was started"):
        reconcile_state(early, books, since)
    reconcile_state(late, books, since)
    approval = books.read_journal().held["2025-07"].approval
    assert approval
    assert approval.reason == "as jane says"
