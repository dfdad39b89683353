"""Trouble that once broke a promise, each as the shortest story of its own."""

from functions.errors import StorageBusy
from tests.builders import SEPTEMBER_2
from tests.in_memory.by_hand import decide
from tests.in_memory.clazar import Billed
from tests.in_memory.interruptions import abort, answers_lost, fails, sends
from tests.in_memory.metering_world import PLAN, WARNS, MeteringWorld
from tests.in_memory.points import nothing


def test_a_change_of_files_while_a_contract_is_parked_is_reported_once_it_counts_as_accepted() -> (
    None
):
    with MeteringWorld(lists=False, july={"c-1": {"cpu": 4}}) as world:
        world.points.choose = answers_lost(arrive=True)
        world.execute()
        assert world.parked() == {("2025-07", "c-1"): "OUTCOME_UNKNOWN"}
        world.points.choose = nothing
        world.put_usage("2025-07", "01/01", {"c-1": {"cpu": 2}})
        assert (
            "not compared with the files: c-1 (OUTCOME_UNKNOWN)"
            in world.execute().output["message"]
        )
        assert decide(world, "accepted").status == "SUCCEEDED"
        world.execute()
        assert "c-1 cpu: billed 4, usage now comes to 6 (+2)" in world.reported()


def test_a_month_has_a_report_even_if_its_run_ended_while_it_was_written() -> None:
    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        world.points.choose = fails(
            lambda point: point.label.startswith("put reports/"), StorageBusy("SlowDown")
        )
        assert world.execute().error == "StorageBusy"
        world.points.choose = nothing
        world.timeline.pass_time(3_600)
        assert world.execute().status == "SUCCEEDED"
        assert world.state()["last_processed_month"] == "2025-07"
        assert world.state_bucket.read("reports/S/E/P/2025-07/report.json")


def test_what_a_late_month_took_in_is_not_billed_again_after_its_run_was_aborted() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2, july={"c-1": {"cpu": 1}}) as world:
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 1}, "c-2": {"cpu": 0.5}})
        assert world.execute().status == "SUCCEEDED"
        world.put_usage("2025-07", "01/01", {"c-2": {"cpu": 0.5}})
        abort(world, sends, after=True, months=["2025-07"])
        assert world.clazar.quantity("2025-07", contract="c-2") == "1"
        world.timeline.pass_time(30 * 86_400)
        world.put_usage("2025-09", "01/00", {"c-2": {"cpu": 0.5}})
        world.exported_to(world.now())
        assert world.execute().status == "SUCCEEDED"
        assert Billed("c-2", "cpu", "2025-09") not in world.clazar.counts(), "1 of 1.5 is billed"


def test_final_usage_of_a_closed_month_is_refused() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/01", {"c-2": {"cpu": 3}})
        refused = world.execute(contracts=["c-2"], until="2025-07-20T00:00:00Z")
        assert refused.error == "BadInput"
        assert "until: 2025-07 is closed; give months and contracts instead" in str(refused.cause)
        world.execute(contracts=["c-2"], months=["2025-07"])
        assert world.clazar.quantity("2025-07", contract="c-2") == "3"
        (gone,) = (key for key in world.usage_bucket.objects if "/01/01/" in key)
        del world.usage_bucket.objects[gone]
        world.execute()
        assert "c-2 cpu: billed 3, usage now comes to 0 (-3)" in world.reported()


def test_what_another_plan_has_sent_and_waived_is_not_taken_for_ours() -> None:
    plans = [{**PLAN, "plan_id": name, "missing_hours": "warn"} for name in ("P1", "P2")]
    with MeteringWorld(*plans, lists=False, refuses_duplicates=False) as world:
        for plan in world.plans:
            world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 12}}, plan=plan)
        world.points.choose = answers_lost(arrive=True)
        world.execute(plan="S:E:P1")
        world.points.choose = nothing
        assert decide(world, "waived", plan="S:E:P1").status == "SUCCEEDED"
        world.clazar.lists = True
        assert world.execute(plan="S:E:P2").error == "ContractsNeedAttention"
        assert world.parked(world.plans[1]) == {("2025-07", "c-1"): "DUPLICATE"}
