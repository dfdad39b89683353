"""Decisions about parked contracts that make no sense, or that say only half of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.in_memory.metering_world import PLAN, MeteringWorld
from tests.in_memory.points import Break, Point, Result, nothing

REASON = "seen in Clazar by jane"


def _drop(point: Point) -> Break | None:
    def drop(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
        return lost()

    return drop if point.kind == "request" and "c-1" in point.label else None


@pytest.fixture
def parked() -> Iterator[MeteringWorld]:
    """A world in which nobody can tell whether c-1 was accepted: it was not."""
    with MeteringWorld({**PLAN, "missing_hours": "warn"}, lists=False) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 4}})
        world.points.choose = _drop
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
        ({"reason": " "}, "resolve.reason: must not be empty"),
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
