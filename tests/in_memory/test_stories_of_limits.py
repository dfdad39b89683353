"""More contracts than a message can name, and more months than a run works on."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from functions.domain.month import Month
from tests.in_memory.clazar import Billed
from tests.in_memory.machine import Path, as_listed
from tests.in_memory.metering_world import PLAN, WARNS, MeteringWorld

FIRST = Month(2023, 1)
THIRTY_MONTHS_LATER = datetime(2025, 7, 2, tzinfo=UTC)
MONTHS = [str(FIRST.plus(number)) for number in range(30)]


def refused(world: MeteringWorld, names: list[str]) -> str:
    """Run a month in which Clazar refuses these contracts, and return the cause."""
    world.put_usage("2025-07", "01/00", {name: {"cpu": 1} for name in names})
    world.clazar.unknown_contracts.update(names)
    ended = world.execute()
    assert ended.error == "ContractsNeedAttention"
    assert {name for _, name in world.parked()} == set(names), "all are in error_contracts"
    text = world.messages[-1].text
    assert all(name in text for name in names[:40])
    assert f"{len(names)} contracts (NOT_FOUND since 2025-08-02)" in text
    return str(ended.cause)


@pytest.mark.parametrize(
    ("count", "counted"), [(40, ""), (41, ", and 1 more"), (45, ", and 5 more")]
)
def test_forty_parked_contracts_are_named_and_all_are_counted(count: int, counted: str) -> None:
    names = [f"c-{number:02d}" for number in range(count)]
    with MeteringWorld() as world:
        cause = refused(world, names)
        assert f"contracts that need attention: {count}; " in cause
        reason = f"2025-07: {count} contracts (NOT_FOUND since 2025-08-02): "
        assert cause.endswith(f"{reason}{', '.join(names[:40])}{counted}")
        assert cause.count("NOT_FOUND") == 1, "one error is said once"
        later = world.execute().output["message"]
        assert f"still open from earlier runs: {count}; {reason}" in later
        assert '{"retry_errors": true}' in later


def test_contracts_whose_names_are_too_long_for_a_message_are_counted_all_the_same() -> None:
    names = [f"c-{number:02d}-{'x' * 380}" for number in range(30)]
    with MeteringWorld() as world:
        cause = refused(world, names)
        assert len(cause.removeprefix("Mailed: ")) == 8_000
        assert "contracts that need attention: 30; " in cause


def test_of_much_late_usage_the_largest_is_named_and_the_report_has_all() -> None:
    late = {f"c-{number:02d}": {"cpu": number} for number in range(1, 26)}
    with MeteringWorld(WARNS, july={"c-00": {"cpu": 1}}) as world:
        world.execute()
        world.put_usage("2025-07", "01/01", late)
        reported = world.execute().output["message"]
        assert [name for name in late if f"{name} cpu: billed 0" in reported] == list(late)[5:]
        assert "and 5 more" in reported
        report = json.loads(world.state_bucket.objects["reports/S/E/P/2025-07/late-usage.json"])
        assert {item["contract_id"] for item in report["differences"]} == late.keys()


def test_a_run_works_on_24_months_and_the_next_goes_on_with_what_it_left() -> None:
    plan = {**PLAN, "start_month": MONTHS[0], "max_months": 24}
    with MeteringWorld(plan, now=THIRTY_MONTHS_LATER) as world:
        for month in MONTHS:
            world.put_usage(month, None, {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.clazar.unknown_contracts.add("c-2")
        world.execute()
        assert {billed.month for billed in world.clazar.counts()} == set(MONTHS[:24])
        world.clazar.unknown_contracts.clear()
        world.put_usage(MONTHS[23], None, {"c-1": {"cpu": 3}}, file="late.json")
        output = world.execute(retry_errors=True).output
        assert [item["month"] for item in output["months"]] == [*MONTHS[:18], *MONTHS[24:]]
        assert {item["month"]: item["reason"] for item in output["waiting"]} == dict.fromkeys(
            MONTHS[18:24], "left for the next run: a run does at most 24 months"
        )
        world.execute(retry_errors=True)
        assert f"{MONTHS[23]}: c-1 cpu: billed 4, usage now comes to 7 (+3)" in world.reported()
        assert world.clazar.counts() == {
            Billed(name, "cpu", month): 1 for name in ("c-1", "c-2") for month in MONTHS
        }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"months": MONTHS[:25]}, "`array` of length <= 24 - at `$.months`"),
        ({"max_months": 25}, "`int` <= 24 - at `$.max_months`: 25"),
    ],
)
def test_more_than_24_months_cannot_be_asked_for(given: dict[str, object], said: str) -> None:
    with MeteringWorld(now=THIRTY_MONTHS_LATER) as world:
        ended = world.execute(**given)
        assert ended.error == "BadInput"
        assert said in str(ended.cause)
        assert not world.clazar.accepted


def test_an_ordinary_contract_s_month_takes_three_writes() -> None:
    with MeteringWorld(july={"c-1": {"cpu": 4, "mem": 2}, "c-2": {"cpu": 1}}) as world:
        assert world.execute().status == "SUCCEEDED"
        states = ("ClaimContract", "SubmitContract", "RecordError", "RecordOpen")
        writes = [
            point.label
            for point in world.points.seen
            if point.kind == "write" and point.state in states
        ]
        assert len(writes) == 2 * 3, "claimed, sent, and answered"
        assert all("/2025-07/c-" in label for label in writes)


def test_a_run_that_takes_too_long_leaves_its_last_months_to_the_next_and_says_so() -> None:
    def seven_hours_a_month(path: Path, items: int) -> Sequence[int]:
        if path and items == 1:  # the month's contracts
            world.timeline.now += timedelta(hours=7)
        return as_listed(path, items)

    plan = {**PLAN, "start_month": "2025-04", "max_months": 24}
    months = [f"2025-0{number}" for number in range(4, 8)]
    with MeteringWorld(plan, order=seven_hours_a_month) as world:
        for month in months:
            world.put_usage(month, None, {"c-1": {"cpu": 4}})
        first = world.execute()
        assert first.status == "SUCCEEDED"
        assert [item["month"] for item in first.output["months"]] == months[:2]
        left = {item["month"]: item["reason"] for item in first.output["waiting"]}
        assert left == dict.fromkeys(months[2:], left[months[2]])
        said = (
            "2025-06 waits: left for the next run with this input: this one began over 12 hours ago"
        )
        assert said in world.messages[-1].text
        second = world.execute().output
        assert [item["month"] for item in second["months"] if not item["late"]] == months[2:]
        assert second["waiting"] == []
        assert set(world.clazar.counts().values()) == {1}
        assert {billed.month for billed in world.clazar.counts()} == set(months)
