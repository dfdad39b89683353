"""Decisions about parked contracts that make no sense, or that say only half of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import JULY_14
from tests.in_memory.by_hand import decision, move_to_success
from tests.in_memory.clazar import Billed
from tests.in_memory.interruptions import abort, answers_lost
from tests.in_memory.machine import Execution
from tests.in_memory.metering_world import FINAL, WARNS, MeteringWorld
from tests.in_memory.points import nothing

REASON = "seen in Clazar by jane"


@pytest.fixture
def parked() -> Iterator[MeteringWorld]:
    """A world in which nobody can tell whether c-1 was accepted: it was not."""
    with MeteringWorld(WARNS, lists=False, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        world.points.choose = answers_lost(arrive=False, of="c-1")
        world.execute()
        world.points.choose = nothing
        assert world.parked() == {("2025-07", "c-1"): "OUTCOME_UNKNOWN"}
        yield world


def entry(world: MeteringWorld) -> dict[str, Any]:
    """Return what the ledger holds of c-1 in July."""
    found: dict[str, Any] = json.loads(world.state_bucket.objects["ledger/S/E/P/2025-07/c-1.json"])
    return found


def decided(world: MeteringWorld, **fields: str) -> Execution:
    return world.execute(resolve=decision(**{"outcome": "accepted", "reason": REASON, **fields}))


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
    assert f"c-1 resolved as {outcome}" in said
    given = '{"months": ["2025-07"], "contracts": ["c-1"]}'
    assert said.endswith(f"; the report of 2025-07 shows it once {given} was started")
    parked.execute(**json.loads(given))
    report = json.loads(parked.state_bucket.objects["reports/S/E/P/2025-07/report.json"])
    row = next(row for row in report["rows"] if row["contract_id"] == "c-1")
    assert (row[column], row["open"], row["outcome"]) == ("4", "0", outcome)
    assert REASON in row["detail"]
    assert [name.contract for name in parked.clazar.quantities()] == ["c-2"], "nothing is sent"


@pytest.mark.parametrize("outcome", ["accepted", "waived"])
def test_a_decision_is_final(parked: MeteringWorld, outcome: str) -> None:
    posts = parked.clazar.counts()
    for _ in range(2):
        assert decided(parked, outcome=outcome).status == "SUCCEEDED", "twice is once"
    assert parked.state()["success_contracts"]["2025-07"] == ["c-2", "c-1"]
    assert not parked.parked()
    (kept,) = entry(parked)["decisions"]
    assert (kept["what"], kept["reason"]) == (outcome, REASON)
    for other in {"accepted", "waived", "not_accepted"} - {outcome}:
        refused = decided(parked, outcome=other)
        assert refused.error == "BadInput"
        assert "is not parked" in str(refused.cause)
    parked.execute(retry_errors=True)
    parked.execute(months=["2025-07"])
    assert parked.clazar.counts() == posts


def test_the_ledger_says_who_reopened_what_and_why(parked: MeteringWorld) -> None:
    assert decided(parked, outcome="not_accepted").status == "SUCCEEDED"
    assert not parked.parked()
    assert list(parked.clazar.counts()) == [Billed("c-2", "cpu", "2025-07")], "nothing is sent"
    parked.execute()
    assert parked.clazar.counts()[Billed("c-1", "cpu", "2025-07")] == 1
    assert "c-1" in parked.state()["success_contracts"]["2025-07"]
    resolved, reopened = entry(parked)["decisions"]
    assert (resolved["what"], resolved["reason"]) == ("not_accepted", REASON)
    assert resolved["execution"] != reopened["execution"]
    assert "it was resolved as not_accepted" in str(reopened)


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
    move_to_success(parked)
    ended = decided(parked, outcome="not_accepted")
    assert ended.error == "BadInput"
    assert "c-1 is settled by hand, in success_contracts of 2025-07" in str(ended.cause)


def test_not_accepted_of_final_usage_says_what_sends_it() -> None:
    with MeteringWorld(WARNS, now=JULY_14, lists=False) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.points.choose = answers_lost(arrive=False, of="c-1")
        world.execute(**FINAL)
        world.points.choose = nothing
        reported = decided(world, outcome="not_accepted").output["message"]
        assert "same final usage is started again: contracts, and until 2025-07-01T10" in reported
        world.execute()
        assert not world.clazar.accepted
        world.execute(**FINAL)
        assert [record["quantity"] for record in world.clazar.accepted] == ["4"]


def test_a_final_usage_whose_formula_failed_is_billed_up_to_its_hour_even_later() -> None:
    plan = {**WARNS, "dimensions": {"cpu": "cpu / (mem - 1)"}}
    with MeteringWorld(plan, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4, "mem": 1}})
        world.put_usage("2025-07", "01/10", {"c-1": {"cpu": 100, "mem": 1}})
        assert world.execute(**FINAL).error == "ContractsNeedAttention"
        world.configure({**plan, "dimensions": {"cpu": "cpu"}})
        world.pass_days(20)
        world.execute()
        world.execute(retry_errors=True)
        assert not world.clazar.accepted, "the month's run has no window of a part"
        assert world.execute(**FINAL).status == "SUCCEEDED"
        assert [record["quantity"] for record in world.clazar.accepted] == ["4"]
        assert not world.parked()


def test_a_preview_shows_final_usage_up_to_its_hour() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/10", {"c-1": {"cpu": 100}})
        world.clazar.unknown_contracts.add("c-1")
        world.execute(**FINAL)
        world.pass_days(20)
        world.execute()
        (month,) = world.execute(retry_errors=True, dry_run=True).output["months"]
        (preview,) = json.loads(world.state_bucket.objects[month["report"]])
        (record,) = preview["records"]
        assert (record["quantity"], record["end_time"]) == ("4", "2025-07-01T09:59:59Z")


def test_a_preview_of_another_end_shows_what_would_be_sent() -> None:
    with MeteringWorld(WARNS, now=JULY_14) as world:
        world.put_usage("2025-07", "01/09", {"c-1": {"cpu": 4}})
        world.put_usage("2025-07", "01/11", {"c-1": {"cpu": 3}})
        world.execute_refusing("c-1", **FINAL)
        later = {"contracts": ["c-1"], "until": "2025-07-01T12:00:00Z"}
        (month,) = world.execute(**later, dry_run=True).output["months"]
        (preview,) = json.loads(world.state_bucket.objects[month["report"]])
        (shown,) = preview["records"]
        world.execute(**later)
        (sent,) = world.clazar.accepted
        assert {name: sent[name] for name in shown} == shown
        assert sent["quantity"] == "7"


def test_what_was_under_way_and_put_into_the_successes_is_noted_in_the_ledger() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 4}}) as world:
        abort(world, lambda p: p.kind == "request" and "c-1" in p.label, after=False)
        world.edit_state(lambda e: e.setdefault("success_contracts", {"2025-07": ["c-1"]}))
        world.timeline.pass_time(86_400)
        world.execute()
        assert [line["state"] for line in entry(world)["lines"]] == ["waived"]
        del world.state_bucket.objects["metering_state.json"]
        world.timeline.pass_time(86_400)
        world.execute(months=["2025-07"])
        assert {one.contract for one in world.clazar.counts()} == {"c-2"}


def test_a_dry_run_shows_what_is_sent_of_a_contract_whose_usage_has_gone() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 1}}) as world:
        world.points.choose = answers_lost(arrive=False, of="POST c-1")
        world.execute()
        world.points.choose = nothing
        world.put_usage("2025-07", "01/00", {"c-2": {"cpu": 1}})
        world.timeline.pass_time(86_400)
        (month,) = world.execute(retry_errors=True, dry_run=True).output["months"]
        counts = ("contracts", "to_submit", "to_submit_records", "skipped", "errors")
        assert [month[name] for name in counts] == [2, 1, 1, 1, 0]
        world.execute(retry_errors=True)
        assert world.clazar.quantities()[Billed("c-1", "cpu", "2025-07")] == "4"


def two_errors(world: MeteringWorld, used: int = 4) -> None:
    """Have c-2 refused in July, and c-3 in August if that is not held."""
    world.execute_refusing("c-2")
    world.put_usage("2025-08", "01/00", {"c-1": {"cpu": used}, "c-3": {"cpu": 1}})
    world.pass_days(31)
    world.execute_refusing("c-3")


def test_a_retry_of_named_contracts_passes_over_the_months_that_do_not_know_them() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 1}}) as world:
        two_errors(world)
        assert world.execute(retry_errors=True, contracts=["c-3"]).status == "SUCCEEDED"
        assert set(world.parked()) == {("2025-07", "c-2")}
        ended = world.execute(retry_errors=True, contracts=["c-2", "c-8"])
        assert (ended.error, world.parked()) == ("BadInput", {})
        assert "contracts: 'c-8' without usage in 2025-07" in ended.cause
        assert world.messages[-1].subject == "[dev] S: BadInput"
        two = {"retry_errors": True, "contracts": ["c-8"], "months": ["2025-07"]}
        assert "(did you mean c-2? known: c-1, c-2) without usage" in world.execute(**two).cause
        assert world.messages[-1].subject.startswith("[dev] S July 2025: BadInput")


@pytest.mark.parametrize("given", [{}, {"contracts": ["c-2"]}])
def test_a_held_month_does_not_keep_earlier_errors_from_being_retried(
    given: dict[str, Any],
) -> None:
    plan = {**WARNS, "approve_above": "20%"}
    with MeteringWorld(plan, july={"c-1": {"cpu": 4}, "c-2": {"cpu": 1}}) as world:
        two_errors(world, used=400)
        assert set(world.parked()) == {("2025-07", "c-2")}
        ended = world.execute(retry_errors=True, **given)
        assert (ended.error, world.parked()) == ("" if given else "MonthHeld", {})


def test_a_dry_run_names_a_contract_that_no_month_knows() -> None:
    with MeteringWorld(WARNS, july={"c-1": {"cpu": 4}}) as world:
        ended = world.execute(contracts=["c-1", "c-8"], dry_run=True)
        assert (ended.error, "'c-8' without usage in 2025-07" in ended.cause) == ("BadInput", True)
        assert "c-1" not in ended.cause
