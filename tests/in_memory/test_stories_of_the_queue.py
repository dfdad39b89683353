"""Files that are uploaded together wait for the stream, and the queue moves."""

import random
from collections.abc import Iterator
from datetime import timedelta
from statistics import mean

import pytest

from tests.in_memory import retries
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.machine import Execution

FILES = [f"credits-{year}-{month:02d}.csv" for year in (2023, 2024) for month in range(1, 13)]
# Read back after 0, 10 and 25 seconds: that is how long an execution works on its file.
INGEST = timedelta(seconds=20)
MOST_MINUTES = 20


@pytest.fixture(params=range(10))
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CreditsWorld]:
    drawn = random.Random(request.param)  # noqa: S311  # a test's own dice
    monkeypatch.setattr(retries, "jitter", lambda longest: drawn.uniform(0, longest))
    with CreditsWorld() as world:
        world.cloudzero.ingest = INGEST
        yield world


def upload(world: CreditsWorld, *names: str) -> list[Execution]:
    return [world.upload(name, {f"{name[8:12]}0000{name[13:15]}00": ["1.00"]}) for name in names]


def test_two_years_of_files_uploaded_together_are_posted_within_twenty_minutes(
    world: CreditsWorld,
) -> None:
    begun = world.now()
    executions = upload(world, *FILES)
    world.run()
    assert {execution.status for execution in executions} == {"SUCCEEDED"}
    assert len(world.cloudzero.posts) == len(FILES)
    assert world.now() - begun <= timedelta(minutes=MOST_MINUTES)


def place_of_a_newcomer(seed: int) -> float:
    """Return when it had its turn: between 0, before all who waited already, and 1, after them."""
    drawn = random.Random(seed)  # noqa: S311  # a test's own dice
    retries.jitter = lambda longest: drawn.uniform(0, longest)
    with CreditsWorld() as world:
        world.cloudzero.ingest = INGEST
        executions = upload(world, *FILES[:12])
        world.timeline.pass_time(drawn.uniform(120, 180))
        waiting = [execution for execution in executions if execution.status == "RUNNING"]
        (newcomer,) = upload(world, FILES[12])
        world.timeline.run(until=lambda: newcomer.status != "RUNNING")
        return mean(execution.status != "RUNNING" for execution in waiting)


def test_a_newcomer_does_not_overtake_those_who_wait_on_average(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "jitter", retries.jitter)
    assert mean(map(place_of_a_newcomer, range(60))) >= 0.45
