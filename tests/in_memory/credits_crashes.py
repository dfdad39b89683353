"""The crash matrix of the credits pipeline: upload A is broken at every point, B is newer.

`Row(key, newer).play(case)` plays one case and returns the promises that it broke.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from tests.in_memory.breaks import Case, Futures, Player, cases
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.machine import Execution

HOUR = 3600.0
# By account, an amount per month of the file.
A = {"054736553085": ("6407.96", "5.00"), "000123456789": ("1.00", "0.10")}
B = {"054736553085": ("6400.00", "6.00"), "000123456789": ("2.00", "0.20")}
FILES = {"credits-2025-01.csv": ("2025-01",), "credits-2025-01_2025-02.csv": ("2025-01", "2025-02")}
# When the newer file comes: after A's execution, or at the very point that breaks; its event starts
# an execution at once, or only when all is over.
Newer = Literal["later", "meanwhile", "meanwhile, its event late"]
NEWER: tuple[Newer, ...] = ("later", "meanwhile", "meanwhile, its event late")
PLAINLY_WRITTEN = ("runs/", "reports/")
_MOST_RUNS = 4


def _amounts(rows: Mapping[str, tuple[str, str]], key: str) -> dict[str, tuple[str, ...]]:
    return {name: amounts[: len(FILES[key])] for name, amounts in rows.items()}


class Row:
    """A file and when its newer upload comes; worlds that are the same have one future."""

    def __init__(self, key: str, newer: Newer) -> None:
        self._key, self._newer = key, newer
        self._futures = Futures()

    def recorded(self) -> list[Case]:
        """Return all cases: the points of A's execution when nothing breaks.

        Where B may come at one of them, there is also a case for every point that does not break.
        """
        with CreditsWorld() as world:
            world.upload(self._key, _amounts(A, self._key))
            world.run()
            found = list(cases(world.points.seen))
        if self._newer == "later":
            return found
        points = {case.number: case for case in found}
        unbroken = (replace(case, way="not at all", then="nothing") for case in points.values())
        return [*found, *unbroken]

    def play(self, case: Case) -> list[str]:
        """Break A's execution, upload B, let everything end, and return the broken promises."""
        key, newer = self._key, self._newer
        with CreditsWorld() as world:
            broken = world.upload(key, _amounts(A, key))
            player = Player(case, world.timeline, world.step_functions, broken)
            world.points.choose = player.choose
            if newer == "meanwhile":
                player.meanwhile = lambda: world.upload(key, _amounts(B, key))
            elif newer != "later":
                player.meanwhile = lambda: world.put_file(key, _amounts(B, key))
            world.timeline.run(until=lambda: broken.status != "RUNNING")
            if not player.played:
                return [f"the point never came: {case}"]
            _go_on(world, key, case, broken, newer)
            claimed = list(_claimed(world, key))
            return claimed + self._futures.of(_digest(world), lambda: list(_settled(world, key)))


def _digest(world: CreditsWorld) -> str:
    """Return what a world is known by in which nothing is underway: all its future depends on."""
    all_of_it = (
        *(world.now(), world.credits_bucket.etags(), world.credits_bucket.uploads),
        *(sorted(world.credits_bucket.unconditional), world.cloudzero.holds()),
        *((each.input, each.status) for each in world.step_functions.executions),
    )
    return hashlib.sha256(repr(all_of_it).encode()).hexdigest()


def _go_on(world: CreditsWorld, key: str, case: Case, broken: Execution, newer: Newer) -> None:
    """Do what follows on A's broken execution; then B's comes, if it has not come before."""
    if case.then == "redrive":
        world.step_functions.redrive(broken)
    if newer == "later":
        if case.then != "new":
            world.run()
        world.timeline.pass_time(1.0)
        world.upload(key, _amounts(B, key))
    elif newer != "meanwhile":
        world.start(bucket="credits", key=key)
    world.run()


def _wanted(key: str) -> dict[str, dict[str, str]]:
    return {
        month: {name: f"-{amounts[number]}" for name, amounts in B.items()}
        for number, month in enumerate(FILES[key])
    }


def _claimed(world: CreditsWorld, key: str) -> Iterator[str]:
    """Say whether the newer upload's execution has succeeded although CloudZero holds another."""
    held = {month: world.held(month) for month in FILES[key]}
    last = world.uploaded[-1]
    if len(world.uploaded) > 1 and last.status == "SUCCEEDED" and held != _wanted(key):
        yield f"{last.name} succeeded, but CloudZero holds {held}"


def _settled(world: CreditsWorld, key: str) -> Iterator[str]:
    """Run again until nothing is posted any more, and say what is broken then."""
    for _ in range(_MOST_RUNS):
        posts = len(world.cloudzero.posts)
        world.timeline.pass_time(HOUR)
        last = world.start(bucket="credits", key=key)
        world.run()
        if len(world.cloudzero.posts) == posts and last.status == "SUCCEEDED":
            break
    else:
        yield f"still changing after {_MOST_RUNS} runs: {last.status} {last.error} {last.cause}"
    for month, wanted in _wanted(key).items():
        if world.held(month) != wanted:
            yield f"{month} holds {world.held(month)}, not what was uploaded last"
    for name in world.credits_bucket.unconditional:
        if not name.startswith(PLAINLY_WRITTEN):
            yield f"{name} was written without a condition"
