"""What is not billed is never silent: every run names it, and some runs send a reminder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.domain.plan import parse_plan
from tests.builders import SEPTEMBER_2
from tests.in_memory.by_hand import decide, move_to_success
from tests.in_memory.interruptions import abort, execute_without_credentials, tells
from tests.in_memory.machine import Execution
from tests.in_memory.metering_world import WARNS, MeteringWorld

C_1 = "2025-07: c-1 (NOT_FOUND since 2025-08-01)"
ERROR = {"contract_id": "c-9", "errors": ["e"], "code": "ERROR_001", "message": "m"}


@pytest.fixture
def world() -> Iterator[MeteringWorld]:
    """A world in which c-1 was refused on the first of August, at half past one."""
    with MeteringWorld(WARNS, now=datetime(2025, 8, 1, 2, 30, tzinfo=UTC)) as found:
        found.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        found.clazar.unknown_contracts.add("c-1")
        ended = found.execute()
        assert (ended.error, C_1 in ended.cause) == ("ContractsNeedAttention", True)
        assert "needs review" not in found.messages[0].subject
        found.messages.clear()
        yield found


def at(world: MeteringWorld, *days: int, month: int = 8) -> list[int]:
    """Start a run on each of these days and return those on which a reminder was sent."""
    reminded = []
    for day in days:
        wanted = datetime(2025, month, day, 5, 30, tzinfo=UTC)
        world.timeline.pass_time(max(0.0, (wanted - world.now()).total_seconds()))
        ended = world.execute()
        assert ended.status == "SUCCEEDED", ended.cause
        assert C_1 in ended.output["message"], "named in every run, also with nothing due"
        if world.messages:
            (message,) = world.messages
            assert C_1 in message.text
            assert "retry_errors" in message.text
            assert message.subject == "[dev] S: 1 contract still not billed"
            reminded.append(day)
            world.messages.clear()
    return reminded


def test_a_standing_error_is_sent_once_a_day_on_days_1_to_3_and_once_a_week_later(
    world: MeteringWorld,
) -> None:
    assert at(world, 1, 2, 2, 3, 3, 4, 7) == [2, 3]
    assert at(world, 8, 8, 10, 15, 21, 22, 29, 31) == [8, 15, 22, 29]
    assert at(world, 1, 1, 2, month=9) == [1, 2]


def test_a_start_at_which_nothing_is_reported_changes_nothing(world: MeteringWorld) -> None:
    before = dict(world.state_bucket.objects)
    world.execute()
    changed = {key for key, body in world.state_bucket.objects.items() if before.get(key) != body}
    assert changed <= {"leases/S/E/P.json"}


def test_a_reminder_that_was_not_delivered_is_sent_by_the_next_run(world: MeteringWorld) -> None:
    world.timeline.pass_time(86_400)
    abort(world, tells(), after=False)
    world.messages.clear()
    assert at(world, 2) == [2]


def test_what_is_settled_is_not_reminded_of(world: MeteringWorld) -> None:
    assert decide(world, "waived").status == "SUCCEEDED"
    world.timeline.pass_time(86_400)
    ended = world.execute()
    assert (ended.output["unresolved"], ended.output["open_contracts"]) == (0, [])
    assert not world.messages


def test_the_errors_of_an_earlier_program_are_announced_once_by_name() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        earlier = {"last_processed_month": "2025-07", "success_contracts": {"2025-07": ["c-1"]}}
        errors = {"2025-07": [{**ERROR, "last_retry_time": "2025-08-01 11:12"}]}
        world.edit_state(lambda entry: entry.update({**earlier, "error_contracts": errors}))
        ended = world.execute()
        assert ended.error == "ContractsNeedAttention"
        assert "2025-07: c-9 (ERROR_001 since 2025-08-01)" in ended.cause
        assert world.execute().status == "SUCCEEDED"
        assert len(world.messages) == 1


def in_both_lists(world: MeteringWorld) -> None:
    """Have an earlier program's word that c-1 was billed, and that it was not."""
    error = {**ERROR, "contract_id": "c-1"}
    lists = {"success_contracts": {"2025-07": ["c-1"]}, "error_contracts": {"2025-07": [error]}}
    world.edit_state(lambda entry: entry.update({"last_processed_month": "2025-07", **lists}))
    why = "in both lists, take it out of success_contracts to retry: ERROR_001"
    said = f"c-1 ({why} since 2025-08-02)"
    assert said in world.execute().cause
    assert said in world.execute(retry_errors=True).output["message"]
    assert said in world.messages[-1].text
    assert not world.clazar.requests, "it may be billed"
    world.edit_state(lambda entry: entry["success_contracts"]["2025-07"].clear())


def test_a_contract_in_both_lists_is_retried_once_it_is_no_success() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        in_both_lists(world)
        assert "c-1 (ERROR_001 since 2025-08-02)" in world.execute().output["message"]
        world.execute(retry_errors=True)
        assert (world.clazar.quantity("2025-07"), world.parked()) == ("4", {})


def test_a_contract_that_was_in_both_lists_can_be_settled_by_hand() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        in_both_lists(world)
        world.execute()
        move_to_success(world)
        assert world.execute(retry_errors=True).output["unresolved"] == 0
        assert not world.clazar.requests


def test_a_dry_run_names_what_is_open_and_marks_nothing(world: MeteringWorld) -> None:
    world.timeline.pass_time(86_400)
    assert C_1 in world.execute(dry_run=True).output["message"]
    assert not world.messages
    assert at(world, 2) == [2]


def test_a_dry_run_says_what_would_be_sent() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4, "mem": 1}, "c-2": {"cpu": 0}}) as world:
        output = world.execute(dry_run=True).output
        (month,) = output["months"]
        assert (month["to_submit"], month["to_submit_records"], month["skipped"]) == (1, 2, 1)
        assert "2025-07: would send 2 records of 1 contract" in output["message"]
        assert month["submitted"] == 0


def test_open_contracts_of_a_plan_that_is_configured_no_longer_are_named_and_reminded_of() -> None:
    other = {**WARNS, "plan_id": "Q"}
    with MeteringWorld(WARNS, other) as world:
        for plan in world.plans:
            world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}}, plan=plan)
        world.clazar.unknown_contracts.add("c-1")
        world.execute(plan="S:E:Q")
        world.clazar.unknown_contracts.clear()
        assert "S:E:Q" not in world.execute(plan="S:E:P").output["message"]
        del world.plans[1]
        world.messages.clear()
        said = "S:E:Q is not configured, and 1 contract of it not billed: c-1 2025-07"
        assert world.execute().output["message"].startswith(said)
        assert "to retry them" not in world.execute().output["message"]
        (mail,) = world.messages
        assert (mail.subject, said in mail.text) == ("[dev] S: needs review", True)
        assert "There is nothing to do" not in mail.text
        world.plans.append(parse_plan(other))
        assert said not in world.execute(plan="S:E:P").output["message"]


def numbers(month: dict[str, int]) -> list[int]:
    """Return a month's contracts: all, submitted, skipped, open and in error."""
    names = ("contracts", "submitted", "skipped", "open", "errors")
    return [month[name] for name in names]


def test_each_contract_of_a_month_is_counted_once() -> None:
    with MeteringWorld(WARNS) as world:
        names = ("c-1", "c-2", "c-3", "c-4")
        world.put_usage("2025-07", "01/00", {name: {"cpu": 4} for name in names})
        world.clazar.unknown_contracts.add("c-2")
        (month,) = world.execute(contracts=["c-1"]).output["months"]
        assert (numbers(month), month["closed"]) == ([4, 1, 0, 3, 0], False)
        assert world.clazar.billed() == [("c-1", "cpu", "2025-07", "4")]
        assert "last_processed_month" not in world.state()
        (month,) = ending(world.execute())["months"]
        assert (numbers(month), month["closed"]) == ([4, 2, 1, 0, 1], True)


def test_what_stands_or_came_late_is_not_billed_in_the_numbers_of_a_month_done_again() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        world.execute_refusing("c-2")
        late = {"c-8": {"cpu": 5}, "c-9": {"cpu": 5}}
        world.put_usage("2025-07", "01/00", late, file="late.json")
        world.timeline.pass_time(86_400)
        (month,) = world.execute(months=["2025-07"], contracts=["c-9"]).output["months"]
        assert (numbers(month), month["closed"]) == ([4, 1, 1, 1, 1], True)
        mail = world.messages[-1]
        assert mail.subject == "[dev] S July 2025: 2 of 4 contracts not billed"
        assert "closed; 2 of 4 contracts billed or settled, 1 error, 1 open;" in mail.text


def ending(execution: Execution) -> dict[str, Any]:
    """Return what an execution that failed says of itself, in its last state's input."""
    found = next(out for path, (out, _) in execution.ended.items() if "SummarizeRun" in path)
    result: dict[str, Any] = found["result"]
    return result


def test_the_months_of_a_run_that_failed_are_shown() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        for month in ("2025-07", "2025-08"):
            world.put_usage(month, "01/00", {f"c-{month}": {"cpu": 4}, "c-2": {"cpu": 4}})
        assert world.execute(max_months=1).status == "SUCCEEDED"
        failed = execute_without_credentials(world)
        assert failed.error == "MonthIncomplete"
        assert "2 contracts (" in failed.cause, "one reason is said once"
        (month,) = ending(failed)["months"]
        assert (numbers(month), month["closed"]) == ([2, 0, 0, 2, 0], False)
