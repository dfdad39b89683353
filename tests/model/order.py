"""Which steps need not be tried in every order, because the order makes no difference.

Giving up: an invocation that is given up late does what it would have done if it had been given up
at its beginning, with the same answers: a leftover runs the same code. So `World` gives up only
fresh ones.

Waiting: an AcquirePlan that finds the lease held by a running execution changes nothing and begins
again. So it steps only while it has a chance. And of two equal executions it may as well be the
first one that takes the lease first.

Alone: a read of the one run that is past AcquirePlan, of something that nobody alive can write,
comes out the same before and after whatever others do. So it is done at once. Fresh invocations
are never hurried: there everything is tried, which also bounds the hurry.

With the next effect: a write is refused if what it was made from has changed since it was read. So
a read may come as late as the effect after it: either nothing came between, or nothing follows.

Leftovers: one whose next write is bound to be refused is as good as behind it, or gone.

`test_order` explores with and without all this and compares how everything ends.
"""

from tests.model.invocation import contract_of
from tests.model.lives import Lives
from tests.model.month import ENTRIES, JOURNAL, LEASE, NOTHING, STATE, holder
from tests.model.state import REFUSED, Actor, Place, State, in_order, is_running

_WRITES = {
    "AcquirePlan": {LEASE},
    "PlanMonths": {JOURNAL},
    "MergeUsage": set[int](),
    "CloseMonth": {STATE, JOURNAL},
    "ReleasePlan": {JOURNAL, LEASE},
}
# What these read first is what they write over, or they write nothing.
_OPTIMISTIC = ("AcquirePlan", "ClaimContract", "SubmitContract")


def reads_with_next(lives: Lives, before: Actor, after: Actor, slot: int) -> bool:
    """Whether a read may be taken together with the effect that follows it."""
    effect = lives.step(after.life).effect
    if effect is None:
        return False
    if effect[0] == "write":
        return bool(effect[1] == slot)
    return lives.invocation(before.life).state in _OPTIMISTIC and effect[0] in ("look", "running")


class Order:
    """What is known of the order of steps."""

    def __init__(self, lives: Lives, executions: tuple[str, ...]) -> None:
        self._lives, self._executions = lives, executions

    def waits(self, state: State, actor: Actor, place: int) -> bool:
        """Whether an execution can do nothing but wait for the lease."""
        of = self._lives.invocation(actor.life)
        if of.alone:  # the lease, seen from the contract map
            return any(state.runs[:place])
        if of.state != "AcquirePlan":
            return False
        lease = state.documents[LEASE]
        if lease == NOTHING:
            return any(state.runs[:place])
        held_by = holder(lease)
        if held_by in ("", self._executions[place]):
            return False
        return is_running(state, self._executions, held_by)

    def undisturbed(self, state: State) -> tuple[Actor, Place] | None:
        """Return the run whose next step comes out the same whatever else happens."""
        for place, actor in enumerate(state.runs):
            if actor is not None and self._is_alone(state, actor):
                return actor, Place("run", place)
        return None

    def _is_alone(self, state: State, actor: Actor) -> bool:
        effect = self._lives.step(actor.life).effect
        if effect is None or self._lives.is_fresh(actor.life):
            return False
        if effect[0] == "write":
            return _is_refused(state, *effect[1:])
        if effect[0] == "read" and effect[1] != LEASE:
            return not any(self._may_write(other, effect[1]) for other in state.leftovers)
        if effect[0] == "list":
            return not any(self._may_write(other, ENTRIES) for other in state.leftovers)
        return effect[0] == "look" and not state.leftovers and not state.orphans

    def _may_write(self, leftover: Actor, slot: int) -> bool:
        of = self._lives.invocation(leftover.life)
        return slot in _WRITES[of.state] if of.state in _WRITES else slot >= ENTRIES

    def leftovers(self, state: State) -> State:
        """Leave out what cannot do anything any more."""
        if not state.leftovers:
            return state
        found = [self._goes_on(state, actor) for actor in state.leftovers]
        return state._replace(leftovers=in_order(tuple(actor for actor in found if actor)))

    def _goes_on(self, state: State, actor: Actor) -> Actor | None:
        """Return a leftover behind its writes that are bound to be refused."""
        of, step = self._lives.invocation(actor.life), self._lives.step(actor.life)
        while step.effect and step.effect[0] == "write" and _is_refused(state, *step.effect[1:]):
            actor = Actor(self._lives.answered(actor.life, REFUSED))
            step = self._lives.step(actor.life)
        if step.effect is None or of.state == "MergeUsage":
            return None
        if of.state in _OPTIMISTIC and step.known and not step.begun and not actor.wrote:
            return actor if state.documents[ENTRIES + contract_of(of)] == step.known else None
        return actor


def _is_refused(state: State, slot: int, new: int, over: int) -> bool:
    return state.documents[slot] not in (over, new)
