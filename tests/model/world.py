"""The model: every situation two overlapping executions can get into, one effect at a time.

Executions ask for the lease from the beginning, so the next one goes on as soon as one is aborted.
A Lambda that is given up lives on as a leftover: it may go on at any time, or never. An error that
is tried again may also have been the last try. Disturbances are counted.

Time is one bit per contract: whether its last attempt was long ago. It becomes so only when no
request of the contract can be underway and no invocation that has begun an attempt is alive:
that is what SETTLE_SECONDS promises.
"""

from collections.abc import Iterator
from typing import Any

from tests.model import month
from tests.model.definition import PER_CONTRACT
from tests.model.effects import Effects
from tests.model.invocation import Invocation, contract_of
from tests.model.lives import Lives
from tests.model.month import ENTRIES
from tests.model.order import Order
from tests.model.receiver import EMPTY, Receiver, Request
from tests.model.state import YOUNG, Actor, Place, State, in_order, with_item

Move = tuple[tuple[Any, ...], State]


class World:
    """The moves that are possible."""

    def __init__(
        self,
        receiver: Receiver,
        runs: tuple[Invocation, ...],
        *,
        loses: bool = True,
        lingers: bool = True,
    ) -> None:
        """Take who is at work.

        `loses`: disturbances are lost answers too, not only crashes. `lingers`: a Lambda that is
        given up may live on; else it dies then and there, wherever it has got to.
        """
        self._lingers = lingers
        self.receiver, self.runs = receiver, runs
        self.contracts = runs[0].contracts
        self.lives = Lives()
        names = tuple(run.execution for run in runs)
        self._effects = Effects(receiver, self.lives, names, loses=loses)
        self._order = Order(self.lives, names)

    def start(self, disturbances: int) -> State:
        """Return the beginning: nothing is written, all executions have just started."""
        return State(
            documents=(month.NOTHING,) * (ENTRIES + self.contracts),
            held=EMPTY,
            young=(False,) * self.contracts,
            runs=tuple(Actor(self.lives.begin(run)) for run in self.runs),
            leftovers=(),
            orphans=(),
            disturbances=disturbances,
        )

    def moves(self, state: State) -> Iterator[Move]:
        for label, then in self._moves(state):
            yield label, self._order.leftovers(then)

    def _moves(self, state: State) -> Iterator[Move]:
        alone = self._order.undisturbed(state)
        if alone is not None:
            yield from self._steps(state, *alone)
            return
        for place, actor in enumerate(state.runs):
            if actor is not None and not self._order.waits(state, actor, place):
                yield from self._steps(state, actor, Place("run", place))
                crashes = not self._lingers or self.lives.is_fresh(actor.life)
                if state.disturbances and crashes:
                    yield from self._given_up(state, actor, place)
        for place, actor in enumerate(state.leftovers):
            yield from self._steps(state, actor, Place("leftover", place))
            if self._began(actor):
                yield ("leftover", actor, "ends"), self._gone(state, place)
        for request in set(state.orphans):
            yield from self._late(state, request)
        for contract in range(self.contracts):
            if state.young[contract] and self._settled(state, contract):
                young = with_item(state.young, contract, not YOUNG)
                yield ("settle passes for", contract), state._replace(young=young)

    def _late(self, state: State, request: Request) -> Iterator[Move]:
        orphans = list(state.orphans)
        orphans.remove(request)
        without = state._replace(orphans=tuple(orphans))
        held, _ = self.receiver.arrive(state.held, request)
        yield (request, "arrives late"), without._replace(held=held)
        yield (request, "vanishes"), without

    def _settled(self, state: State, contract: int) -> bool:
        if any(request.contract == contract for request in state.orphans):
            return False
        return not any(
            self._began(actor) and self._contract(actor) == contract for actor in state.actors()
        )

    def _contract(self, actor: Actor) -> int:
        return contract_of(self.lives.invocation(actor.life))

    def _began(self, actor: Actor) -> bool:
        """Whether an invocation's attempt is written down, so that its time is limited by it."""
        step = self.lives.step(actor.life)
        return step.begun or (actor.wrote and step.attempt > 0)

    def _given_up(self, state: State, actor: Actor, place: int) -> Iterator[Move]:
        """Nobody waits for this invocation any more; it lives on, or only its request does."""
        then = state._replace(disturbances=state.disturbances - 1)
        if self._lingers:
            then = then._replace(leftovers=in_order((*state.leftovers, actor)))
        elif isinstance(actor.wire, Request):
            then = then._replace(orphans=tuple(sorted((*state.orphans, actor.wire))))
        again = with_item(state.runs, place, Actor(self.lives.again(actor.life)))
        yield (actor, "is given up and tried again"), then._replace(runs=again)
        ended = with_item(state.runs, place, None)
        yield (actor, "and its execution are aborted"), then._replace(runs=ended)

    def _gone(self, state: State, place: int) -> State:
        actor = state.leftovers[place]
        left = state.leftovers[:place] + state.leftovers[place + 1 :]
        orphans = state.orphans
        if isinstance(actor.wire, Request):
            orphans = tuple(sorted((*orphans, actor.wire)))
        return state._replace(leftovers=left, orphans=orphans)

    def _steps(self, state: State, actor: Actor, where: Place) -> Iterator[Move]:
        """Do the next effect of an invocation, in every way that it may turn out."""
        for label, then, reported in self._effects.outcomes(state, actor):
            changed = self._with_attempt(then, reported)
            step = self.lives.step(changed.life)
            name = (where.kind, actor, *label)
            if step.effect is not None:
                yield name, _placed(then, where, changed)
            elif where.kind == "leftover":
                yield (*name, "and ends"), _placed(then, where, None)
            else:
                for following in self.lives.following(changed.life):
                    next_one = None if following is None else Actor(following)
                    yield (*name, "then", step.error or step.result), _placed(then, where, next_one)

    def _with_attempt(self, state: State, actor: Actor) -> Actor:
        """Draw an id at once where one is wanted: that is nothing of the outside."""
        if self.lives.step(actor.life).effect != ("new attempt",):
            return actor
        drawn = self._new_attempt(state, actor)
        return actor._replace(life=self.lives.answered(actor.life, drawn))

    def _new_attempt(self, state: State, actor: Actor) -> int:
        """Draw the smallest id that nobody uses or remembers: no version ever comes back."""
        contract = self._contract(actor)
        steps = [self.lives.step(other.life) for other in state.actors()]
        used = {step.attempt for step in steps}
        used |= {month.last_attempt(step.known) for step in steps}
        used.add(month.last_attempt(state.documents[ENTRIES + contract]))
        return next(number for number in range(1, len(used) + 2) if number not in used)

    def say(self, label: tuple[Any, ...]) -> str:
        """Return what happens in a move, to be read."""
        return " ".join(self._name(p) if isinstance(p, Actor) else str(p) for p in label)

    def _name(self, actor: Actor) -> str:
        of = self.lives.invocation(actor.life)
        return f"{of.execution} {of.state}" + (
            f" {of.items[of.contract].contract}" if of.items and of.state in PER_CONTRACT else ""
        )


def _placed(state: State, where: Place, actor: Actor | None) -> State:
    if where.kind == "run":
        return state._replace(runs=with_item(state.runs, where.at, actor))
    others = state.leftovers[: where.at] + state.leftovers[where.at + 1 :]
    return state._replace(leftovers=in_order((*others, actor) if actor else others))
