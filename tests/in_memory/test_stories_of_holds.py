"""A month whose totals have moved far is held; an operator lets that very bill through."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import SEPTEMBER_2
from tests.in_memory.interruptions import abort, starts
from tests.in_memory.metering_world import WARNS, MeteringWorld

HOLDS = {**WARNS, "approve_above": "20%"}
APPROVE: dict[str, Any] = {"approve": "2025-08", "reason": "a new customer, says jane"}


@pytest.fixture
def doubled() -> Iterator[MeteringWorld]:
    """A world in which August has twice the usage of July, and July is billed."""
    with MeteringWorld(HOLDS, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", None, {"c-1": {"cpu": 4}, "c-2": {"cpu": 6}})
        world.put_usage("2025-08", None, {"c-1": {"cpu": 8}, "c-2": {"cpu": 12}})
        yield world


def sent(world: MeteringWorld, month: str = "2025-08") -> int:
    return sum(record["start_time"].startswith(month) for record in world.clazar.accepted)


def journal(world: MeteringWorld) -> Any:
    (key,) = (key for key in world.state_bucket.objects if key.endswith("plan.json"))
    return json.loads(world.state_bucket.objects[key])


def entries(world: MeteringWorld) -> list[Any]:
    folder = "ledger/S/E/P/2025-08/"
    found = world.state_bucket.objects.items()
    return [json.loads(body) for key, body in found if key.startswith(folder)]


def test_a_month_that_moved_far_is_held_before_anything_of_it_is_sent(
    doubled: MeteringWorld,
) -> None:
    ended = doubled.execute()
    assert (ended.status, ended.error) == ("FAILED", "MonthHeld")
    assert "cpu: 10 in 2025-07, now 20 (+100.0%)" in str(ended.cause)
    assert (sent(doubled, "2025-07"), sent(doubled)) == (2, 0)
    assert not entries(doubled)
    mail = doubled.messages[-1]
    assert "August 2025: held" in mail.subject
    assert '"approve": "2025-08"' in mail.text


def test_a_held_month_keeps_later_months_waiting(doubled: MeteringWorld) -> None:
    doubled.put_usage("2025-09", None, {"c-1": {"cpu": 10}})
    doubled.pass_days(35)
    assert doubled.execute().error == "MonthHeld"
    assert not sent(doubled, "2025-09")


def test_an_approval_lets_that_very_bill_through_and_the_ledger_keeps_who_and_why(
    doubled: MeteringWorld,
) -> None:
    doubled.execute()
    ended = doubled.execute(**APPROVE)
    assert ended.status == "SUCCEEDED", ended.cause
    assert sent(doubled) == 2
    for entry in entries(doubled):
        (decision,) = entry["decisions"]
        assert decision["what"] == "approved"
        assert (decision["execution"], decision["reason"]) == (ended.id, APPROVE["reason"])
        assert entry["attempts"][0]["reason"] == APPROVE["reason"]
    assert not journal(doubled)["held"]
    assert doubled.execute().status == "SUCCEEDED"


def test_another_bill_than_the_held_one_is_held_again(doubled: MeteringWorld) -> None:
    doubled.execute()
    doubled.put_usage("2025-08", None, {"c-1": {"cpu": 1}}, file="sub-2.json")
    ended = doubled.execute(**APPROVE)
    assert ended.error == "MonthHeld"
    assert "2025-08 is held again, its bill has changed" in str(ended.cause)
    assert not sent(doubled)
    assert doubled.execute(**APPROVE).status == "SUCCEEDED"
    assert sent(doubled) == 2


@pytest.mark.parametrize("given", [{"contracts": ["c-1"]}, {"months": ["2025-08"]}])
def test_a_part_of_a_held_month_is_held_as_well(
    doubled: MeteringWorld, given: dict[str, Any]
) -> None:
    doubled.execute()
    assert doubled.execute(**given).error == "MonthHeld"
    assert not sent(doubled)


def test_a_corrected_month_is_billed_without_an_approval(doubled: MeteringWorld) -> None:
    doubled.execute()
    doubled.put_usage("2025-08", None, {"c-1": {"cpu": 4}, "c-2": {"cpu": 7}})
    assert doubled.execute().status == "SUCCEEDED"
    assert not journal(doubled)["held"]
    assert "decisions" not in entries(doubled)[0]


def test_a_dry_run_warns_and_holds_nothing(doubled: MeteringWorld) -> None:
    doubled.execute(max_months=1)
    before = dict(doubled.state_bucket.objects)
    ended = doubled.execute(dry_run=True)
    assert ended.status == "SUCCEEDED"
    assert (
        "2025-08 would be held because usage moved by more than 20% or was carried in"
        in ended.output["message"]
    )
    assert not journal(doubled)["held"]
    assert before == {key: doubled.state_bucket.objects[key] for key in before}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (APPROVE, "2025-08 is not held, so there is nothing to approve"),
        ({**APPROVE, "approve": "2025-8"}, "'2025-8' is not a month"),
        ({**APPROVE, "approve": ""}, "`str` that is not blank - at `$.approve`: ''"),
        ({"approve": "2025-08"}, "say why the month is approved"),
        ({**APPROVE, "reason": " ... "}, "say why the month is approved"),
        ({**APPROVE, "months": ["2025-08"]}, "approve cannot be combined with other options"),
        ({**APPROVE, "dry_run": True}, "which a dry run does not"),
    ],
)
def test_an_approval_that_makes_no_sense_sends_nothing(
    doubled: MeteringWorld, given: dict[str, Any], said: str
) -> None:
    ended = doubled.execute(**given)
    assert (ended.status, ended.error) == ("FAILED", "BadInput")
    assert said in str(ended.cause)
    assert not doubled.clazar.accepted


@pytest.mark.parametrize("state", ["PlanMonths", "MergeUsage", "SubmitContract"])
def test_an_approval_outlives_the_run_that_brought_it(doubled: MeteringWorld, state: str) -> None:
    doubled.execute()
    approving = abort(doubled, starts(state), after=False, **APPROVE)
    doubled.timeline.pass_time(3_600)
    ended = doubled.execute()
    assert ended.status == "SUCCEEDED", ended.cause
    assert sent(doubled) == 2
    for entry in entries(doubled):
        assert entry["decisions"][0]["execution"] == approving.id


def test_of_an_approved_bill_that_is_sent_in_part_another_one_is_held_again(
    doubled: MeteringWorld,
) -> None:
    doubled.execute()
    abort(doubled, starts("CloseMonth"), after=False, **APPROVE)
    doubled.put_usage("2025-08", None, {"c-3": {"cpu": 1}}, file="sub-2.json")
    assert doubled.execute().error == "MonthHeld"
    assert sent(doubled) == 2
    assert doubled.execute(**APPROVE).status == "SUCCEEDED"
    assert sent(doubled) == 3


def test_the_first_month_has_nothing_to_be_compared_with_and_says_so() -> None:
    with MeteringWorld(HOLDS) as world:
        world.put_usage("2025-07", None, {"c-1": {"cpu": 4}})
        assert world.execute().status == "SUCCEEDED"
        assert "2025-07 is not held: there are no totals of an earlier month" in world.reported()


def test_a_month_of_an_earlier_program_has_no_totals_and_holds_nothing() -> None:
    with MeteringWorld(HOLDS, now=SEPTEMBER_2) as world:
        world.edit_state(lambda state: state.update(last_processed_month="2025-07"))
        world.put_usage("2025-08", None, {"c-1": {"cpu": 4}})
        assert world.execute().status == "SUCCEEDED"
        assert "there are no totals of 2025-07, the last closed month" in world.reported()


def test_damaged_totals_stop_the_month_instead_of_letting_it_through(
    doubled: MeteringWorld,
) -> None:
    doubled.execute(max_months=1)
    doubled.state_bucket.objects["reports/S/E/P/2025-07/totals.json"] = b"{"
    assert doubled.execute().error == "BadState"
    assert not sent(doubled)


def test_final_usage_and_a_closed_month_are_not_held(doubled: MeteringWorld) -> None:
    doubled.execute()
    assert doubled.execute(contracts=["c-1"], until="2025-08-01T01:00:00Z").error != "MonthHeld"
    doubled.execute(**APPROVE)
    doubled.put_usage("2025-08", None, {"c-3": {"cpu": 100}}, file="sub-2.json")
    assert doubled.execute(months=["2025-08"]).status == "SUCCEEDED"
    assert sent(doubled) == 3


def test_final_usage_up_to_the_end_of_a_month_is_no_way_around_its_hold() -> None:
    with MeteringWorld(HOLDS, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 400}})
        assert world.execute().error == "MonthHeld"
        final = world.execute(contracts=["c-1"], until="2025-09-01T00:00:00Z")
        assert (final.error, sent(world)) == ("MonthHeld", 0)


def test_an_approval_may_pretend_another_day(doubled: MeteringWorld) -> None:
    doubled.execute()
    doubled.put_usage("2025-08", None, {"c-1": {"cpu": 8_000}, "c-2": {"cpu": 12}})
    doubled.pass_days(1)
    assert doubled.execute().error == "MonthHeld"
    doubled.pass_days(1)
    approval = doubled.execute(**APPROVE, as_of="2025-09-02T00:00:00Z")
    assert (approval.error, sent(doubled) > 0) == ("", True)
