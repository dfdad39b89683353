"""Executions that end early: what they have begun is not forgotten, nor done on old news."""

from collections.abc import Iterator
from typing import Any

import pytest

from functions.errors import StorageBusy
from tests.builders import SEPTEMBER_2
from tests.in_memory.by_hand import decide, decision, move_to_success
from tests.in_memory.clazar import Billed
from tests.in_memory.interruptions import (
    abort,
    answers_lost,
    execute_without_credentials,
    sends,
    starts,
    writes,
)
from tests.in_memory.metering_world import WARNS, MeteringWorld
from tests.in_memory.points import Break, Point, Result, nothing

C_1 = Billed("c-1", "cpu", "2025-07")


@pytest.fixture
def refused() -> Iterator[MeteringWorld]:
    """A world in which c-1 was refused in July and would be taken now. Clazar has no rules."""
    with MeteringWorld(WARNS, refuses_duplicates=False) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        assert world.execute_refusing("c-1").error == "ContractsNeedAttention"
        yield world


@pytest.mark.parametrize("where", [sends, starts("CloseMonth")])
def test_a_retry_that_was_aborted_is_finished_by_the_next_run(
    refused: MeteringWorld, where: Any
) -> None:
    abort(refused, where, after=where is sends, retry_errors=True)
    refused.pass_days(1)
    assert refused.execute().status == "SUCCEEDED"
    assert refused.clazar.counts()[C_1] == 1
    assert not refused.parked()
    assert set(refused.state()["success_contracts"]["2025-07"]) == {"c-1", "c-2"}


def test_a_retry_that_had_no_credentials_is_finished_by_the_next_run(
    refused: MeteringWorld,
) -> None:
    assert execute_without_credentials(refused, retry_errors=True).error == "MonthIncomplete"
    assert refused.execute().status == "SUCCEEDED"
    assert refused.clazar.counts()[C_1] == 1
    assert not refused.parked()


def test_another_outcome_of_a_retry_that_was_aborted_is_shown_and_reported() -> None:
    with MeteringWorld(WARNS, lists=False, july={"c-1": {"cpu": 4}}) as world:
        world.execute_refusing("c-1")
        lost = answers_lost(arrive=True)
        abort(world, starts("CloseMonth"), after=False, also=lost, retry_errors=True)
        assert world.parked() == {("2025-07", "c-1"): "NOT_FOUND"}
        world.pass_days(1)
        world.execute()
        assert world.parked() == {("2025-07", "c-1"): "OUTCOME_UNKNOWN"}
        assert "2025-07: c-1 (OUTCOME_UNKNOWN since 2025-08-02)" in world.reported()
        assert world.execute().status == "SUCCEEDED", "it is reported once"


def test_a_contract_that_fails_again_is_reported_although_its_run_was_aborted(
    refused: MeteringWorld,
) -> None:
    refused.clazar.unknown_contracts.add("c-1")
    refused.reopen("2025-07", "c-1")
    messages = len(refused.messages)
    abort(refused, writes("CloseMonth", "metering_state"), after=True)
    assert refused.execute().error == "ContractsNeedAttention"
    assert refused.execute().status == "SUCCEEDED"
    assert [item.text.count("2025-07: c-1 (") for item in refused.messages[messages:]] == [1]


def test_an_error_that_nobody_had_heard_of_and_that_was_settled_by_hand_is_waived() -> None:
    with MeteringWorld({**WARNS, "late_window": 0}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.clazar.unknown_contracts.add("c-1")
        abort(world, writes("CloseMonth", "metering_state"), after=True)
        move_to_success(world)
        assert world.execute().status == "SUCCEEDED"
        assert b'"waived"' in world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]
        assert "c-1 (" not in world.reported()


def test_an_error_that_is_removed_after_two_runs_that_ended_early_is_retried() -> None:
    """The first shows it and ends before the journal has it, the second ends the month."""
    with MeteringWorld(WARNS, refuses_duplicates=False) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.clazar.unknown_contracts.add("c-1")
        abort(world, writes("CloseMonth", "metering_state"), after=True)
        world.clazar.unknown_contracts.clear()
        abort(world, starts("PlanMonths"), after=False)
        world.edit_state(lambda entry: entry["error_contracts"].update({"2025-07": []}))
        assert world.execute().status == "SUCCEEDED"
        assert world.clazar.counts()[C_1] == 1
        assert set(world.state()["success_contracts"]["2025-07"]) == {"c-1", "c-2"}


def test_a_contract_that_is_settled_by_hand_between_two_states_is_waived_by_the_next_run() -> None:
    with MeteringWorld({**WARNS, "late_window": 0}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute()
        stopped = abort(world, starts("PlanMonths"), after=False)
        move_to_success(world)
        world.redrive(stopped)
        world.execute()
        assert b'"waived"' in world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]


def test_an_execution_that_ends_before_its_message_is_marked_leaves_it_to_the_next() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.clazar.unknown_contracts.add("c-1")
        stopped = abort(world, starts("ReleasePlan"), after=False)
        assert len(world.messages) == 1
        assert world.execute().error == "ContractsNeedAttention"
        world.redrive(stopped)
        assert world.execute().status == "SUCCEEDED"


def test_a_redriven_message_of_an_execution_that_has_lost_its_plan_marks_nothing() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.clazar.unknown_contracts.add("c-1")
        stopped = abort(world, starts("SummarizeRun"), after=False)
        other = abort(world, starts("ReleasePlan"), after=False)
        world.redrive(stopped)
        assert stopped.status == "SUCCEEDED", "it knows of nothing that needs attention"
        assert world.execute().error == "ContractsNeedAttention"
        assert other.status != "SUCCEEDED"


def test_a_redriven_decision_is_not_applied_to_a_newer_doubt() -> None:
    with MeteringWorld(WARNS, lists=False, refuses_duplicates=False) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.points.choose = answers_lost(arrive=False)
        world.execute()
        resolves = writes("ResolveContract", "metering_state")
        stopped = abort(world, resolves, after=True, resolve=decision("not_accepted"))
        world.pass_days(1)
        world.points.choose = answers_lost(arrive=True)
        world.execute()
        world.points.choose = nothing
        assert world.clazar.counts()[C_1] == 1
        world.redrive(stopped)
        assert (stopped.status, stopped.error) == ("FAILED", "LeaseLost")
        world.execute()
        assert world.clazar.counts()[C_1] == 1
        assert world.parked() == {("2025-07", "c-1"): "OUTCOME_UNKNOWN"}


def test_a_redriven_execution_sends_nothing_once_others_have_worked_on_its_plan() -> None:
    with MeteringWorld(WARNS, refuses_duplicates=False, july={"c-9": {"cpu": 4}}) as world:
        stopped = abort(world, starts("ClaimContract"), after=False)
        world.put_usage("2025-07", "01/00", {"c-10": {"cpu": 4}})
        assert world.execute().status == "SUCCEEDED"
        world.redrive(stopped)
        assert (stopped.status, stopped.error) == ("FAILED", "LeaseLost")
        assert set(world.clazar.counts()) == {Billed("c-10", "cpu", "2025-07")}
        assert "others have worked on this plan" in world.reported()


def test_a_redriven_execution_goes_on_if_nobody_else_has_worked_on_its_plan() -> None:
    with MeteringWorld(WARNS, refuses_duplicates=False, july={"c-1": {"cpu": 4}}) as world:
        stopped = abort(world, sends, after=True)
        world.timeline.pass_time(600)
        world.redrive(stopped)
        assert stopped.status == "SUCCEEDED"
        assert world.clazar.counts()[C_1] == 1


def test_a_contract_that_was_settled_meanwhile_is_no_error_again(refused: MeteringWorld) -> None:
    """A CloseMonth that stands still before its state write, while others retry and close."""
    refused.reopen("2025-07", "c-1")
    refused.clazar.unknown_contracts.add("c-1")
    execution = refused.start()
    stood_still = []

    def meanwhile(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
        stood_still.append(True)
        refused.points.choose = nothing
        refused.step_functions.abort(execution)
        refused.clazar.unknown_contracts.clear()
        refused.execute(retry_errors=True)
        return effect()

    where = writes("CloseMonth", "metering_state")
    refused.points.choose = lambda point: meanwhile if where(point) else None
    refused.timeline.run()
    assert stood_still
    assert not refused.parked()
    assert refused.clazar.counts()[C_1] == 1


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_retry_that_got_stuck_on_lost_usage_can_be_given_up(
    refused: MeteringWorld, *, by_hand: bool
) -> None:
    abort(refused, starts("SubmitContract"), after=False, retry_errors=True)
    (key,) = (key for key in refused.usage_bucket.objects if "/01/00/" in key)
    refused.usage_bucket.objects[key] = b"nonsense"
    refused.timeline.pass_time(600)
    assert refused.execute().error == "BadUsage"
    if by_hand:
        move_to_success(refused)
    else:
        assert decide(refused, "waived").status == "SUCCEEDED"
    refused.configure({**WARNS, "late_window": 0})
    assert refused.execute().status == "SUCCEEDED"
    assert refused.execute().status == "SUCCEEDED"
    assert not refused.parked()
    assert b'"waived"' in refused.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]


def test_a_redriven_execution_does_not_call_a_billed_contract_failed() -> None:
    formula = {**WARNS, "dimensions": {"cpu": "cpu / (mem - 1)"}}
    with MeteringWorld(formula, july={"c-1": {"cpu": 4, "mem": 1}}) as world:
        stopped = abort(world, starts("RecordError"), after=False)
        world.configure({**WARNS, "dimensions": {"cpu": "cpu"}})
        assert world.execute().status == "SUCCEEDED"
        world.redrive(stopped)
        assert stopped.error == "LeaseLost"
        assert b"failure" not in world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]


def test_a_contract_that_was_settled_by_hand_while_it_was_being_sent_is_reported() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        stopped = abort(world, starts("CloseMonth"), after=False)
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        world.redrive(stopped)
        assert (
            "2025-07: c-1 was put into success_contracts while it was being sent"
            in world.reported()
        )


@pytest.mark.parametrize("state", ["ClaimContract", "SubmitContract"])
def test_a_contract_that_was_settled_by_hand_while_stopped_is_not_sent_by_a_redrive(
    state: str,
) -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        stopped = abort(world, starts(state), after=False)
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        world.redrive(stopped)
        assert stopped.status == "SUCCEEDED"
        assert [record["contract_id"] for record in world.clazar.accepted] == ["c-2"]
        assert b'"waived"' in world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]


def test_what_was_refused_and_settled_by_hand_while_stopped_stays_settled() -> None:
    """Even once the state file is lost: CloseMonth has seen the operator's word."""
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        world.clazar.unknown_contracts.add("c-1")
        stopped = abort(world, starts("CloseMonth"), after=False)
        world.edit_state(lambda entry: entry.update(success_contracts={"2025-07": ["c-1"]}))
        world.redrive(stopped)
        assert stopped.status == "SUCCEEDED"
        assert b'"waived"' in world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"]
        world.clazar.unknown_contracts.clear()
        del world.state_bucket.objects["metering_state.json"]
        world.execute(months=["2025-07"], retry_errors=True)
        assert [record["contract_id"] for record in world.clazar.accepted] == ["c-2"]


@pytest.mark.parametrize("where", ["ledger/S/E/P/2025-07/c-1", "remainders"])
def test_a_hand_move_that_is_taken_over_in_two_runs_leaves_nothing_behind(where: str) -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 3.6}, "c-2": {"cpu": 1}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 2.5}})
        world.execute_refusing("c-1", max_months=1)
        move_to_success(world)
        abort(world, writes("ReconcileState", where), after=True)
        world.execute()
        assert world.clazar.quantity("2025-08") == "2"


def test_a_retry_that_ended_before_its_month_was_closed_leaves_its_remainder() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 2.5}})
        world.execute_refusing("c-1", max_months=1)
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 3.6}})
        abort(world, starts("CloseMonth"), after=False, retry_errors=True, months=["2025-07"])
        world.execute()
        quantities = world.clazar.quantities()
        assert quantities[C_1] == "3"
        assert quantities[Billed("c-1", "cpu", "2025-08")] == "3", "0.6 of July and 2.5"


def test_a_month_whose_closing_is_tried_again_blames_nobody() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        failed: list[Point] = []

        def fail(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
            failed.append(point)
            raise StorageBusy("SlowDown")

        def choose(point: Point) -> Break | None:
            written = any(
                writes("CloseMonth", "metering_state")(seen) for seen in world.points.seen
            )
            journal = writes("CloseMonth", "plan.json")(point)
            return fail if written and journal and not failed else None

        world.points.choose = choose
        assert world.execute().status == "SUCCEEDED"
        assert failed
        assert "put into success_contracts" not in world.reported()


def test_months_of_the_earlier_script_are_not_called_skipped() -> None:
    error = {"contract_id": "c-1", "errors": ["e"], "code": "C", "message": "m"}
    with MeteringWorld({**WARNS, "start_month": None}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.edit_state(
            lambda entry: entry.update(
                last_processed_month="2025-07",
                success_contracts={"2025-07": ["c-2"]},
                error_contracts={"2025-07": [error]},
            )
        )
        abort(world, starts("CloseMonth"), after=False, retry_errors=True)
        world.execute()
        assert "by hand" not in world.reported()
        assert not world.parked()
