"""An execution whose first state fails mails why, sends nothing and holds nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.adapters import wiring
from functions.errors import BadInput
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.metering_world import MeteringWorld
from tests.in_memory.points import Break, Point, Result, nothing

FILE = "credits-2025-01.csv"


def answers_are_lost(kind: str, name: str) -> Callable[[Point], Break | None]:
    def lose(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
        effect()
        return lost()

    return lambda point: lose if (point.kind, point.label) == (kind, name) else None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"months": "2025-07"}, "at `$.months`: '2025-07'"),
        ({"plan": "S:E:other"}, "plan: 'S:E:other' is not configured; name one of S:E:P"),
        ({"run": {"plan": {}}, "refused": {}, "succeeded": True}, "contains unknown field"),
    ],
)
def test_a_metering_input_that_is_wrong_is_mailed_with_what_to_type_next(
    given: dict[str, Any], said: str
) -> None:
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
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


def test_a_plan_that_is_held_for_an_hour_is_mailed_and_its_holder_keeps_it() -> None:
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
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
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.points.choose = answers_are_lost("lambda", "AcquirePlan")
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
        world.points.choose = answers_are_lost("message", "NotifyOperator")
        ended = world.execute(months="2025-07")
        assert ended.error == "BadInput"
        assert not ended.cause.startswith("Mailed: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give either"),
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
        world.points.choose = answers_are_lost("lambda", "AcquireStream")
        died = world.upload(FILE, {"054736553085": ["1.00"]})
        world.run()
        assert (died.error, len(world.messages)) == ("States.Timeout", 1)
        world.points.choose = nothing
        posted = world.upload(FILE, {"054736553085": ["1.00"]})
        world.run()
        assert posted.status == "SUCCEEDED"
