"""A number of stories, for a test file of its own: a file is what a worker gets."""

from collections.abc import Callable, Iterable

from tests.simulation.play import Result, play

_SEEDS, _CHUNKS = 80, 4


def chunk(number: int) -> Callable[[Callable[..., None]], None]:
    """Return the test of one of four files, which as many workers share."""

    def test(covered: Callable[..., None]) -> None:
        check_seeds(range(number, _SEEDS, _CHUNKS), covered)

    return test


def check_seeds(seeds: Iterable[int], covered: Callable[..., None]) -> None:
    """Play all seeds; the message has the story of the first one that breaks a promise."""
    results = [play(seed) for seed in seeds]
    covered("simulation", **counts(results))
    failed = [result for result in results if result.broken]
    assert not failed, f"{len(failed)} seeds break a promise; the first story:\n{failed[0]}"


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Add up what stories were made of."""
    found = {"seeds": 0, "months": 0, "executions": 0, "faults": 0, "acts_of_people": 0}
    for result in results:
        found["seeds"] += 1
        found["months"] += result.months
        found["executions"] += result.executions
        found["faults"] += result.faults
        found["acts_of_people"] += result.acts
    return found


def play_without_log(seed: int) -> Result:
    """Play a seed for its result alone, which another process is sent."""
    return play(seed)._replace(log=())
