"""Decisions about parked contracts that make no sense, or that say only half of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.in_memory.interruptions import answers_lost
from tests.in_memory.metering_world import PLAN, MeteringWorld
from tests.in_memory.points import nothing

JULY_14 = datetime(2025, 7, 14, tzinfo=UTC)
REASON = "seen in Clazar by jane"


@pytest.fixture
def parked() -> Iterator[MeteringWorld]:
    """A world in which nobody can tell whether c-1 was accepted: it was not."""
    with MeteringWorld({**PLAN, "missing_hours": "warn"}, lists=False) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 4}})
        world.points.choose = answers_lost(arrive=False, of="c-1")
        world.execute()
        world.points.choose = nothing
        assert world.parked() == {("2025-07", "c-1"): "OUTCOME_UNKNOWN"}
        yield world


def decided(world: MeteringWorld, **fields: str) -> Any:
    decision = {"contract": "c-1", "month": "2025-07", "outcome": "accepted", "reason": REASON}
    return world.execute(resolve={**decision, **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"contract": "c-2"}, "c-2 in 2025-07 is not parked"),
        ({"contract": "c-9"}, "the ledger has no c-9 in 2025-07"),
        ({"month": "2025-7"}, "'2025-7' is not a month"),
        ({"outcome": "maybe"}, "resolve.outcome"),
        ({"reason": " "}, "`str` that is not blank - at `$.resolve.reason`: ' '"),
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(
    parked: MeteringWorld, fields: dict[str, str], said: str
) -> None:
    before = dict(parked.state_bucket.objects)
    ended = decided(parked, **fields)
    assert (ended.status, ended.error) == ("FAILED", "BadInput")
    assert said in str(ended.cause)
    for key, body in parked.state_bucket.objects.items():
        if not key.startswith(("leases/", "runs/")):
            assert body == before.get(key), key


@pytest.mark.parametrize(("outcome", "column"), [("accepted", "billed"), ("waived", "waived")])
def test_the_report_shows_a_decision_once_what_the_message_says_was_started(
    parked: MeteringWorld, outcome: str, column: str
) -> None:
    parked.put_usage("2025-07", "01/00", {"c-9": {"cpu": 1}}, file="sub-2.json")
    said = decided(parked, outcome=outcome).output["message"]
    given = '{"months": ["2025-07"], "contracts": ["c-1"]}'
    assert said.endswith(f"; the report of 2025-07 shows it once {given} was started")
    parked.execute(**json.loads(given))
    report = json.loads(parked.state_bucket.objects["reports/S/E/P/2025-07/report.json"])
    row = next(row for row in report["rows"] if row["contract_id"] == "c-1")
    assert (row[column], row["open"]) == ("4", "0")
    assert [name.contract for name in parked.clazar.quantities()] == ["c-2"], "nothing is sent"


@pytest.mark.parametrize("outcome", ["accepted", "waived"])
def test_a_decision_is_final(parked: MeteringWorld, outcome: str) -> None:
    posts = parked.clazar.counts()
    assert decided(parked, outcome=outcome).status == "SUCCEEDED"
    for other in {"accepted", "waived", "not_accepted"} - {outcome}:
        refused = decided(parked, outcome=other)
        assert refused.error == "BadInput"
        assert "is not parked" in str(refused.cause)
    parked.execute(retry_errors=True)
    assert parked.clazar.counts() == posts


def test_the_ledger_says_who_reopened_what_and_why(parked: MeteringWorld) -> None:
    assert decided(parked, outcome="not_accepted").status == "SUCCEEDED"
    parked.execute()
    entry = next(
        body for key, body in parked.state_bucket.objects.items() if "2025-07/c-1" in key
    ).decode()
    assert REASON in entry
    assert "it was resolved as not_accepted" in entry
    assert not parked.parked()


def test_not_accepted_can_be_taken_back_before_anything_was_sent(parked: MeteringWorld) -> None:
    assert decided(parked, outcome="not_accepted").status == "SUCCEEDED"
    posts = parked.clazar.counts()
    taken_back = decided(parked, outcome="accepted")
    assert taken_back.status == "SUCCEEDED", taken_back.cause
    parked.execute()
    assert parked.clazar.counts() == posts
    assert "c-1" in parked.state()["success_contracts"]["2025-07"]


def test_what_an_operator_has_settled_by_hand_is_not_promised_to_be_sent(
    parked: MeteringWorld,
) -> None:
    def change(entry: dict[str, Any]) -> None:
        entry["error_contracts"]["2025-07"] = []
        entry["success_contracts"]["2025-07"].append("c-1")

    parked.edit_state(change)
    ended = decided(parked, outcome="not_accepted")
    assert ended.error == "BadInput"
    assert "c-1 is settled by hand, in success_contracts of 2025-07" in str(ended.cause)


def test_not_accepted_of_final_usage_says_what_sends_it() -> None:
    with MeteringWorld({**PLAN, "missing_hours": "warn"}, now=JULY_14, lists=False) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        final = {"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"}
        world.points.choose = answers_lost(arrive=False, of="c-1")
        world.execute(**final)
        world.points.choose = nothing
        reported = decided(world, outcome="not_accepted").output["message"]
        assert "same final usage is started again: contracts, and until 2025-07-01T10" in reported
        world.execute()
        assert not world.clazar.accepted
        world.execute(**final)
        assert [record["quantity"] for record in world.clazar.accepted] == ["4"]


def test_a_final_usage_whose_formula_failed_is_billed_up_to_its_hour_even_later() -> None:
    plan = {**PLAN, "missing_hours": "warn", "dimensions": {"cpu": "cpu / (mem - 1)"}}
    final = {"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"}
    with MeteringWorld(plan, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4, "mem": 1}})
        world.put_usage("2025-07", "01/10", {"c-1": {"cpu": 100, "mem": 1}})
        assert world.execute(**final).error == "ContractsNeedAttention"
        world.configure({**plan, "dimensions": {"cpu": "cpu"}})
        world.pass_days(20)
        world.execute()
        world.execute(retry_errors=True)
        assert not world.clazar.accepted, "the month's run has no window of a part"
        assert world.execute(**final).status == "SUCCEEDED"
        assert [record["quantity"] for record in world.clazar.accepted] == ["4"]
        assert not world.parked()


def test_a_preview_shows_final_usage_up_to_its_hour() -> None:
    with MeteringWorld({**PLAN, "missing_hours": "warn"}, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/10", {"c-1": {"cpu": 100}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute(contracts=["c-1"], until="2025-07-01T10:00:00Z")
        world.pass_days(20)
        world.execute()
        (month,) = world.execute(retry_errors=True, dry_run=True).output["months"]
        (preview,) = json.loads(world.state_bucket.objects[month["report"]])
        (record,) = preview["records"]
        assert (record["quantity"], record["end_time"]) == ("4", "2025-07-01T09:59:59Z")


def test_a_preview_of_another_end_shows_what_would_be_sent() -> None:
    with MeteringWorld({**PLAN, "missing_hours": "warn"}, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/11", {"c-1": {"cpu": 3}})
        world.execute_refusing("c-1", contracts=["c-1"], until="2025-07-01T10:00:00Z")
        later = {"contracts": ["c-1"], "until": "2025-07-01T12:00:00Z"}
        (month,) = world.execute(**later, dry_run=True).output["months"]
        (preview,) = json.loads(world.state_bucket.objects[month["report"]])
        (shown,) = preview["records"]
        world.execute(**later)
        (sent,) = world.clazar.accepted
        assert {name: sent[name] for name in shown} == shown
        assert sent["quantity"] == "7"
