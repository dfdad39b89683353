"""One more execution, undisturbed, from wherever the others have ended."""

from typing import NamedTuple

from tests.model.invocation import Invocation
from tests.model.promises import broken, unfinished
from tests.model.receiver import Held, Receiver
from tests.model.state import Actor, State
from tests.model.world import World

_MOST_MOVES = 1_000


class Rest(NamedTuple):
    """What is left of a state once nobody is at work."""

    documents: tuple[int, ...]
    held: Held
    young: tuple[bool, ...]


def rest(end: State) -> Rest:
    """Return what is left. Leftovers do nothing any more, which they are free to do."""
    return Rest(end.documents, end.held, end.young)


def undone(ends: list[State], receiver: Receiver, contracts: int) -> tuple[int, str]:
    """Run once more from every end; return how many there are and what is left undone in one."""
    last = Invocation("AcquirePlan", "x-3", retry_errors=False, contracts=contracts)
    world = World(receiver, (last,))
    found = {rest(end) for end in ends}
    for documents, held, young in sorted(found):
        first = State(documents, held, young, (Actor(world.lives.begin(last)),), (), (), 0)
        if complaint := _complaint(world, first, contracts):
            return len(found), complaint
    return len(found), ""


def _complaint(world: World, state: State, contracts: int) -> str:
    """Go on with patience: time passes when it can, and a try follows before it is the last."""
    seen = {state}
    for _ in range(_MOST_MOVES):
        if not any(state.runs):
            return broken(state) or unfinished(state, contracts)
        moves = [then for _, then in world.moves(state) if then not in seen]
        if not moves:
            return "the execution goes in circles"
        state = next((then for then in moves if sum(then.young) < sum(state.young)), moves[0])
        seen.add(state)
    return f"the execution has not ended after {_MOST_MOVES} moves"
