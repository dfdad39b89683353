"""What rounding leaves is billed once: through decisions, edits by hand and changed plans."""

import json

import pytest

from tests.builders import OCTOBER_2, SEPTEMBER_2
from tests.in_memory.by_hand import decision, move_to_success
from tests.in_memory.interruptions import abort, execute_without_credentials, starts, writes
from tests.in_memory.metering_world import WARNS, MeteringWorld

MONTHS = ("2025-07", "2025-08", "2025-09")
OFF = {**WARNS, "carry_remainders": False}


def use(world: MeteringWorld, **months: float) -> None:
    """Put usage of c-1 into months of 2025, written `m07`."""
    for name, value in months.items():
        world.put_usage(f"2025-{name[1:]}", "01/00", {"c-1": {"cpu": value}})


def row_of(world: MeteringWorld, month: str) -> str:
    (row,) = json.loads(world.state_bucket.objects[f"reports/S/E/P/{month}/report.json"])["rows"]
    columns = ("usage", "carried_in", "due", "billed", "open", "remainder")
    return " ".join(row[name] for name in columns)


@pytest.mark.parametrize(
    ("carry", "quantities", "august"),
    [(True, ["1", "2", "1"], "1.5 0.5 2 2 0 0"), (False, ["1", "1", "1"], "1.5 0 1.5 1 0 0.5")],
)
def test_a_remainder_is_carried_to_the_next_month_and_shown_unless_the_plan_leaves_it(
    *, carry: bool, quantities: list[str], august: str
) -> None:
    with MeteringWorld({**WARNS, "carry_remainders": carry}, now=OCTOBER_2) as world:
        use(world, m07=1.5, m08=1.5, m09=1.5)
        assert world.execute().status == "SUCCEEDED"
        assert [world.clazar.quantity(month) for month in MONTHS] == quantities
        assert row_of(world, "2025-07") == row_of(world, "2025-09") == "1.5 0 1.5 1 0 0.5"
        assert row_of(world, "2025-08") == august
        assert "usage now comes to" not in world.execute(months=["2025-08"]).output["message"]
        assert len(world.clazar.requests) == 3


def test_a_contract_that_failed_takes_its_remainder_along_when_it_is_sent_later() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        use(world, m07=1.5, m08=1.5, m09=1.5)
        world.clazar.actions.append("refuse")
        world.execute()
        assert [world.clazar.quantity(month) for month in MONTHS] == [None, "2", "1"]
        world.execute(retry_errors=True)
        assert [world.clazar.quantity(month) for month in MONTHS] == ["1", "2", "1"]


def test_a_contract_that_was_settled_by_hand_leaves_nothing_to_later_months() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        use(world, m07=3.9, m08=10.2)
        world.execute_refusing("c-1", max_months=1)
        move_to_success(world)
        assert world.execute().status == "SUCCEEDED"
        assert world.clazar.quantity("2025-08") == "10"
        entry = world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"].decode()
        assert "put into success_contracts of" in entry


def test_a_contract_that_was_listed_as_done_before_it_was_sent_leaves_nothing() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        use(world, m07=3.9, m08=10.2)
        assert execute_without_credentials(world).error == "MonthIncomplete"
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        world.execute()
        assert (world.clazar.quantity("2025-07"), world.clazar.quantity("2025-08")) == (None, "10")


def test_a_decision_that_was_aborted_behind_the_ledger_counts_and_is_shown() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        use(world, m07=3.9, m08=10.2)
        world.execute_refusing("c-1", max_months=1)
        abort(world, writes("ResolveContract", "ledger/"), after=True, resolve=decision("waived"))
        assert world.parked() == {("2025-07", "c-1"): "NOT_FOUND"}
        world.execute()
        assert world.clazar.quantity("2025-08") == "10"
        assert not world.parked()
        assert world.state()["success_contracts"]["2025-07"] == ["c-1"]


def test_a_month_that_is_worked_on_without_remainders_keeps_what_it_has_taken_in() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        use(world, m07=3.6, m08=0.4, m09=0.4)
        world.execute(max_months=2)
        assert (world.clazar.quantity("2025-07"), world.clazar.quantity("2025-08")) == ("3", "1")
        world.configure({**WARNS, "carry_remainders": False})
        world.execute(months=["2025-08"])
        world.configure(WARNS)
        world.execute()
        assert world.clazar.quantity("2025-09") is None, "4 of 4.4 are billed"


def test_what_a_closed_month_left_is_in_its_ledger_if_its_summary_is_lost() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        use(world, m07=1.5, m08=1.5, m09=0.9)
        world.execute(max_months=1)
        kept = dict(world.state_bucket.objects)
        (key,) = (key for key in kept if "/remainders/" in key)
        del world.state_bucket.objects[key]
        world.execute(max_months=1)
        assert world.clazar.quantity("2025-08") == "2", "0.5 of July and 1.5"
        world.execute(months=["2025-07"])
        assert world.state_bucket.objects[key] == kept[key]


def test_months_that_were_closed_without_carrying_leave_nothing_whenever_they_run_again() -> None:
    with MeteringWorld(OFF, now=OCTOBER_2) as world:
        use(world, m07=1.9, m08=1.9, m09=1.5)
        world.execute(max_months=2)
        world.configure(WARNS)
        world.execute(months=["2025-07"], retry_errors=True)
        abort(world, starts("CloseMonth"), after=False, months=["2025-08"])
        world.execute()
        assert [world.clazar.quantity(month) for month in MONTHS] == ["1", "1", "1"]
        assert {key for key in world.state_bucket.objects if "/remainders/" in key} == {
            "ledger/S/E/P/remainders/2025-09.json"
        }


def test_a_month_closed_without_carrying_that_operators_have_settled_leaves_nothing() -> None:
    with MeteringWorld(OFF, now=SEPTEMBER_2) as world:
        use(world, m07=4)
        for month in MONTHS[:2]:
            world.put_usage(month, "01/01", {"c-2": {"cpu": 1.5}})
        world.execute_refusing("c-1", max_months=1)
        world.configure(WARNS)
        world.clazar.unknown_contracts.add("c-1")
        abort(world, starts("CloseMonth"), after=False, months=["2025-07"], retry_errors=True)
        move_to_success(world)
        world.execute()
        assert "ledger/S/E/P/remainders/2025-07.json" not in world.state_bucket.objects
        assert [world.clazar.quantity(month, contract="c-2") for month in MONTHS[:2]] == ["1", "1"]


def test_a_month_that_leaves_nothing_takes_nothing_in_either() -> None:
    """Else what was taken in would be there for the next month once more."""
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        use(world, m07=3.6, m08=0.4, m09=0.4)
        world.execute(max_months=1)
        world.configure(OFF)
        world.put_usage("2025-08", "01/01", {"c-1": {"cpu": 1}})
        world.execute_refusing("c-1", max_months=1)
        world.configure(WARNS)
        world.execute(months=["2025-08"], retry_errors=True)
        world.execute()
        assert [world.clazar.quantity(month) for month in MONTHS] == ["3", "1", "1"]


def test_what_was_taken_in_before_carrying_was_switched_off_is_not_taken_in_again() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2) as world:
        use(world, m07=3.6, m08=0.4, m09=0.4)
        world.execute(max_months=1)
        abort(world, starts("CloseMonth"), after=False)
        world.configure(OFF)
        world.execute(max_months=1)
        world.configure(WARNS)
        world.execute()
        assert [world.clazar.quantity(month) for month in MONTHS] == ["3", "1", None]


def test_what_was_settled_by_hand_meanwhile_costs_its_month_no_second_try() -> None:
    july = "2025-07"
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        use(world, m07=3.9, m08=10.2)
        world.put_usage(july, "01/01", {"c-2": {"cpu": 1.5}})
        world.clazar.unknown_contracts.update(("c-1", "c-2"))
        world.execute(max_months=1)
        world.put_usage(july, "01/01", {"c-2": {"cpu": 1.2}})
        world.clazar.unknown_contracts.remove("c-2")
        closing = starts("CloseMonth")
        stopped = abort(world, closing, after=False, months=[july], retry_errors=True)
        move_to_success(world)
        before = len(world.points.seen)
        world.redrive(stopped)
        happened = [(point.kind, point.label) for point in world.points.seen[before:]]
        assert happened.count(("lambda", "CloseMonth")) == 1
        world.clazar.unknown_contracts.clear()
        world.execute()
        assert world.clazar.quantity("2025-08") == "10"


def test_what_one_formula_has_left_is_not_billed_in_the_unit_of_another() -> None:
    with MeteringWorld({**WARNS, "dimensions": {"cpu": "cpu"}}, now=SEPTEMBER_2) as world:
        use(world, m07=3.9, m08=100)
        world.execute(max_months=1)
        world.configure({**WARNS, "dimensions": {"cpu": "cpu / 1000"}})
        world.execute()
        assert world.clazar.quantity("2025-08") is None, "0.1 thousand core hours are used"


def test_a_partly_accepted_contract_that_was_settled_by_hand_keeps_what_was_accepted() -> None:
    with MeteringWorld(WARNS, now=OCTOBER_2, july={"c-1": {"cpu": 3.6}}) as world:
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 0.4, "mem": 2}})
        world.put_usage("2025-09", "01/00", {"c-1": {"cpu": 0.4}})
        world.execute(max_months=1)
        submit = world.clazar.post

        def refuse_mem(body: bytes) -> object:
            world.clazar.unknown_contracts.clear()
            if b'"mem"' in body and b'"cpu"' not in body:
                world.clazar.unknown_contracts.add("c-1")
            return submit(body)

        world.clazar.post = refuse_mem  # type: ignore[method-assign, assignment]
        world.execute(max_months=1)
        if ("2025-08", "c-1") in world.parked():
            move_to_success(world, "2025-08")
        world.execute()
        world.execute(months=["2025-08"])
        assert [int(world.clazar.quantity(month) or 0) for month in MONTHS] == [3, 1, 0]


def test_what_a_renamed_dimension_has_left_is_not_dropped_in_silence() -> None:
    with MeteringWorld({**WARNS, "dimensions": {"cpu": "cpu"}}, now=SEPTEMBER_2) as world:
        use(world, m07=4000, m08=4000)
        world.execute(max_months=1)
        key = "ledger/S/E/P/remainders/2025-07.json"
        left = {"contracts": {"c-1": {"cpu": "3000"}}, "formulas": {"cpu": "cpu"}}
        world.state_bucket.objects[key] = json.dumps(left).encode()
        world.configure({**WARNS, "dimensions": {"vcpu": "cpu"}})
        ended = world.execute(dry_run=True)
        said = "2025-08: 3,000 of c-1 cpu, left in 2025-07, is not carried"
        assert said in str(ended.output)
        world.configure(WARNS)
        world.execute()
        assert world.clazar.quantity("2025-08") == "7000", "usage as it is has no other unit"
