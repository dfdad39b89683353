"""Breadth first through every state, with the shortest way to the first broken promise."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from tests.model.promises import broken
from tests.model.state import State
from tests.model.world import World


class Explored(NamedTuple):
    """What was seen. `violation` comes with its trace. `ends`: where all executions are over."""

    states: int
    transitions: int
    ends: list[State]
    violation: str
    trace: list[str]


def explore(
    world: World, disturbances: int, check: Callable[[State], str] = broken, most: int = 10_000_000
) -> Explored:
    """Visit every state once; stop at the first that breaks a promise."""
    first = world.start(disturbances)
    number = {first: 0}
    came_from: list[int] = [-1]
    wave, ends, transitions = [first], [], 0
    while wave:
        following = []
        for state in wave:
            if not any(state.runs) and not state.orphans:
                ends.append(state)
            for _, then in world.moves(state):
                transitions += 1
                if then in number:
                    continue
                number[then] = len(came_from)
                came_from.append(number[state])
                if violation := check(then):
                    trace = _trace(world, number, came_from, then)
                    return Explored(len(number), transitions, ends, violation, trace)
                following.append(then)
        assert len(number) < most, f"more than {most} states"
        wave = following
    return Explored(len(number), transitions, ends, "", [])


def _trace(world: World, number: dict[State, int], came_from: list[int], last: State) -> list[str]:
    states = list(number)
    at, way = number[last], [last]
    while came_from[at] >= 0:
        at = came_from[at]
        way.append(states[at])
    way.reverse()
    return [
        world.say(next(label for label, then in world.moves(before) if then == after))
        for before, after in pairwise(way)
    ]
