"""Files that come or change after their month was billed, and usage that ends before its month."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.builders import JULY_14, a_record
from tests.in_memory.clazar import Billed
from tests.in_memory.metering_world import FINAL, PLAN, WARNS, MeteringWorld

NOTHING = "next is 2025-"
REPORT = "reports/S/E/P/2025-07/report.json"
LATE_USAGE = "reports/S/E/P/2025-07/late-usage.json"


@pytest.fixture
def billed() -> Iterator[MeteringWorld]:
    """A world in which July was billed and nothing else is due."""
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 6}, "c-2": {"cpu": 6}}) as world:
        assert world.execute().status == "SUCCEEDED"
        yield world


def message(world: MeteringWorld, **given: Any) -> str:
    return str(world.execute(**given).output["message"])


def test_a_change_is_reported_once_and_the_next_one_again(billed: MeteringWorld) -> None:
    billed.put_usage("2025-07", "01/00", {"c-1": {"cpu": 9}, "c-2": {"cpu": 6}})
    billed.put_usage("2025-07", "02/06", {"c-new": {"cpu": 5}})
    said = message(billed)
    changed = "2025-07: usage changed after it was billed and is not billed: changed days: 01, 02; "
    assert changed in said
    assert "c-1 cpu: billed 6, usage now comes to 9 (+3)" in said
    assert "c-new cpu: billed 0, usage now comes to 5 (+5)" in said
    assert "c-2" not in said
    assert len(billed.clazar.requests) == 2, "nothing is sent"
    assert json.loads(billed.state_bucket.objects[LATE_USAGE])["days"] == ["01", "02"]
    assert message(billed).startswith(NOTHING)
    billed.put_usage("2025-07", "01/07", {"c-1": {"cpu": 1}})
    assert "(+4)" in message(billed)


def test_a_change_is_reported_by_the_run_that_bills_the_next_month(billed: MeteringWorld) -> None:
    billed.put_usage("2025-07", "01/06", {"c-1": {"cpu": 1}})
    billed.put_usage("2025-08", "01/00", {"c-1": {"cpu": 3}})
    billed.pass_days(31)
    output = billed.execute().output
    months = [(month["month"], month["late"]) for month in output["months"]]
    assert months == [("2025-08", False), ("2025-07", True)]
    assert billed.clazar.quantity("2025-08") == "3"
    assert "2025-07: c-1 cpu: billed 6, usage now comes to 7 (+1)" in output["message"]


def test_a_dry_run_tells_a_change_and_leaves_it_to_be_reported(billed: MeteringWorld) -> None:
    billed.put_usage("2025-07", "01/06", {"c-1": {"cpu": 1}})
    before = dict(billed.state_bucket.objects)
    assert "(+1)" in message(billed, dry_run=True)
    changed = {key for key, body in billed.state_bucket.objects.items() if before.get(key) != body}
    kept = {key for key in changed if not key.startswith("previews/")}
    assert kept == {"days/S/E/P/2025-07/01.json"}, "which says what the files hold"
    assert "(+1)" in message(billed)


def test_files_that_are_gone_are_reported_too(billed: MeteringWorld) -> None:
    key = billed.put_usage("2025-07", "01/01", {"c-1": {"cpu": 1}})
    message(billed, months=["2025-07"])
    del billed.usage_bucket.objects[key]
    assert "changed days: 01; no contract's usage differs" in message(billed)


def test_late_usage_that_cannot_be_read_is_named_after_what_is_due_was_billed(
    billed: MeteringWorld,
) -> None:
    billed.usage_bucket.objects["omnistrate-metering/S/E/P/2025/07/01/06/x.json"] = b"nonsense"
    billed.put_usage("2025-08", "01/00", {"c-1": {"cpu": 3}})
    billed.pass_days(31)
    ended = billed.execute()
    assert ended.error == "BadUsage"
    assert "01/06/x.json" in str(ended.cause)
    assert billed.clazar.quantity("2025-08") == "3"
    assert billed.state()["last_processed_month"] == "2025-08"


def test_months_outside_the_window_are_not_compared(billed: MeteringWorld) -> None:
    billed.put_usage("2025-07", "01/06", {"c-1": {"cpu": 1}})
    billed.configure({**WARNS, "late_window": 0})
    assert message(billed).startswith(NOTHING)
    billed.put_usage("2025-08", "01/00", {"c-1": {"cpu": 1}})
    billed.pass_days(31)
    assert "(+1)" not in message(billed)
    billed.configure({**WARNS, "late_window": 1})
    assert message(billed).startswith(NOTHING)
    assert billed.state()["last_processed_month"] == "2025-08"
    billed.configure({**WARNS, "late_window": 2})
    assert "(+1)" in message(billed)


def test_the_report_tells_what_was_billed_from_what_the_files_say_now() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4.44}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/06", {"c-1": {"cpu": 3.3}, "c-2": {"cpu": 1.5}})
        world.execute(months=["2025-07"])
        old, new = json.loads(world.state_bucket.objects[REPORT])["rows"]
        columns = ("usage", "carried_in", "due", "billed", "open", "remainder")
        assert [old[name] for name in columns] == ["4.44", "0", "4.44", "4", "0", "0.44"]
        assert old["detail"] == "today's files and configuration come to 7.74"
        assert [new[name] for name in columns] == ["1.5", "0", "1.5", "1", "0", "0.5"]


def test_a_contract_that_a_person_settled_is_not_compared(billed: MeteringWorld) -> None:
    billed.put_usage("2025-07", "01/06", {"c-by-hand": {"cpu": 5}})
    billed.edit_state(lambda entry: entry["success_contracts"]["2025-07"].append("c-by-hand"))
    said = message(billed)
    assert "no other contract's usage differs" in said
    assert "not compared with the files: c-by-hand (settled by an operator)" in said


def test_final_usage_waits_until_the_export_has_passed_that_hour() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.exported_to(datetime(2025, 7, 1, 10, 9, 59, tzinfo=UTC))
        (waiting,) = world.execute(**FINAL).output["waiting"]
        assert waiting["month"] == "2025-07"
        assert "must reach 2025-07-01T10:10:00Z; start again then" in waiting["reason"]
        assert not world.clazar.accepted
        world.exported_to(datetime(2025, 7, 1, 10, 10, tzinfo=UTC))
        assert world.execute(**FINAL).status == "SUCCEEDED"
        assert world.clazar.quantities() == {Billed("c-1", "cpu", "2025-07"): "4"}


def test_final_usage_is_billed_up_to_its_hour_and_not_again_by_its_month() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        for hour in ("09", "10"):
            world.put_usage("2025-07", f"01/{hour}", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        assert world.execute(**FINAL, dry_run=True).status == "SUCCEEDED"
        assert not world.clazar.requests
        assert all(key.startswith(("previews/", "days/")) for key in world.state_bucket.objects)
        for _ in range(2):
            assert world.execute(**FINAL).status == "SUCCEEDED"
        (record,) = world.clazar.accepted
        window = ("2025-07-01T00:00:00Z", "2025-07-01T09:59:59Z")
        assert (record["start_time"], record["end_time"]) == window
        assert "last_processed_month" not in world.state()
        entry = json.loads(world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"])
        assert entry["until"] == FINAL["until"]
        world.pass_days(20)
        assert "c-1 cpu: billed 4, usage now comes to 8 (+4)" in message(world)
        quantities = {name: quantity for name, _, _, quantity in world.clazar.billed()}
        assert quantities == {"c-1": "4", "c-2": "2"}
        assert world.state()["last_processed_month"] == "2025-07"


def test_a_missing_hour_before_its_end_stops_final_usage() -> None:
    with MeteringWorld(PLAN, now=JULY_14) as world:
        for hour in ("07", "09"):
            world.put_usage("2025-07", f"01/{hour}", {"c-1": {"cpu": 4}})
        ended = world.execute(**FINAL)
        assert ended.error == "BadUsage"
        assert "01/08" in str(ended.cause)
        assert not world.clazar.accepted


def test_final_usage_of_the_only_contract_of_a_plan_does_not_close_the_running_month() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.execute(**FINAL)
        assert "last_processed_month" not in world.state()
        world.put_usage("2025-07", "31/23", {"c-new": {"cpu": 1}})
        world.pass_days(20)
        world.execute()
        assert world.clazar.quantity("2025-07", contract="c-new") == "1"
        assert world.state()["last_processed_month"] == "2025-07"


def test_late_usage_of_a_month_that_is_worked_on_again_is_written_down_until_it_is_billed() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 6}, "c-2": {"cpu": 6}}) as world:
        world.execute_refusing("c-2")
        world.put_usage("2025-07", "01/05", {"c-new": {"cpu": 5}})
        reported = message(world, retry_errors=True)
        assert "usage changed after it was billed and is not billed: changed days: 01" in reported
        assert "c-new cpu: billed 0, usage now comes to 5 (+5)" in reported
        assert world.clazar.quantity("2025-07", contract="c-2") == "6"
        assert world.clazar.quantity("2025-07", contract="c-new") is None
        report = json.loads(world.state_bucket.objects[LATE_USAGE])
        assert report["days"] == ["01"]
        assert [found["contract_id"] for found in report["differences"]] == ["c-new"]
        months = world.execute(months=["2025-07"]).output["months"]
        assert [month["changed"] for month in months] == [False]
        asked = world.clazar.quantity("2025-07", contract="c-new")
        assert asked == "5", "a person has asked for it"
        assert json.loads(world.state_bucket.objects[LATE_USAGE])["differences"] == []


@pytest.mark.parametrize("retry_errors", [False, True])
def test_late_usage_that_cannot_be_worked_out_is_reported(*, retry_errors: bool) -> None:
    with MeteringWorld({**WARNS, "dimensions": {"cost": "cpu / mem"}}) as world:
        usage = {"c-1": {"cpu": 4, "mem": 2}, "c-2": {"cpu": 4, "mem": 1}}
        world.put_usage("2025-07", "01/00", usage)
        world.execute_refusing("c-2")
        world.put_usage("2025-07", "01/01", {"c-3": {"cpu": 4}})
        ended = world.execute(retry_errors=retry_errors)
        assert "2025-07: c-3 cpu: billed 0, usage now comes to 4" in ended.output["message"]
        assert [month["changed"] for month in ended.output["months"]] == [True]


def test_a_changed_formula_says_nothing_of_usage_that_is_as_it_was_billed() -> None:
    with MeteringWorld({**WARNS, "dimensions": {"cost": "cpu"}}, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4, "mem": 4}})
        world.put_usage("2025-07", "01/12", {"c-2": {"cpu": 8, "mem": 9}})
        assert world.execute(**FINAL).status == "SUCCEEDED"
        world.configure({**WARNS, "dimensions": {"cost": "cpu / (mem - 4)"}})
        world.pass_days(20)
        assert "c-1" not in message(world)
        world.put_usage("2025-07", "01/13", {"c-1": {"cpu": 1}})
        assert "2025-07: c-1 cpu: billed 4, usage now comes to 5" in message(world)


def test_a_month_whose_folds_have_expired_is_read_again_and_can_still_be_worked_on() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 6}, "c-2": {"cpu": 6}}) as world:
        world.execute_refusing("c-2")
        world.put_usage("2025-07", "02/01", {"c-1": {"cpu": 1}})
        for key in [key for key in world.state_bucket.objects if key.startswith("days/")]:
            del world.state_bucket.objects[key]
        reported = message(world, retry_errors=True)
        assert "is not billed: changed days: 02" in reported
        assert "c-1 cpu: billed 6, usage now comes to 7 (+1)" in reported
        assert not world.parked()


def test_final_usage_has_a_report_of_its_own_and_leaves_the_months_as_it_is() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}, "c-2": {"cpu": 7}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute(**FINAL)
        assert REPORT not in world.state_bucket.objects
        world.pass_days(20)
        world.execute()
        before = world.state_bucket.objects[REPORT]
        ended = world.execute(**FINAL)
        assert world.state_bucket.objects[REPORT] == before
        key = f"reports/S/E/P/2025-07/final-{ended.name}.json"
        report = json.loads(world.state_bucket.objects[key])
        assert {row["contract_id"] for row in report["rows"]} == {"c-1"}
        assert report["until"] == FINAL["until"]


def test_a_contract_that_was_never_billed_is_billed_by_the_input_that_the_message_names(
    billed: MeteringWorld,
) -> None:
    billed.put_usage("2025-07", "01/06", {"c-9": {"cpu": 5}, "c-1": {"cpu": 1}})
    reported = message(billed)
    assert "2025-07: never billed: c-9; start " in reported
    given = json.loads(reported.partition("c-9; start ")[2].partition(" to bill them")[0])
    assert billed.execute(**given).status == "SUCCEEDED"
    assert billed.clazar.quantity("2025-07", contract="c-9") == "5"
    assert billed.clazar.quantity("2025-07") == "6"
    billed.put_usage("2025-07", "01/07", {"c-1": {"cpu": 1}})
    assert "never billed" not in message(billed)


def test_other_counting_of_duplicates_since_is_no_late_usage_of_others() -> None:
    with MeteringWorld(WARNS) as world:
        twice = [a_record("c-1", "cpu", value=value, podName="p") for value in (2, 5)]
        key = world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 5}})
        world.usage_bucket.edit(key, json.dumps(twice).encode())
        assert world.execute().status == "SUCCEEDED"
        world.configure({**WARNS, "duplicates": "sum"})
        world.put_usage("2025-07", "01/06", {"c-2": {"cpu": 1}})
        said = message(world)
        assert "c-2 cpu: billed 0, usage now comes to 1 (+1)" in said
        assert "c-1 cpu" not in said


def test_a_contract_that_leaves_the_successes_without_having_been_billed_is_named_once() -> None:
    with MeteringWorld(WARNS) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 6}, "c-2": {"cpu": 7}})
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-2"]}))
        assert world.execute().status == "SUCCEEDED"
        assert message(world).startswith(NOTHING)
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        said = message(world)
        assert "2025-07: c-2 cpu: billed 0, usage now comes to 7 (+7)" in said
        assert 'never billed: c-2; start {"plan": "S:E:P", "months": ["2025-07"]}' in said
        assert message(world).startswith(NOTHING)
        world.execute(months=["2025-07"])
        assert world.clazar.quantity("2025-07", contract="c-2") == "7"
