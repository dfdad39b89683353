"""Usage that cannot be read or is not there: the month stops, is named, and can be resumed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.adapters.books import Books
from functions.adapters.keys import EXPORT_MARKER
from functions.domain.month import parse_instant
from functions.errors import BadUsage, StorageBusy
from functions.metering.plan_months import plan_months
from tests.builders import a_plan, a_record, a_run
from tests.in_memory.metering_world import PLAN
from tests.memory import MemoryObjects
from tests.unit.metering.whole_month import ROOT, STATE_FILE, WholeMonth


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", {"externalPayerId": "c-1"}, b'[{"dimension": "\xff\xfe"}]'),
        b'[{"externalPayerId": "c-1", "dimension": "cpu", "val',
        b'[{"externalPayerId": "c-1", "dimension": "cpu", "value": 44, "value": 4}]',
    ],
)
def test_a_file_that_cannot_be_read_stops_the_month_and_once_repaired_it_is_billed(
    content: Any,
) -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.hour("01/01", content)
    for _ in range(2):
        stopped = world.run()
        assert (stopped.error, stopped.notify) == ("BadUsage", True)
        assert "2025/07/01/01/sub-1.json" in stopped.cause
        assert STATE_FILE not in world.state_bucket.objects, (
            "a month that was not billed must not count as done"
        )
        assert not world.clazar.requests
    world.hour("01/01", [a_record("c-1")])
    assert world.run().succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "2")]


@pytest.mark.parametrize("why", ["403 AccessDenied", "301 PermanentRedirect"])
def test_a_file_that_storage_refuses_stops_the_month_by_name(why: str) -> None:
    world = WholeMonth(missing_hours="warn")
    world.hour("01/00", [a_record("c-1")])
    world.unreadable[world.hour("02/01", [a_record("c-1")])] = StorageBusy(why)
    stopped = world.run()
    assert stopped.error == "DaysMissing", "nothing is wrong with the usage"
    said = "2025-07: 1 of 32 days could not be read: 02; the first: StorageBusy: "
    assert said in stopped.cause
    assert STATE_FILE not in world.state_bucket.objects
    assert not world.clazar.requests


def test_a_key_that_no_request_can_name_is_bad_usage_that_no_retry_heals() -> None:
    world = WholeMonth(missing_hours="warn")
    world.unreadable[world.hour("02/01", [a_record("c-1")])] = BadUsage("02/01/a\x01.json: no")
    world.unreadable[world.hour("03/01", [a_record("c-1")])] = StorageBusy("503 Slow Down")
    stopped = world.run()
    assert (stopped.error, "day 02: 02/01/a\x01.json: no" in stopped.cause) == ("BadUsage", True)


def test_a_partition_that_storage_did_not_answer_for_leaves_no_sums_behind() -> None:
    """Nor is a day read again that another one has failed beside."""
    world = WholeMonth(missing_hours="warn")
    first = world.hour("01/00", [a_record("c-1")])
    world.unreadable[world.hour("02/01", [a_record("c-1")])] = StorageBusy("503 Slow Down")
    assert world.run().error == "DaysMissing"
    folds = [name for name in world.state_bucket.objects if name.startswith("days/")]
    assert folds == ["days/S/E/P/2025-07/01.json"]
    world.unreadable = {first: AssertionError("read again")}
    assert world.run().succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "2")]


def test_days_with_bad_files_are_all_named_whatever_else_could_not_be_read() -> None:
    world = WholeMonth(missing_hours="warn")
    for day in ("01", "02", "03"):
        world.hour(f"{day}/00", b"nonsense")
    world.unreadable[f"{ROOT}/2025/07/03/00/sub-1.json"] = StorageBusy("503 Slow Down")
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert "07/01/00/sub-1.json line 1" in stopped.cause
    assert "07/02/00/sub-1.json line 1" in stopped.cause
    assert not [name for name in world.state_bucket.objects if name.startswith("days/")]


@pytest.mark.parametrize("value", ["1.5", "5", "", None])
def test_a_value_that_is_no_number_is_named_and_neither_cut_nor_skipped(value: Any) -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1"), a_record("c-1", value=value)])
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert "01/00/sub-1.json line 1: value" in stopped.cause
    assert STATE_FILE not in world.state_bucket.objects


@pytest.mark.parametrize("folder", ["flat", "foo", "01", "32/00"])
def test_a_file_in_a_folder_that_is_no_hour_stops_the_month_by_name(folder: str) -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    key = world.hour(folder, [a_record("c-2")], name="lost")
    stopped = world.run()
    assert (stopped.error, key in str(stopped.cause)) == ("BadUsage", True)
    assert not world.clazar.requests


@pytest.mark.parametrize(
    "reached",
    [
        *("2025-07-01T00:00:00Z", "2025-07-15T12:00:00Z", "2025-07-31T00:59:59Z"),
        *("2025-07-31T23:59:59Z", "2025-08-01T00:59:59Z"),
    ],
)
def test_a_month_waits_until_the_export_has_passed_its_end_and_the_margin(reached: str) -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    world.exported_to(parse_instant(reached))
    waiting = world.run()
    assert waiting.succeeded
    assert [item["month"] for item in waiting.result["waiting"]] == ["2025-07"]
    assert STATE_FILE not in world.state_bucket.objects
    assert not world.clazar.requests
    world.exported_to(datetime(2025, 8, 1, 1, tzinfo=UTC))
    world.run()
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]


@pytest.mark.parametrize(
    ("as_of", "reported"), [("2025-08-02T23:00:00Z", False), ("2025-08-03T00:00:00Z", True)]
)
def test_an_export_that_has_stopped_is_reported_to_an_operator_after_two_days(
    as_of: str, *, reported: bool
) -> None:
    world = WholeMonth(as_of=as_of)
    world.exported_to(datetime(2025, 7, 20, tzinfo=UTC))
    waiting = world.run()
    assert waiting.notify is reported
    assert waiting.result["message"].count("2025-07 waits: export incomplete") == 1


@pytest.mark.parametrize("completeness", ["marker", "calendar"])
def test_a_service_renamed_between_two_months_stops_and_is_not_an_empty_month(
    completeness: str,
) -> None:
    world = WholeMonth(completeness=completeness, start_month="2025-06")
    world.every_hour("2025-06", [a_record("c-1")])
    assert world.run().error == "BadUsage"
    assert world.clazar.billed() == [("c-1", "cpu", "2025-06", "1")]
    assert world.state()["last_processed_month"] == "2025-06"


def test_by_the_calendar_not_even_missing_hours_that_warn_make_an_empty_month() -> None:
    world = WholeMonth(completeness="calendar", start_month="2025-06", missing_hours="warn")
    world.every_hour("2025-06", [a_record("c-1")])
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert "2025-07: no usage at all under omnistrate-metering/S/E/P/2025/07/" in stopped.cause
    assert world.state()["last_processed_month"] == "2025-06"


@pytest.mark.parametrize("marker", [None, b"{}", b'{"Other:PROD:x": {}}'])
def test_without_a_marker_the_error_names_the_way_out(marker: bytes | None) -> None:
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    del world.usage_bucket.objects[EXPORT_MARKER]
    if marker is not None:
        world.usage_bucket.edit(EXPORT_MARKER, marker)
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert "last_success_export.json" in stopped.cause
    assert "calendar" in stopped.cause


def test_by_the_calendar_every_hour_is_needed_and_no_marker() -> None:
    world = WholeMonth(completeness="calendar")
    del world.usage_bucket.objects[EXPORT_MARKER]
    world.hour("01/00", [a_record("c-1")])
    stopped = world.run()
    named = "743 (01/01, 01/02, 01/03, 01/04, 01/05, and 738 more)"
    assert stopped.error == "BadUsage"
    assert f"hours without a file under {ROOT}/2025/07/: {named}; set the plan's" in stopped.cause
    world.every_hour("2025-07", [a_record("c-1")])
    assert world.run().succeeded
    assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "1")]


def test_a_broken_month_holds_up_the_later_ones_but_not_the_earlier_nor_what_failed_in_it() -> None:
    world = WholeMonth("refuse", start_month="2025-05", missing_hours="warn")
    for month in ("2025-05", "2025-06", "2025-07"):
        world.hour("01/00", [a_record("c-0"), a_record("c-1")], month=month)
    world.hour("15/07", b"nonsense", month="2025-06")
    stopped = world.run()
    assert (stopped.error, "2025-05: c-0 (" in stopped.cause) == ("BadUsage", True)
    assert world.clazar.billed() == [("c-1", "cpu", "2025-05", "1")]
    assert world.state()["last_processed_month"] == "2025-05"


@pytest.mark.parametrize("name", ["New:E:P", "s:e:p", "S:E:P2", " S:E:P"])
def test_an_export_marker_under_another_name_stops_the_run(name: str) -> None:
    """Its own name is asked for before the calendar is offered."""
    world = WholeMonth()
    world.hour("01/00", [a_record("c-1")])
    entry = {"last_processed_to": "2026-01-01T00:00:00Z"}
    marker = json.dumps({"Other:PROD:pt-1": entry, name: entry}).encode()
    world.usage_bucket.edit(EXPORT_MARKER, marker)
    stopped = world.run()
    assert (stopped.error, stopped.notify) == ("BadUsage", True)
    assert f"no entry for S:E:P; did you mean {name}? known: " in stopped.cause
    assert stopped.cause.index("Other:PROD:pt-1") < stopped.cause.index("; or set")
    assert stopped.cause.index("; or set") < stopped.cause.index("calendar")


@pytest.mark.parametrize(
    ("held", "reported"),
    [
        ("s/E/P", "did you mean s/E/P? known: Other/PROD/pt-1, s/E/P"),
        ("S/E/P2", "did you mean S/E/P2? known: Other/PROD/pt-1, S/E/P2"),
        ("Unlike/DEV/pt-9", "known: Other/PROD/pt-1, Unlike/DEV/pt-9"),
        (None, "known: none"),
    ],
)
def test_a_folder_that_is_not_there_names_those_that_are(held: str | None, reported: str) -> None:
    world = WholeMonth()
    for plan in ("Other/PROD/pt-1", held) if held else ():
        for day in ("01", "02"):
            world.usage_bucket.edit(f"omnistrate-metering/{plan}/2025/07/{day}/00/a.json", b"[]")
    cause = world.run().cause
    assert f"was the service or plan renamed? {reported}" in cause


def test_months_before_the_first_that_was_billed_are_named_once_start_month_includes_them() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1")])
    assert world.run().succeeded
    assert "not closed" not in world.run().result["message"]
    world.configure({**PLAN, "start_month": "2025-05"})
    assert "not billed in full: 2025-05, 2025-06; start " in world.run().result["message"]
    world.configure({**PLAN, "start_month": "2025-07"})
    assert "not closed" not in world.run().result["message"]


def test_contracts_that_are_named_when_nothing_is_due_are_named_in_the_message() -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1")])
    assert world.run().succeeded
    said = world.run(contracts=["C-1"]).result["message"]
    assert said.endswith("; nothing was done for the contracts C-1")


def test_a_marker_whose_entry_is_no_object_says_so() -> None:
    usage = MemoryObjects({EXPORT_MARKER: b'{"S:E:P": "2026-01-01T00:00:00Z"}'})
    due = a_run(plan=a_plan(start_month="2025-07"))
    books = Books(MemoryObjects(), due.plan)
    with pytest.raises(BadUsage, match='S:E:P: "2026-01-01T00:00:00Z" is not an object with last'):
        plan_months(due, books, usage)


def test_nothing_due_says_which_month_is_next() -> None:
    usage = MemoryObjects(
        {EXPORT_MARKER: b'{"S:E:P": {"last_processed_to": "2026-01-01T00:00:00Z"}}'}
    )
    run = a_run(plan=a_plan(start_month="2025-08"))
    planned = plan_months(run, Books(MemoryObjects(), run.plan), usage)
    assert planned.months == []
    assert planned.why == (
        "next is 2025-08, which ends at 2025-09-01T00:00:00Z; "
        "as_of is 2025-08-02T00:00:00Z; no month has been closed yet"
    )
    due = a_run(plan=a_plan(start_month="2025-07"))
    assert plan_months(due, Books(MemoryObjects(), due.plan), usage).why == ""
