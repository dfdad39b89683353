"""Stories in which a unit would once have been lost, billed twice or told wrongly."""

from typing import Any

import pytest

from tests.builders import JULY_14, SEPTEMBER_2
from tests.in_memory.by_hand import decide
from tests.in_memory.metering_world import FINAL, PLAN, WARNS, MeteringWorld


def test_a_closed_month_that_cannot_be_read_when_asked_for_does_not_stop_later_months() -> None:
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        for month in ("2025-07", "2025-08"):
            world.put_usage(month, "01/00", {"c-1": {"cpu": 1}})
        world.execute(max_months=1)
        world.usage_bucket.objects["omnistrate-metering/S/E/P/2025/07/01/02/x.json"] = b"nonsense"
        assert world.execute(months=["2025-07"]).error == "BadUsage"
        world.execute()
        assert world.clazar.quantity("2025-08") == "1"


def test_a_remainder_that_is_billed_without_usage_is_billed_once() -> None:
    plan = {**WARNS, "dimensions": {"hours": "cpu * 1"}, "rounding": "floor"}
    with MeteringWorld(plan, now=SEPTEMBER_2, july={"c-1": {"cpu": 0.6}}) as world:
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 0.4}})
        world.execute()
        assert world.clazar.quantity("2025-08", "hours") == "1"
        world.pass_days(30)
        world.put_usage("2025-09", "01/00", {"c-1": {"cpu": 0}})
        world.execute()
        assert world.clazar.quantity("2025-09", "hours") is None


def test_accepted_does_not_settle_what_was_refused_when_its_formula_fails_now() -> None:
    plan = {**WARNS, "dimensions": {"cpu": "cpu", "mem": "mem / price"}}
    with MeteringWorld({**plan, "dimensions": {"cpu": "cpu", "mem": "mem"}}) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4, "mem": 7}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute()
        world.configure(plan)
        world.execute(retry_errors=True)
        assert decide(world, "accepted").error == "BadInput"
        assert ("2025-07", "c-1") in world.parked()


def test_what_was_refused_stays_an_error_when_its_usage_is_gone() -> None:
    with MeteringWorld(WARNS) as world:
        key = world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/01", {"c-2": {"cpu": 4}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute()
        world.usage_bucket.objects.pop(key)
        world.clazar.unknown_contracts.clear()
        world.execute(retry_errors=True)
        assert ("2025-07", "c-1") in world.parked()


def test_a_final_usage_that_failed_is_tried_again_as_final_usage() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/10", {"c-1": {"cpu": 3, "mem": 9}})
        assert world.execute_refusing("c-1", **FINAL).error == "ContractsNeedAttention"
        world.pass_days(20)
        world.execute()
        world.execute(retry_errors=True)
        assert world.clazar.quantity("2025-07") == "4"
        assert world.clazar.quantity("2025-07", "mem") is None
        assert "c-1 mem: billed 0, usage now comes to 9 (+9)" in world.reported()


def test_another_final_usage_of_a_settled_contract_is_reported_and_not_billed() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        for hour in ("09", "11"):
            world.put_usage("2025-07", f"01/{hour}", {"c-1": {"cpu": 4}})
        world.execute(**FINAL)
        world.execute(**{**FINAL, "until": "2025-07-01T12:00:00Z"})
        assert world.clazar.quantity("2025-07") == "4"
        assert "settled before, so nothing was sent: c-1" in world.reported()


def test_final_usage_to_the_end_of_a_month_needs_the_last_hour_too() -> None:
    with MeteringWorld(PLAN) as world:
        world.put_usage("2025-07", "31/21", {"c-1": {"cpu": 4}})
        ended = world.execute(contracts=["c-1"], until="2025-08-01T00:00:00Z")
        assert ended.error == "BadUsage"
        assert "31/22" in str(ended.cause)


def test_nothing_of_a_waived_month_is_billed_later() -> None:
    with MeteringWorld({**WARNS, "carry_remainders": True}, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 3.9}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 10.2}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute(max_months=1)
        assert decide(world, "waived").status == "SUCCEEDED"
        world.clazar.unknown_contracts.clear()
        world.execute()
        assert world.clazar.quantity("2025-08") == "10"


def test_a_late_change_that_is_taken_back_is_reported_and_so_is_its_return() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        world.execute()
        key = world.put_usage("2025-07", "01/01", {"c-1": {"cpu": 3}})
        world.execute()
        body = world.usage_bucket.objects.pop(key)
        assert "again those that it was billed from" in world.execute().output["message"]
        world.usage_bucket.objects[key] = body
        assert "(+3)" in world.execute().output["message"]


def test_notices_that_do_not_fit_into_a_message_come_with_the_next() -> None:
    with MeteringWorld(WARNS) as world:
        names = [f"c-{number:02d}-{'x' * 180}" for number in range(19)]
        world.put_usage("2025-07", "01/00", {name: {"cpu": 1} for name in names})
        world.execute()
        world.put_usage("2025-07", "01/01", {name: {"cpu": 2, "mem": 1} for name in names})
        first = world.execute().output["message"]
        second = world.execute().output["message"]
        assert len(first) < 8_000
        assert "billed 1, usage now comes to 3" in second or "(+" in second


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"until": "2025-07-01T10:00:00Z"}, "until requires contracts"),
        ({**FINAL, "months": ["2025-07"]}, "until requires contracts"),
        ({**FINAL, "until": "2025-07-01T10:30:00Z"}, "is not a whole hour"),
        ({**FINAL, "until": "2025-07-15T00:00:00Z"}, "has not passed yet at 2025-07-14T00:00:00Z"),
        ({**FINAL, "until": "2025-07-01"}, "not a timestamp with an offset"),
        (
            {**FINAL, "contracts": ["c-9"]},
            "'c-9' (did you mean c-1? known: c-1) without usage in 2025-07",
        ),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        refused = world.execute(**given)
        assert (refused.status, refused.error) == ("FAILED", "BadInput")
        assert said in str(refused.cause)
        assert not world.clazar.accepted
