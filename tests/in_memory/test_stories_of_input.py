"""What is wrong with usage or formulas is said once, in a preview and in a run, before any bill."""

from __future__ import annotations

import json

import pytest

from tests.in_memory.metering_world import PLAN, MeteringWorld

MEMORY = "memory_byte_hours"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_formula_over_usage_that_never_was_is_said_once_for_300_contracts(
    *, dry_run: bool
) -> None:
    names = [f"c-{number}" for number in range(300)]
    with MeteringWorld({**PLAN, "dimensions": {"cpu": "cpu_core_hour"}}) as world:
        world.put_usage("2025-07", "01/00", {name: {"cpu_core_hours": 1} for name in names})
        ended = world.execute(dry_run=dry_run)
        assert (ended.status, ended.error) == ("FAILED", "BadInput")
        said = "usage of cpu_core_hour was never exported; did you mean cpu_core_hours?"
        assert str(ended.cause).count(said) == 1
        assert not world.clazar.accepted
        assert not world.parked()
        world.configure({**PLAN, "dimensions": {"cpu": "cpu_core_hours"}})
        assert world.execute().status == "SUCCEEDED"
        assert len(world.clazar.accepted) == 300


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_quantity_above_the_limit_of_aws_is_reported(*, dry_run: bool) -> None:
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {MEMORY: 2**35}, "c-2": {MEMORY: 1}})
        reported = world.execute(dry_run=dry_run).output["message"]
        assert f"c-1 {MEMORY} {2**35}" in reported
        assert f'"{MEMORY}": "{MEMORY} / 2**30"' in reported
        assert "c-2" not in reported


def test_a_key_that_stands_twice_stops_the_month_by_line_and_once_repaired_it_is_billed() -> None:
    with MeteringWorld() as world:
        key = world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        right = world.usage_bucket.objects[key]
        world.usage_bucket.edit(key, right.replace(b'"value": 4', b'"value": 44, "value": 4'))
        stopped = world.execute()
        assert stopped.error == "BadUsage"
        assert f"{key} line 1: duplicate key 'value'" in str(stopped.cause)
        assert not world.clazar.accepted
        world.usage_bucket.edit(key, right)
        assert world.execute().status == "SUCCEEDED"
        assert len(world.clazar.accepted) == 1


def test_an_identical_file_of_the_hour_is_reported_and_counts() -> None:
    with MeteringWorld() as world:
        for file in ("sub-1.json", "sub-2.json"):
            world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}}, file=file)
        message = world.execute().output["message"]
        assert "identical files of one hour, which both count: omnistrate" in message
        assert "2025/07/01/00/sub-1.json and omnistrate" in message
        report = json.loads(world.state_bucket.objects["reports/S/E/P/2025-07/report.json"])
        assert any("identical files" in text for text in report["warnings"])
