"""A month beside the one before it: report, preview and hold compare the usage of the same two."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.builders import SEPTEMBER_2
from tests.in_memory.metering_world import WARNS, MeteringWorld

REPORTS = "reports/S/E/P"
Usage = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def two_months() -> Iterator[MeteringWorld]:
    """A world in which July and August are due, with other contracts and usage."""
    with MeteringWorld(WARNS, now=SEPTEMBER_2) as world:
        july: Usage = {"c-1": {"cpu": 4.5}, "c-2": {"cpu": 10}, "gone": {"cpu": 3}}
        august: Usage = {"c-1": {"cpu": 9}, "c-2": {"cpu": 9.5}, "new": {"cpu": 7}}
        world.put_usage("2025-07", "01/00", july)
        world.put_usage("2025-08", "01/00", august)
        yield world


def report(world: MeteringWorld, month: str = "2025-08") -> Any:
    return json.loads(world.state_bucket.objects[f"{REPORTS}/{month}/report.json"])


def moved(world: MeteringWorld, month: str = "2025-08") -> list[tuple[str, ...]]:
    columns = ("contract_id", "before", "usage", "difference", "change")
    found = report(world, month)["movements"]["moved"]
    return [tuple(item[name] for name in columns) for item in found]


def test_a_report_says_which_contracts_moved_most_and_which_are_new_or_gone(
    two_months: MeteringWorld,
) -> None:
    assert two_months.execute().status == "SUCCEEDED"
    assert report(two_months, "2025-07")["before"] == ""
    assert moved(two_months) == [
        ("c-1", "4.5", "9", "4.5", "+100.0%"),
        ("c-2", "10", "9.5", "-0.5", "-5.0%"),
    ]
    movements = report(two_months)["movements"]
    assert (movements["new_contracts"], movements["gone_contracts"]) == (["new"], ["gone"])


def test_the_csv_file_has_the_usage_of_both_months(two_months: MeteringWorld) -> None:
    two_months.execute()
    text = two_months.state_bucket.objects[f"{REPORTS}/2025-08/report.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(text.partition("\r\n")[2])))
    found = {row["contract_id"]: (row["usage_before"], row["usage"]) for row in rows}
    assert found == {"c-1": ("4.5", "9"), "c-2": ("10", "9.5"), "new": ("0", "7")}


def test_a_remainder_is_not_counted_again_in_the_month_that_takes_it_in() -> None:
    with MeteringWorld({**WARNS, "approve_above": "1%"}, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4.5}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 4.5}})
        assert world.execute().status == "SUCCEEDED", "what was used is the same"
        assert report(world)["totals"][0]["due"] == "5"
        assert moved(world) == []


def test_a_month_that_is_done_again_is_compared_with_the_one_before_it_again(
    two_months: MeteringWorld,
) -> None:
    two_months.execute()
    two_months.put_usage("2025-09", "01/00", {"c-1": {"cpu": 1}})
    two_months.pass_days(30)
    two_months.execute()
    assert report(two_months, "2025-09")["before"] == "2025-08"
    two_months.execute(months=["2025-08"])
    assert report(two_months)["before"] == "2025-07"
    assert moved(two_months)[0][:3] == ("c-1", "4.5", "9")


def test_a_draft_is_compared_with_the_month_that_the_real_run_would_hold_it_against() -> None:
    with MeteringWorld({**WARNS, "approve_above": "20%"}, now=SEPTEMBER_2) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-08", "01/00", {"c-1": {"cpu": 4}})
        world.execute()
        world.put_usage("2025-09", "01/00", {"c-1": {"cpu": 4}})
        world.put_usage("2025-10", "01/00", {"c-1": {"cpu": 8}})
        world.pass_days(61)
        ended = world.execute(dry_run=True)
        assert ended.output["message"].count("cpu: 4 in 2025-08, now 8 (+100.0%)") == 1
        assert "2025-10 would be held" in ended.output["message"]
        (page,) = (
            body.decode()
            for key, body in world.state_bucket.objects.items()
            if key.startswith("previews/S/E/P/2025-10/") and key.endswith(".html")
        )
        assert "usage in 2025-08" in page


@pytest.mark.parametrize("body", [b"{", b"", b'"\xff"', b'{"month": 7}', b'{"rows": [{}]}'])
def test_an_earlier_report_that_cannot_be_read_costs_the_comparison_and_nothing_else(
    two_months: MeteringWorld, body: bytes
) -> None:
    two_months.execute(max_months=1)
    two_months.state_bucket.objects[f"{REPORTS}/2025-07/report.json"] = body
    assert two_months.execute().status == "SUCCEEDED"
    assert two_months.state()["last_processed_month"] == "2025-08"
    assert report(two_months)["movements"]["moved"] == []


def test_contracts_whose_formula_failed_are_not_in_the_totals_and_are_counted() -> None:
    plan = {**WARNS, "dimensions": {"cpu": "cpu / mem"}}
    with MeteringWorld(plan, now=SEPTEMBER_2) as world:
        july = {"c-1": {"cpu": 4, "mem": 1}, "c-2": {"cpu": 4, "mem": 1}}
        world.put_usage("2025-07", "01/00", july)
        world.put_usage("2025-08", "01/00", {**july, "c-2": {"cpu": 4}})
        world.execute()
        (total,) = report(world)["totals"]
        assert (total["contracts"], total["not_computed"], total["usage"]) == (1, 1, "4")
        assert report(world)["movements"]["gone"] == 0
        html = world.state_bucket.objects[f"{REPORTS}/2025-08/report.html"].decode()
        assert "The usage of 2025-08 is without 1 contract whose formula failed." in html
