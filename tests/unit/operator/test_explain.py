from __future__ import annotations

import json
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from functions.domain.month import Month
from functions.domain.usage.tally import Tally
from functions.domain.usage.trace import Trace
from infra.operator.explain import explain, explained
from infra.operator.where import CannotRun, LocalWhere
from tests.builders import a_plan, a_record
from tests.unit.metering.whole_month import ROOT, WholeMonth

JULY = Month.parse("2025-07")


def as_folders(world: WholeMonth, root: Path) -> LocalWhere:
    """Write a world's buckets as the folders of a local run."""
    for name, bucket in (("state", world.state_bucket), ("usage", world.usage_bucket)):
        for key, body in bucket.objects.items():
            path = root / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    plans = root / "plans.json"
    plans.write_text(f"[{world.plan.to_json()}]")
    return LocalWhere(root / "state", None, plans, None)


def leaf_sum(part: dict[str, Any]) -> Fraction:
    """Add up the records that are counted, at the bottom of an explanation."""
    return sum(
        (
            Fraction(record["value"])
            for day in part["days"]
            for hour in day["hours"]
            for file in hour["files"]
            for record in file["records"]
            if record["counted"]
        ),
        Fraction(0),
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_leaves_of_a_hundred_random_quantities_add_up_exactly(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    for _ in range(100):
        plan = a_plan(
            duplicates=dice.choice(["max", "sum"]),
            rounding=dice.choice(["floor", "half_up", "ceiling"]),
            dimensions=dice.choice([{}, {"units": "cpu / 3 + memory"}]),
        )
        trace = Trace(duplicates=plan.duplicates, contracts={"c-1"})
        tally = Tally(duplicates=plan.duplicates)
        for hour in range(3):
            for file in range(dice.randint(1, 3)):
                records = [
                    a_record(
                        dice.choice(["c-1", "c-1", "c-2", None]),
                        dice.choice(["cpu", "memory"]),
                        value=dice.choice([dice.randint(0, 9), dice.randint(0, 999) / 100]),
                        podName=dice.choice([None, "pod-1", "pod-2"]),
                        pricePerUnit=dice.choice([None, 0.1, 2]),
                    )
                    for _ in range(dice.randint(0, 6))
                ]
                for reader in (trace, tally):
                    body = json.dumps(records).encode()
                    reader.add_file(f"{hour}/{file}", f"01/{hour:02d}", body)
        trace.end_hour()
        tally.end_hour()
        found = explained(plan, "c-1", None, trace.leaves)
        for row in found["dimensions"]:
            for part in row["from"]:
                held = [v for g, v in tally.groups.items() if g[:2] == ("c-1", part["usage"])]
                assert leaf_sum(part) == Fraction(part["total"]) == sum(map(Fraction, held))
            if not plan.dimensions:
                due = sum(map(leaf_sum, row["from"]), Fraction(0))
                assert due == Fraction(row["due"])
            shares = ("billed", "open", "waived", "remainder")
            assert Fraction(row["due"]) == sum(Fraction(row[name]) for name in shares)


def test_a_billed_quantity_is_explained_by_the_ledgers_own_formula(tmp_path: Path) -> None:
    world = WholeMonth(dimensions={"units": "cpu * 3 / 2"})
    twice = [a_record("c-1", value=value, podName="pod-1", instanceId="i-1") for value in (2, 5)]
    world.every_hour("2025-07", twice)
    world.run()
    where = as_folders(world, tmp_path)
    found = explain(where, world.plan, "c-1", JULY)
    (row,) = found["dimensions"]
    assert (row["quantity"], row["formula"], row["outcome"]) == ("7", "cpu * 3 / 2", "accepted")
    assert (row["usage"], row["remainder"]) == ("7.5", "0.5")
    (part,) = row["from"]
    assert part["duplicates_dropped"] == 1
    records = part["days"][0]["hours"][0]["files"][0]["records"]
    assert [(r["value"], r["counted"]) for r in records] == [("2", False), ("5", True)]
    assert found["differences"] == []


def test_a_file_that_changed_since_is_a_difference(tmp_path: Path) -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1", value=4)])
    world.run()
    world.hour("01/00", [a_record("c-1", value=6)])
    found = explain(as_folders(world, tmp_path), world.plan, "c-1", JULY)
    assert found["differences"] == [
        "cpu: billed from 4, the files hold 6",
        "usage cpu: the day folds hold 4, the records 6",
    ]


def test_only_the_days_of_the_contract_are_read_and_744_files_take_less_than_two_seconds(
    tmp_path: Path,
) -> None:
    world = WholeMonth()
    for index in range(JULY.hours):
        payer = "c-1" if index >= 24 else "c-2"
        world.hour(f"{index // 24 + 1:02d}/{index % 24:02d}", [a_record(payer)])
    world.run()
    where = as_folders(world, tmp_path)
    (tmp_path / "usage" / ROOT / "2025/07/01/00/sub-1.json").write_bytes(b"not read")
    began = time.monotonic()
    (row,) = explain(where, world.plan, "c-1", JULY)["dimensions"]
    assert time.monotonic() - began < 2
    assert row["quantity"] == "720"


def test_a_contract_that_nobody_knows_is_refused_in_a_sentence(tmp_path: Path) -> None:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record("c-1")])
    world.run()
    with pytest.raises(CannotRun, match="c-9 has no usage and no ledger entry in 2025-07"):
        explain(as_folders(world, tmp_path), world.plan, "c-9", JULY)
