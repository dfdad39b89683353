"""A bucket that does not answer, or answers somebody else first: nothing is lost or made up."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from functions.adapters.books import Books
from functions.adapters.objects import Objects, Stored
from functions.domain.months import state_file
from functions.domain.usage.fold import DayRead
from functions.domain.usage.usage_files import Listed
from functions.errors import BadState, BadUsage, DaysMissing, StorageBusy, WriteConflict
from functions.metering.close_month import close_month
from functions.metering.fold_day import fold_day
from functions.metering.merge_usage import merge_usage
from functions.metering.payloads import DaysTask, DayTask, Merged, MergedMonth
from functions.metering.plan_months import plan_months
from tests.builders import JULY, a_plan, a_run, month_usage
from tests.memory import MemoryObjects, Raced, UsageInMemory
from tests.unit.metering.runs import MONTH

STATE = json.dumps({"S:E:P": {"last_processed_month": "2025-06"}}).encode()
ROOT = "omnistrate-metering/S/E/P"


class Broken(MemoryObjects):
    """Fails for keys with a certain beginning."""

    def __init__(self, objects: dict[str, bytes], *, failing: str) -> None:
        super().__init__(objects)
        self.failing = failing

    def _check(self, key: str) -> None:
        if self.failing and key.startswith(self.failing):
            raise StorageBusy(f"{key}: 503 Slow Down")

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:
        self._check(key)
        return super().read(key, unless=unless, most_bytes=most_bytes)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        self._check(prefix)
        return super().list(prefix, after=after, limit=limit)


def books_of(objects: Objects) -> Books:
    return Books(objects, a_plan())


def test_a_failed_listing_stops_the_month_and_is_not_an_empty_one() -> None:
    state = MemoryObjects()
    bucket = Broken({f"{ROOT}/2025/07/01/00/sub-1.json": b"[]"}, failing=ROOT)
    usage: Any = UsageInMemory(bucket)
    with pytest.raises(StorageBusy, match="2025/07/01"):
        fold_day(DayTask(run=a_run(), month=MONTH, day="01"), usage, state)
    assert not state.objects


def test_a_state_file_that_cannot_be_read_is_not_an_empty_one() -> None:
    state = Broken({"metering_state.json": STATE}, failing="metering_state")
    with pytest.raises(StorageBusy, match="metering_state"):
        plan_months(a_run(), books_of(state), MemoryObjects())
    assert state.objects == {"metering_state.json": STATE}


def test_a_marker_that_cannot_be_read_is_not_a_missing_one() -> None:
    usage = Broken({}, failing="omnistrate-metering/last_success_export.json")
    with pytest.raises(StorageBusy):
        plan_months(a_run(), books_of(MemoryObjects({"metering_state.json": STATE})), usage)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"S:E:P": {"last_processed_to": "soon"}}'])
def test_a_marker_that_cannot_be_understood_is_named(body: bytes) -> None:
    usage = MemoryObjects({"omnistrate-metering/last_success_export.json": body})
    with pytest.raises(BadUsage, match=r"last_success_export\.json"):
        plan_months(a_run(), books_of(MemoryObjects({"metering_state.json": STATE})), usage)


def test_a_day_that_nobody_has_found_stops_the_month_by_name() -> None:
    read = [DayRead(day="flat"), DayRead(day="01", digest="d", files=1), None, DayRead()]
    task = DaysTask(run=a_run(), month=MONTH, days=["flat", "01", "02"], read=read)
    said = r"2 of 3 days could not be read: 01, 02; the first: another execution .*; run again"
    with pytest.raises(DaysMissing, match=said):
        merge_usage(task, books_of(MemoryObjects()), MemoryObjects())


def an_empty_month(objects: MemoryObjects) -> MergedMonth:
    objects.objects["bill.json"] = msgspec.json.encode(month_usage())
    merged = Merged(bill_key="bill.json", contracts_key="", to_process=0)
    return MergedMonth(run=a_run(), month=MONTH, merged=merged)


def test_a_state_file_that_cannot_be_written_fails_the_month() -> None:
    def change(objects: Raced) -> None:
        others = json.loads(objects.objects["metering_state.json"])
        others.setdefault("Other:E:P", {})["n"] = objects.times
        objects.objects["metering_state.json"] = json.dumps(others).encode()

    state = Raced({"metering_state.json": STATE}, change, times=100)
    with pytest.raises(WriteConflict, match="changes too often"):
        close_month(an_empty_month(state), books_of(state), datetime(2025, 8, 2, tzinfo=UTC))
    assert "ledger/S/E/P/plan.json" not in state.objects
    assert json.loads(state.objects["metering_state.json"])["S:E:P"] == json.loads(STATE)["S:E:P"]


def test_two_plans_that_write_one_state_file_at_once_both_find_their_months_in_it() -> None:
    def other_plan_closes(objects: Raced) -> None:
        Books(objects, a_plan(plan_id="other")).change_state(
            lambda document: state_file.record_month(
                document, "S:E:other", JULY, successes=["c-9"], errors=[], closes=True, at="t"
            )
        )

    state = Raced({"metering_state.json": STATE}, other_plan_closes)
    close_month(an_empty_month(state), books_of(state), datetime(2025, 8, 2, tzinfo=UTC))
    document = json.loads(state.objects["metering_state.json"])
    assert document["S:E:P"]["last_processed_month"] == "2025-07"
    assert document["S:E:other"]["success_contracts"] == {"2025-07": ["c-9"]}


def test_a_state_file_that_breaks_during_the_run_is_left_as_it_is() -> None:
    def break_it(objects: Raced) -> None:
        objects.objects["metering_state.json"] = b"{ broken by hand"

    state = Raced({"metering_state.json": STATE}, break_it)
    with pytest.raises(BadState):
        close_month(an_empty_month(state), books_of(state), datetime(2025, 8, 2, tzinfo=UTC))
    assert state.objects["metering_state.json"] == b"{ broken by hand"


def test_state_is_only_changed_by_conditional_writes() -> None:
    state = MemoryObjects({"metering_state.json": STATE})
    close_month(an_empty_month(state), books_of(state), datetime(2025, 8, 2, tzinfo=UTC))
    assert all(key.startswith(("reports/", "runs/")) for key in state.unconditional)
