"""A month is read day by day: once, by whoever comes first, and never from what has changed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.errors import StorageBusy
from tests.in_memory.clazar import Billed
from tests.in_memory.machine import Execution
from tests.in_memory.metering_world import PLAN, WARNS, MeteringWorld
from tests.memory import UsageInMemory

JULY_3 = datetime(2025, 7, 3, 12, tzinfo=UTC)
FINAL: dict[str, Any] = {"contracts": ["c-1"], "until": "2025-07-02T10:00:00Z"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the usage files that were read, by day and hour."""
    found: list[str] = []
    read = UsageInMemory.read

    def watched(self: UsageInMemory, files: Any) -> Any:
        for file, body in read(self, files):
            found.append(file.hour or "flat")
            yield file, body

    monkeypatch.setattr(UsageInMemory, "read", watched)
    return found


def quantity(world: MeteringWorld, contract: str = "c-1") -> str:
    return world.clazar.quantities()[Billed(contract, "cpu", "2025-07")]


def two_days(world: MeteringWorld) -> None:
    world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
    world.put_usage("2025-07", "02/09", {"c-1": {"cpu": 2}})


def test_what_a_dry_run_has_read_is_not_read_again(reads: list[str]) -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        world.execute(dry_run=True)
        assert reads == ["01/00", "02/09"]
        world.execute()
        world.execute()
        world.execute(dry_run=True)
        assert reads == ["01/00", "02/09"]
        assert quantity(world) == "6"


def test_of_a_month_with_a_late_file_one_day_is_read(reads: list[str]) -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        world.execute()
        reads.clear()
        world.put_usage("2025-07", "02/11", {"c-1": {"cpu": 1}})
        ended = world.execute()
        assert reads == ["02/09", "02/11"]
        assert "changed days: 02; 2025-07: c-1 cpu: billed 6" in ended.output["message"]


def test_a_day_that_another_rule_for_duplicates_was_folded_with_is_read_again(
    reads: list[str],
) -> None:
    with MeteringWorld({**WARNS, "duplicates": "sum"}) as world:
        two_days(world)
        world.execute(dry_run=True)
        world.configure(WARNS)
        world.execute()
        assert reads == ["01/00", "02/09"] * 2


@pytest.mark.parametrize("stored", [b"nonsense", b"{}", b'{"made_of": "0 max d"}'])
def test_a_fold_that_is_of_another_version_or_unreadable_is_written_over(stored: bytes) -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        world.state_bucket.objects["days/S/E/P/2025-07/01.json"] = stored
        world.execute()
        assert quantity(world) == "6"


def test_a_file_that_changes_while_its_day_is_read_is_listed_again() -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        read = UsageInMemory.read
        changes = [lambda: world.put_usage("2025-07", "02/09", {"c-1": {"cpu": 5}})]

        def changing(self: UsageInMemory, files: Any) -> Any:
            listed = list(files)
            if listed[0].hour == "02/09" and changes:
                changes.pop()()
            return read(self, listed)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(UsageInMemory, "read", changing)
            assert world.execute().status == "SUCCEEDED"
        assert quantity(world) == "9"


def test_a_day_that_was_folded_from_other_files_since_is_not_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        key, invoke = "days/S/E/P/2025-07/02.json", world.invoke

        def folded_anew(execution: Execution, state: str, payload: Any) -> Any:
            if state == "MergeUsage":
                fold = json.loads(world.state_bucket.objects[key])
                other = json.dumps({**fold, "made_of": "other files"})
                world.state_bucket.objects[key] = other.encode()
            return invoke(execution, state, payload)

        monkeypatch.setattr(world, "invoke", folded_anew)
        ended = world.execute()
        assert ended.error == "DaysMissing"
        assert "02; the first: another execution has read other files since; run again" in str(
            ended.cause
        )
        monkeypatch.undo()
        world.execute()
        assert quantity(world) == "6"


def test_two_days_that_cannot_be_read_are_named_and_the_others_are_kept(
    reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        listed = UsageInMemory.under

        def refused(self: UsageInMemory, prefix: str, **but: Any) -> Any:
            if prefix.endswith(("/02/", "/03/")):
                raise StorageBusy("503")
            return listed(self, prefix, **but)

        monkeypatch.setattr(UsageInMemory, "under", refused)
        ended = world.execute()
        assert ended.error == "DaysMissing"
        said = "2 of 32 days could not be read: 02, 03; the first: StorageBusy: "
        assert said in str(ended.cause)
        monkeypatch.setattr(UsageInMemory, "under", listed)
        world.execute()
        assert (reads, quantity(world)) == (["01/00", "02/09"], "6")


def test_the_running_month_is_read_as_far_as_its_days_are_over(reads: list[str]) -> None:
    with MeteringWorld(WARNS, now=JULY_3) as world:
        two_days(world)
        world.put_usage("2025-07", "03/00", {"c-1": {"cpu": 8}})
        ended = world.execute()
        assert (ended.status, ended.output["months"]) == ("SUCCEEDED", [])
        assert reads == ["01/00", "02/09"]
        (so_far,) = ended.output["so_far"]
        assert (so_far["files"], so_far["contracts"]) == (2, 1)
        assert so_far["totals"] == {"cpu": "6"}
        assert not world.messages
        world.pass_days(30)
        world.execute()
        assert (reads[2:], quantity(world)) == (["03/00"], "14")


def test_a_day_is_over_when_the_export_has_passed_it(reads: list[str]) -> None:
    with MeteringWorld(WARNS, now=JULY_3) as world:
        two_days(world)
        for reached, found in (
            (datetime(2025, 7, 2, 0, 59, tzinfo=UTC), []),
            (datetime(2025, 7, 2, 1, tzinfo=UTC), ["01/00"]),
            (datetime(2025, 7, 3, 1, tzinfo=UTC), ["01/00", "02/09"]),
        ):
            world.exported_to(reached)
            world.execute()
            assert reads == found


def test_what_will_stop_the_bill_is_said_before_the_month_is_over() -> None:
    plan = {**PLAN, "dimensions": {"hours": "cpu"}}
    with MeteringWorld(plan, now=JULY_3) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4, "gpu": 1}, "": {"cpu": 7}})
        world.put_usage("2025-07", "01/02", {"c-1": {"cpu": 4}})
        ended = world.execute()
        (so_far,) = ended.output["so_far"]
        hours, payer, formula = so_far["warnings"]
        assert "hours without a file under" in hours
        assert "2025-07: usage without externalPayerId is not billed: 7 cpu" in payer
        assert formula == "2025-07: no formula reads the dimensions gpu"
        world.put_usage("2025-07", "02/00", {})
        world.usage_bucket.objects["omnistrate-metering/S/E/P/2025/07/02/00/x.json"] = b"nonsense"
        ended = world.execute()
        assert ended.status == "SUCCEEDED", "nothing of it is to be billed yet"
        assert "02/00/x.json line 1" in ended.output["so_far"][0]["warnings"][0]


def test_without_a_marker_a_start_with_nothing_due_is_still_a_no_op() -> None:
    with MeteringWorld(WARNS, now=JULY_3) as world:
        two_days(world)
        del world.usage_bucket.objects["omnistrate-metering/last_success_export.json"]
        ended = world.execute()
        assert (ended.status, ended.output["so_far"]) == ("SUCCEEDED", [])


def test_final_usage_cuts_its_last_day_and_leaves_the_days_fold_alone(reads: list[str]) -> None:
    with MeteringWorld(WARNS, now=JULY_3) as world:
        two_days(world)
        world.put_usage("2025-07", "02/10", {"c-2": {"cpu": 8}})
        assert world.execute(**FINAL).status == "SUCCEEDED"
        assert (reads, quantity(world)) == (["01/00", "02/09"], "6")
        folds = [
            key.removeprefix("days/S/E/P/2025-07/")
            for key in world.state_bucket.objects
            if key.startswith("days/")
        ]
        assert folds == ["01.json", "02T10.json"]
        world.timeline.pass_time(30 * 86_400)
        world.exported_to(world.now() + timedelta(hours=1))
        world.execute()
        assert reads[2:] == ["02/09", "02/10"]
        assert quantity(world, "c-2") == "8"


def test_files_in_hour_folders_and_beside_them_stop_the_month() -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        world.put_usage("2025-07", None, {"c-1": {"cpu": 1}})
        ended = world.execute()
        assert ended.error == "BadUsage"
        assert "some files under omnistrate-metering/S/E/P/2025/07/ are in" in str(ended.cause)


def test_what_is_in_no_days_folder_stops_the_month() -> None:
    with MeteringWorld(WARNS) as world:
        two_days(world)
        for name in ("32/00/a.json", "old/a.json", "02/24/a.json", "readme.txt"):
            key = f"omnistrate-metering/S/E/P/2025/07/{name}"
            world.usage_bucket.objects[key] = b"[]"
        ended = world.execute()
        assert ended.error == "BadUsage"
        for said in ("no day 32 hour 00", "old/a.json: not a usage", "no day 02 hour 24", "readme"):
            assert said in str(ended.cause)
