"""Two years of random months, with faults and people: the seeds with even numbers."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.chunk import check_seeds

SEEDS = range(0, 120, 2)


def test_whatever_happens_in_two_years_every_promise_holds(covered: Callable[..., None]) -> None:
    check_seeds(SEEDS, covered)
