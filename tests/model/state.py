"""A state of the model: everything that there is at one moment."""

from typing import Literal, NamedTuple, TypeVar

from tests.model.receiver import Held, Request

T = TypeVar("T")
# Answers to an effect that brings nothing back, and the age of a contract's last attempt.
DONE, REFUSED = True, False
YOUNG = True


class Actor(NamedTuple):
    """A live invocation. `wire`: its request while it is underway, or the answer to it.

    `wrote`: the answer to its last write was lost, and it is about to repeat it.
    """

    life: int
    wire: Request | tuple[str, ...] | None = None
    wrote: bool = False


class Place(NamedTuple):
    """Where an actor stands in a state: among the runs or among the leftovers."""

    kind: Literal["run", "leftover"]
    at: int


class State(NamedTuple):
    """Documents by their place, what the receiver holds, and everybody who is at work.

    `young`: per contract, whether its last attempt is less than SETTLE_SECONDS ago. `leftovers`:
    invocations that nobody waits for. `orphans`: requests that are underway without their sender.
    `disturbances`: how many are still allowed.
    """

    documents: tuple[int, ...]
    held: Held
    young: tuple[bool, ...]
    runs: tuple[Actor | None, ...]
    leftovers: tuple[Actor, ...]
    orphans: tuple[Request, ...]
    disturbances: int

    def actors(self) -> tuple[Actor, ...]:
        return (*(actor for actor in self.runs if actor), *self.leftovers)


def is_running(state: State, executions: tuple[str, ...], name: str) -> bool:
    """Whether an execution runs. One that is not known any more does not."""
    return name in executions and state.runs[executions.index(name)] is not None


def with_item(items: tuple[T, ...], place: int, item: T) -> tuple[T, ...]:
    return (*items[:place], item, *items[place + 1 :])


def in_order(actors: tuple[Actor, ...]) -> tuple[Actor, ...]:
    """Return leftovers so that the same ones are equal, whoever came first."""
    return tuple(sorted(actors, key=repr)) if len(actors) > 1 else actors
