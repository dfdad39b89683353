"""The state file in hands that slip: nothing is skipped or settled in silence."""

import pytest

from tests.builders import OCTOBER_2
from tests.in_memory.clazar import Billed
from tests.in_memory.interruptions import execute_without_credentials
from tests.in_memory.metering_world import WARNS, MeteringWorld

MONTHS = ("2025-07", "2025-08", "2025-09")


def three_months(world: MeteringWorld) -> None:
    for month in MONTHS:
        world.put_usage(month, "01/00", {"c-1": {"cpu": 4}})
    assert world.execute(max_months=1).status == "SUCCEEDED"


def set_last(world: MeteringWorld, month: str) -> None:
    world.edit_state(lambda entry: entry.update(last_processed_month=month))


def test_a_last_month_that_is_not_over_is_refused_by_name() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        three_months(world)
        set_last(world, "2026-07")
        ended = world.execute()
        assert ended.error == "BadState"
        assert "S:E:P.last_processed_month: 2026-07 has not ended" in str(ended.cause)
        assert world.state()["last_processed_month"] == "2026-07"


def test_a_last_month_that_would_bill_months_before_start_month_is_refused() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        three_months(world)
        set_last(world, "2025-05")
        text = (
            "S:E:P.last_processed_month: 2025-05 is before 2025-06, so months before start_month "
            "2025-07 would be billed; set one of the two"
        )
        ended = world.execute()
        assert (ended.error, text in str(ended.cause)) == ("BadState", True)
        preview = world.execute(dry_run=True)
        assert (preview.error, text in str(preview.cause)) == ("BadState", True)
        assert {billed.month for billed in world.clazar.counts()} == {"2025-07"}
        set_last(world, "2025-06")
        assert world.execute().status == "SUCCEEDED"
        world.edit_state(lambda entry: entry.pop("last_processed_month"))
        world.configure({**WARNS, "start_month": "2026-01"})
        assert world.execute().error == "BadState", "the journal knows it as well"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        ({"2026-07": ["c-1"]}, "S:E:P: 2026-07 has not begun yet"),
        ({"2025-07": ["C-1"]}, "S:E:P, 2025-07: 'C-1' may be 'c-1' of the usage files"),
    ],
)
def test_a_success_that_was_mistyped_stops_the_plan_before_anything_is_sent(
    done: dict[str, list[str]], said: str
) -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2, july={"c-1": {"cpu": 4}}) as world:
        world.execute(dry_run=True)
        world.edit_state(lambda entry: entry.update(success_contracts=done))
        ended = world.execute(max_months=1)
        assert (ended.error, said in str(ended.cause)) == ("BadState", True)
        assert not world.clazar.counts()


def test_who_is_left_out_and_who_was_settled_before_is_named() -> None:
    two = {"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}
    with MeteringWorld(WARNS, july=two) as world:
        said = world.execute(contracts=["c-1"]).output["message"]
        left_out = "2025-07 stays open, as only some contracts were asked for; not accounted for"
        assert f"{left_out} yet: c-2" in said
        assert "stays open" not in (world.execute().output["message"] or "")
        said = world.execute(months=["2025-07"], contracts=["c-1"]).output["message"]
        assert "2025-07: settled before, so nothing was sent: c-1" in said


def test_a_month_asked_for_out_of_order_opens_no_gap() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        for month in MONTHS:
            world.put_usage(month, "01/00", {"c-1": {"cpu": 4}})
        world.execute(months=["2025-08"])
        assert {billed.month for billed in world.clazar.counts()} == {"2025-08"}
        assert "last_processed_month" not in world.state()
        world.execute()
        assert {billed.month for billed in world.clazar.counts()} == set(MONTHS)
        assert world.state()["last_processed_month"] == "2025-09"


def test_what_was_lost_from_the_state_file_is_restored_from_the_ledger_not_sent_again() -> None:
    used = {"cpu": 4}
    with MeteringWorld(WARNS, refuses_duplicates=False) as world:
        world.put_usage("2025-07", "01/00", dict.fromkeys(("c-1", "c-2", "c-3"), used))
        world.execute_refusing("c-3")
        requests = len(world.clazar.requests)
        for key in ("metering_state.json", "ledger/S/E/P/plan.json"):
            del world.state_bucket.objects[key]
        assert world.execute().error == "ContractsNeedAttention"
        assert len(world.clazar.requests) == requests
        assert world.state()["success_contracts"] == {"2025-07": ["c-1", "c-2"]}
        assert world.parked().keys() == {("2025-07", "c-3")}


def test_a_contract_whose_usage_went_away_after_it_was_claimed_does_not_keep_the_month_open() -> (
    None
):
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-old": {"cpu": 4}}) as world:
        assert execute_without_credentials(world).error == "MonthIncomplete"
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-new": {"cpu": 4}})
        assert world.execute().status == "SUCCEEDED"
        assert {billed.contract for billed in world.clazar.counts()} == {"c-1", "c-new"}
        assert world.state()["last_processed_month"] == "2025-07"


def test_months_that_were_skipped_by_hand_are_named_until_they_are_billed() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        three_months(world)
        set_last(world, "2025-08")
        reported = world.execute().output["message"]
        assert "last_processed_month was moved to 2025-08 by hand" in reported
        left = 'in full: 2025-08; start {"plan":"S:E:P","months":["2025-08"]} to bill them, or set'
        assert left in reported
        assert Billed("c-1", "cpu", "2025-08") not in world.clazar.counts()
        assert Billed("c-1", "cpu", "2025-09") in world.clazar.counts()
        again = world.execute().output["message"]
        assert ("by hand" in again, left in again) == (False, True)
        assert left not in world.execute(months=["2025-08"]).output["message"]
        assert world.clazar.counts()[Billed("c-1", "cpu", "2025-08")] == 1
        assert "in full" not in world.execute().output["message"]


def test_months_of_an_earlier_program_are_not_taken_for_skipped_ones() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2, july={"c-2": {"cpu": 4}}) as world:
        done = {month: ["c-1"] for month in MONTHS[:2]}
        world.edit_state(lambda entry: entry.update(success_contracts=done))
        set_last(world, "2025-08")
        world.put_usage("2025-09", "01/00", {"c-1": {"cpu": 4}})
        assert "in full" not in world.execute(months=["2025-07"]).output["message"]
        assert "in full" not in world.execute().output["message"]


def test_usage_that_is_gone_is_named_in_the_message_of_its_month() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2, july={"c-1": {"cpu": 4, "mem": 7}}) as world:
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 5}})
        world.put_usage("2025-09", "01/00", {})
        ended = world.execute()
        assert ended.status == "SUCCEEDED"
        said = str(ended.output["message"])
        assert "2025-08: mem: 7 in 2025-07, now 0 (gone)" in said
        assert "2025-09: cpu: 5 in 2025-08, now 0 (gone)" in said
        assert "2025-09: none of 1 usage file holds a record; check whether the export" in said


def test_a_success_that_is_nobodys_is_named_and_stops_what_it_may_be_meant_for() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        world.execute_refusing("c-2")
        world.edit_state(lambda entry: entry["error_contracts"].clear())
        world.edit_state(lambda entry: entry["success_contracts"]["2025-07"].append("c-2x"))
        ended = world.execute()
        assert (ended.error, "'c-2' has left error_contracts" in str(ended.cause)) == (
            "BadState",
            True,
        )
        assert Billed("c-2", "cpu", "2025-07") not in world.clazar.counts()
        world.edit_state(lambda entry: entry["success_contracts"]["2025-07"].append("c-2"))
        said = world.execute(months=["2025-07"]).output["message"]
        assert "2025-07: success without usage or a record: c-2x" in said
        assert Billed("c-2", "cpu", "2025-07") not in world.clazar.counts()


def test_a_last_month_that_was_moved_back_bills_nothing_twice() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2, refuses_duplicates=False) as world:
        three_months(world)
        world.execute()
        set_last(world, "2025-07")
        assert world.execute().status == "SUCCEEDED"
        assert "by hand" not in world.reported()
        assert set(world.clazar.counts().values()) == {1}
        assert world.state()["last_processed_month"] == "2025-09"


def test_a_dimension_that_was_refused_and_has_no_usage_any_more_is_reported() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        gone = world.put_usage("2025-07", "01/01", {"c-1": {"mem": 7}})
        world.execute_refusing("c-1")
        del world.usage_bucket.objects[gone]
        reported = world.execute(retry_errors=True).output["message"]
        assert (
            "2025-07: c-1 mem: 7 was not billed before, and "
            "today's files and configuration no longer come to it" in reported
        )
        assert Billed("c-1", "cpu", "2025-07") in world.clazar.counts()


def test_many_notices_are_heard_only_if_they_were_in_a_message() -> None:
    with MeteringWorld(WARNS) as world:
        names = [f"{'contract' * 25}-{number:02d}" for number in range(45)]
        world.put_usage("2025-07", "01/00", {name: {"cpu": 4} for name in names})
        world.put_usage("2025-07", "01/02", {"": {"d" * 80: 1}})
        world.clazar.unknown_contracts.update(names)
        world.execute()
        (message,) = world.messages
        assert "usage without externalPayerId is not billed: 1" in message.text
        assert "hours without a file" in message.text


def test_a_month_that_was_left_open_and_passed_over_by_hand_is_reported() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        for month in MONTHS:
            world.put_usage(month, "01/00", {"c-1": {"cpu": 4}})
        assert execute_without_credentials(world, max_months=1).error == "MonthIncomplete"
        set_last(world, "2025-07")
        reported = world.execute().output["message"]
        assert "not closed by this pipeline and not billed in full: 2025-07;" in reported


def test_an_entry_that_cannot_be_read_is_reported_and_stops_no_new_month() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        world.clazar.unknown_contracts.add("c-2")
        for month in MONTHS:
            world.put_usage(month, "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/01", {"c-2": {"cpu": 4}})
        world.execute(max_months=1)
        world.state_bucket.objects["ledger/S/E/P/2025-07/c-2.json"] = b"{"
        ended = world.execute()
        assert ended.status == "SUCCEEDED", ended.cause
        assert "ledger/S/E/P/2025-07/c-2.json cannot be read" in ended.output["message"]
        assert Billed("c-1", "cpu", "2025-09") in world.clazar.counts()
