"""Configurations change while a contract is underway, and ids are spelled in more than one way."""

import json
from typing import Any

import pytest

from functions.domain.plan import parse_plan
from tests.builders import JULY_14
from tests.in_memory.by_hand import decide
from tests.in_memory.clazar import Billed
from tests.in_memory.interruptions import abort, starts
from tests.in_memory.metering_world import WARNS, MeteringWorld

LOW = "ae641bd1-edf8-4038-bfed-d2ff556c729e"
UPPER = LOW.upper()


@pytest.mark.parametrize("dimensions", [{}, {"hours2": "cpu"}, {"hours": "cpu", "more": "cpu"}])
def test_usage_that_was_billed_under_another_configuration_leaves_no_remainder(
    dimensions: dict[str, str],
) -> None:
    with MeteringWorld({**WARNS, "dimensions": {"hours": "cpu"}}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        abort(world, starts("CloseMonth"), after=False)
        world.configure({**WARNS, "dimensions": dimensions})
        world.timeline.pass_time(86_400)
        world.execute()
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 10}})
        world.pass_days(31)
        world.execute()
        july, *august = sorted(world.clazar.billed(), key=lambda record: record[2])
        assert july == ("c-1", "hours", "2025-07", "4")
        months = {(month, quantity) for _, _, month, quantity in august}
        assert months == {("2025-08", "10")}, "nothing of July comes again"


@pytest.mark.parametrize("fraction", [{}, {"c-2": {"cpu": 2.5}}])
def test_what_clazar_bills_less_is_carried_whatever_other_contracts_leave(
    fraction: dict[str, Any],
) -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 7}, **fraction}) as world:
        row = {"cloud": "aws", "contract_id": "c-1", "dimension": "cpu", "status": "success"}
        times = {"start_time": "2025-07-01T00:00:00Z", "end_time": "2025-07-31T23:59:59Z"}
        world.clazar.accepted.append({**row, **times, "quantity": "4", "id": "old-1"})
        world.execute()
        decide(world, "accepted")
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 1}})
        world.pass_days(31)
        world.execute()
        assert world.clazar.quantity("2025-08") == "4"


def test_a_contract_keeps_the_spelling_that_the_ledger_knows() -> None:
    with MeteringWorld(WARNS, july={LOW: {"cpu": 4.9}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/00", {UPPER: {"cpu": 4.9}})
        world.put_usage("2025-08", "01/00", {UPPER: {"cpu": 4.9}})
        world.pass_days(31)
        world.execute(months=["2025-07", "2025-08"])
        billed = [(LOW, "cpu", "2025-07", "4"), (LOW, "cpu", "2025-08", "5")]
        assert world.clazar.billed() == billed
        assert world.execute().status == "SUCCEEDED"


def test_a_contract_that_the_state_file_lists_is_skipped_however_its_usage_spells_it() -> None:
    with MeteringWorld(WARNS, july={UPPER: {"cpu": 4}, "c-1": {"cpu": 1}}) as world:
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": [LOW]}))
        assert world.execute().status == "SUCCEEDED"
        assert list(world.clazar.quantities()) == [Billed("c-1", "cpu", "2025-07")]


def test_a_formula_that_came_to_nothing_and_is_corrected_bills_the_usage_after_all() -> None:
    with MeteringWorld({**WARNS, "dimensions": {"cpu": "cpu / 1000000"}}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 5_000}})
        abort(world, starts("CloseMonth"), after=False)
        world.configure({**WARNS, "dimensions": {"cpu": "cpu / 1000"}})
        world.timeline.pass_time(86_400)
        world.execute()
        assert world.clazar.quantities() == {Billed("c-1", "cpu", "2025-07"): "5"}


def rename_service(world: MeteringWorld) -> None:
    """Call the service R, with all its files, as the exporter does."""
    for key, body in list(world.usage_bucket.objects.items()):
        world.usage_bucket.edit(key.replace("/S/E/P/", "/R/E/P/"), body)
    world.configure({**WARNS, "service": "R"})
    world.exported_to(world.now())


def test_a_month_that_was_billed_under_the_services_earlier_name_is_not_billed_again() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/01", {"c-1": {"cpu": 1}})
        rename_service(world)
        stopped = world.execute()
        assert stopped.error == "BadInput"
        assert "2025-07 is in the books of S:E:P, a plan with the same id. If" in stopped.cause
        assert world.clazar.quantities() == {Billed("c-1", "cpu", "2025-07"): "4"}


def test_books_that_are_moved_to_the_services_new_name_go_on_there() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4.5}, "c-2": {"cpu": 1}}) as world:
        world.execute_refusing("c-2")
        rename_service(world)
        books = world.state_bucket
        for key in [key for key in books.objects if key.startswith("ledger/S/E/P/")]:
            books.edit(key.replace("/S/E/P/", "/R/E/P/"), books.objects.pop(key))
        state = books.objects["metering_state.json"].replace(b'"S:E:P"', b'"R:E:P"')
        books.edit("metering_state.json", state)
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 2.5}})
        world.pass_days(31)
        assert world.execute(retry_errors=True).status == "SUCCEEDED"
        used = [(name, month, quantity) for name, _, month, quantity in world.clazar.billed()]
        assert used == [("c-1", "2025-07", "4"), ("c-1", "2025-08", "3"), ("c-2", "2025-07", "1")]


def test_a_month_of_the_earlier_name_is_not_billed_again_because_both_are_configured() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        rename_service(world)
        world.plans.append(parse_plan(WARNS))
        for key in [key for key in world.usage_bucket.objects if "/S/E/P/" in key]:
            world.usage_bucket.objects.pop(key)
        assert "2025-07 is in the books of S:E:P" in world.execute(plan="R:E:P").cause


def test_a_month_that_the_state_file_has_under_the_earlier_name_is_not_billed_again() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        rename_service(world)
        assert "2025-07 is in the books of S:E:P" in world.execute().cause


def test_two_configured_plans_of_one_id_do_not_stand_for_each_other() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/01", {"c-1": {"cpu": 1}})
        rename_service(world)
        world.plans.append(parse_plan(WARNS))
        world.execute(plan="R:E:P")
        assert world.parked() == {("2025-07", "c-1"): "DUPLICATE"}, "it was sent"


def test_a_formula_that_was_added_after_the_close_is_named_and_sent_once_asked_for() -> None:
    formulas = {"hours": "cpu"}
    with MeteringWorld({**WARNS, "dimensions": formulas}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4, "mem": 7}, "c-2": {"mem": 2}})
        assert "no formula reads the dimensions mem" in world.execute().output["message"]
        billed = {Billed("c-1", "hours", "2025-07"): "4"}
        world.configure({**WARNS, "dimensions": {**formulas, "gib": "mem", "more": "cpu + mem"}})
        said = world.execute(months=["2025-07"]).output["message"]
        assert world.clazar.quantities() == billed, "success_contracts settles a contract"
        assert (
            "2025-07: not billed, as the formula was added since: 2 contracts (gib): c-1, c-2; to "
            'bill it, take them out of success_contracts of 2025-07 and start {"months": '
            '["2025-07"]}'
        ) in said
        report = json.loads(world.state_bucket.objects["reports/S/E/P/2025-07/report.json"])
        rows = {(row["contract_id"], row["dimension"]): row for row in report["rows"]}
        assert rows["c-1", "gib"]["open"] == "7"
        assert report["summary"]["text"].endswith("0 of 2 contracts billed, 2 open")
        notes = {(one["contract_id"], one["dimension"]): one["note"] for one in report["inputs"]}
        assert notes["c-1", "cpu"] == "read by a formula"
        assert notes["c-1", "mem"] == notes["c-2", "mem"] == "not read by any formula"
        world.edit_state(lambda entry: entry["success_contracts"]["2025-07"].remove("c-1"))
        said = world.execute(months=["2025-07"]).output["message"]
        assert world.clazar.quantities() == {**billed, Billed("c-1", "gib", "2025-07"): "7"}
        assert "c-1" not in said
        again = world.execute(months=["2025-07"])
        assert (again.status, len(world.clazar.quantities())) == ("SUCCEEDED", 2)


@pytest.mark.parametrize("lists", [True, False])
def test_a_contract_that_is_spelled_anew_keeps_the_spelling_of_each_months_ledger(
    *, lists: bool
) -> None:
    with MeteringWorld(WARNS, lists=lists, refuses_duplicates=lists, july={LOW: {"cpu": 4}}) as w:
        w.execute()
        w.put_usage("2025-08", "01/00", {UPPER: {"cpu": 4.5}})
        w.pass_days(31)
        w.execute()
        w.put_usage("2025-07", "02/00", {"c-9": {"cpu": 2}})
        w.timeline.pass_time(86_400)
        w.execute(months=["2025-07"])
        assert not w.parked()
        assert sorted(w.clazar.billed()) == [
            (UPPER, "cpu", "2025-08", "4"),
            (LOW, "cpu", "2025-07", "4"),
            ("c-9", "cpu", "2025-07", "2"),
        ]


def test_a_name_that_no_file_holds_stops_the_month_also_after_final_usage() -> None:
    with MeteringWorld({**WARNS, "dimensions": {"gpu": "gpu_hors"}}, now=JULY_14) as world:
        for hour in range(10):
            world.put_usage("2025-07", f"01/{hour:02d}", {"c-1": {"gpu_hours": 1}, "c-2": {}})
        assert world.execute(contracts=["c-1"], until="2025-07-01T10:00:00Z").status == "SUCCEEDED"
        world.pass_days(20)
        ended = world.execute()
        assert (ended.error, "gpu_hors was never exported" in str(ended.cause)) == (
            "BadInput",
            True,
        )


def test_a_name_of_earlier_usage_is_known_also_after_final_usage() -> None:
    plan = {**WARNS, "start_month": "2025-06"}
    with MeteringWorld(plan, now=JULY_14) as world:
        world.put_usage("2025-06", "01/00", {"c-1": {"gpu_hours": 1, "cpu": 1}})
        world.execute()
        for hour in range(10):
            world.put_usage("2025-07", f"01/{hour:02d}", {"c-1": {"cpu": 1}, "c-2": {"cpu": 1}})
        world.execute(contracts=["c-1"], until="2025-07-01T10:00:00Z")
        world.configure({**plan, "dimensions": {"cpu": "cpu", "gpu": "gpu_hours"}})
        world.pass_days(20)
        assert world.execute().status == "SUCCEEDED"
        assert world.clazar.quantity("2025-07", contract="c-2") == "10"


@pytest.mark.parametrize("outcome", ["accepted", "waived"])
def test_usage_that_moved_to_another_plan_is_carried_or_waived_where_only_the_first_is_billed(
    outcome: str,
) -> None:
    second = {**WARNS, "plan_id": "Q", "completeness": "calendar"}
    with MeteringWorld(WARNS, second, refuses_duplicates=True) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 100}})
        world.put_usage("2025-07", "16/00", {"c-1": {"cpu": 50}}, plan=world.plans[1])
        world.execute(plan="S:E:P")
        world.execute(plan="S:E:Q")
        [said] = world.state(world.plans[1])["error_contracts"]["2025-07"][0]["errors"]
        assert "100 (record r-1), which S:E:P accounts for; the 50 of this plan" in said
        resolve = {"contract": "c-1", "month": "2025-07", "outcome": outcome, "reason": "seen"}
        decided = world.execute(plan="S:E:Q", resolve=resolve)
        rest = "Clazar bills 0 of 50 cpu, and the difference is carried" in str(decided.output)
        assert rest is (outcome == "accepted")
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 10}}, plan=world.plans[1])
        world.pass_days(31)
        world.execute(plan="S:E:Q")
        assert world.clazar.quantity("2025-08") == {"accepted": "60", "waived": "10"}[outcome]
        reconciled = world.execute(plan="S:E:Q", reconcile="2025-07")
        assert "0 different" in str((reconciled.output or {})["message"])
