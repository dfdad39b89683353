"""Executions end, wait, are aborted and redriven as those of Step Functions are."""

from datetime import timedelta
from typing import Any

from tests.in_memory.timeline import Aborted
from tests.in_memory.tiny_machines import (
    BUSY,
    NOON,
    Busy,
    Functions,
    Running,
    a_distributed_map,
    a_machine,
    a_task,
    always,
    fails_times,
)


def test_a_redriven_execution_runs_nothing_again_that_has_ended() -> None:
    once = fails_times(1, Busy())
    functions = Functions(T=lambda item: once(item) if item == "second" else item)
    functions.objects["b/k"] = ["first", "second", "third"]
    machine = a_distributed_map()
    machine = {"StartAt": "Before", "States": {"Before": a_task(Next="M"), **machine["States"]}}
    del machine["States"]["Before"]["End"]
    running = Running(machine, functions)
    execution = running.execute({"key": "k"})
    assert execution.status == "FAILED"
    before = len(functions.calls)
    running.step_functions.redrive(execution)
    running.timeline.run()
    assert execution.status == "SUCCEEDED"
    assert functions.calls[before:] == [("T", "second")]


def test_an_aborted_execution_does_not_go_on() -> None:
    running = Running(a_machine(S=a_task(Retry=[BUSY])), Functions(S=always(Busy())))
    execution = running.step_functions.start({})
    running.timeline.at(
        NOON + timedelta(seconds=15), lambda: running.step_functions.abort(execution)
    )
    running.timeline.run()
    assert (execution.status, len(running.functions.calls)) == ("ABORTED", 2)


def test_an_execution_that_takes_too_long_is_timed_out() -> None:
    machine = {**a_machine(S=a_task(Retry=[BUSY])), "TimeoutSeconds": 20}
    running = Running(machine, Functions(S=always(Busy())))
    assert running.execute({}).status == "TIMED_OUT"
    assert running.waited == 20


def test_two_executions_share_the_time_in_which_one_of_them_waits() -> None:
    running = Running(a_machine(S=a_task(Retry=[BUSY])), Functions(S=fails_times(2, Busy())))
    first, second = running.step_functions.start(1), running.step_functions.start(2)
    running.timeline.run()
    assert (first.output, second.output, running.waited) == (1, 2, 10)


def test_what_ends_a_step_by_abortion_is_not_caught_by_the_definition() -> None:
    def aborted(_payload: Any) -> Any:
        raise Aborted

    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    running = Running(a_machine(S=a_task(Catch=catch)), Functions(S=aborted))
    assert running.execute({}).status == "RUNNING"
