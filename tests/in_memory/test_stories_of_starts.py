"""An execution whose first state fails mails why, sends nothing and holds nothing."""

from typing import Any

import pytest

from functions.adapters import wiring
from functions.errors import BadInput
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.interruptions import answers_lost, starts, tells
from tests.in_memory.metering_world import MeteringWorld
from tests.in_memory.points import nothing

FILE = "credits-2025-01.csv"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"months": "2025-07"}, "at `$.months`: '2025-07'"),
        ({"months": ["2025-7"]}, "months: '2025-7' is not a month (YYYY-MM)"),
        ({"month": ["2025-07"]}, "contains unknown field `month`; known are plan, months,"),
        ({"max_months": 0}, "Expected `int` >= 1 - at `$.max_months`: 0"),
        ({"as_of": "tomorrow"}, "as_of: 'tomorrow' is not a timestamp with an offset"),
        ({"as_of": "2999-01-01T00:00:00Z"}, "as_of: 2999-01-01T00:00:00Z is in the future"),
        ({"dry_run": "yes"}, "got `str` - at `$.dry_run`: 'yes'"),
        ({"plan": "S:E:other"}, "plan: 'S:E:other' is not configured; name one of S:E:P"),
        ({"run": {"plan": {}}, "refused": {}, "succeeded": True}, "contains unknown field"),
    ],
)
def test_a_metering_input_that_is_wrong_is_mailed_with_what_to_type_next(
    given: dict[str, Any], said: str
) -> None:
    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        ended = world.execute(**given)
        assert (ended.status, ended.error) == ("FAILED", "BadInput")
        (mail,) = world.messages
        assert mail.subject == "[dev] metering was not started: BadInput, execution x-1"
        assert said in mail.text
        assert said in ended.cause
        assert "errorMessage" not in f"{ended.cause}{mail.text}"
        assert "Nothing was sent." in mail.text
        assert "start-execution --state-machine-arn arn:aws:states:" in mail.text
        assert "section BadInput" in mail.text
        assert not world.state_bucket.objects
        assert world.execute().status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"months": ["2025-08"]}, "2025-08 has not ended yet at 2025-08-02T00:00:00Z"),
        ({"contracts": ["c-9"]}, "contracts: 'c-9' without usage in 2025-07"),
    ],
)
def test_a_month_or_contract_that_cannot_be_billed_is_refused_by_name(
    given: dict[str, Any], said: str
) -> None:
    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        ended = world.execute(**given)
        assert (ended.error, said in ended.cause) == ("BadInput", True)
        assert not world.clazar.requests


def test_a_plan_that_is_held_for_an_hour_is_mailed_and_its_holder_keeps_it() -> None:
    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        world.clazar.actions.extend(["drop"] * 2)
        holder, waits = world.start(), world.start()
        world.timeline.run(until=lambda: waits.status != "RUNNING")
        assert (waits.error, holder.status) == ("PlanBusy", "RUNNING")
        (mail,) = world.messages
        assert mail.execution == waits.name
        assert holder.id in mail.text
        world.timeline.run()
        assert holder.status == "SUCCEEDED"


def test_plans_that_cannot_be_read_are_mailed(monkeypatch: pytest.MonkeyPatch) -> None:
    def plans() -> None:
        raise BadInput("no plan is configured under /dev/metering/plans")

    # Undone before the world is left, which puts the real one back.
    with MeteringWorld() as world, monkeypatch.context() as patched:
        patched.setattr(wiring, "plans", plans)
        assert world.execute().cause == "Mailed: no plan is configured under /dev/metering/plans"


def test_a_plan_whose_first_state_timed_out_after_it_took_the_lease_is_free_for_the_next_run() -> (
    None
):
    with MeteringWorld(july={"c-1": {"cpu": 4}}) as world:
        world.points.choose = answers_lost(starts("AcquirePlan"), arrive=True)
        assert world.execute().error == "States.Timeout"
        assert [mail.subject for mail in world.messages] == [
            "[dev] metering was not started: States.Timeout, execution x-1"
        ]
        world.points.choose = nothing
        at = world.now()
        assert world.execute().status == "SUCCEEDED"
        assert world.now() == at, "it has waited for nobody"


def test_a_mail_that_does_not_arrive_leaves_no_mark_that_it_did() -> None:
    with MeteringWorld() as world:
        world.points.choose = answers_lost(tells("NotifyOperator"), arrive=True)
        ended = world.execute(months="2025-07")
        assert ended.error == "BadInput"
        assert not ended.cause.startswith("Mailed: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give either"),
        ({"key": FILE, "restore": "snapshots/x"}, "give either"),
        ({"key": FILE, "acept_shrink": True}, "contains unknown field `acept_shrink`"),
        ({"key": FILE, "as_of": "2099-01-01T00:00:00Z"}, "as_of: 2099-01-01T00:00:00Z is in the"),
        ({"bucket": "other", "key": FILE}, "'other' is not the credits bucket credits"),
        ({"key": FILE, "parsed": {}, "run": {}, "months": []}, "contains unknown field"),
    ],
)
def test_a_credits_input_that_is_wrong_is_mailed_and_leaves_the_stream_free(
    given: dict[str, Any], said: str
) -> None:
    with CreditsWorld() as world:
        refused = world.start(**given)
        world.run()
        assert (refused.status, refused.error) == ("FAILED", "BadInput")
        (mail,) = world.messages
        assert mail.subject == "[dev] credits was not started: BadInput, execution x-1"
        assert said in mail.text
        assert said in refused.cause
        posted = world.upload(FILE, {"054736553085": ["1.00"]})
        world.run()
        assert posted.status == "SUCCEEDED"


def test_a_stream_whose_first_state_timed_out_is_free_for_the_next_file() -> None:
    with CreditsWorld() as world:
        world.points.choose = answers_lost(starts("AcquireStream"), arrive=True)
        died = world.upload(FILE, {"054736553085": ["1.00"]})
        world.run()
        assert (died.error, len(world.messages)) == ("States.Timeout", 1)
        world.points.choose = nothing
        posted = world.upload(FILE, {"054736553085": ["1.00"]})
        world.run()
        assert posted.status == "SUCCEEDED"
