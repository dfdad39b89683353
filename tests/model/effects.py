"""How an effect on the outside may turn out: what is changed, and what the invocation hears."""

from collections.abc import Iterator
from typing import Any

from tests.model.lives import Lives
from tests.model.month import ENTRIES, last_attempt, same_contract
from tests.model.order import reads_with_next
from tests.model.receiver import Receiver, Request, busy, unknown
from tests.model.state import DONE, REFUSED, YOUNG, Actor, State, is_running, with_item

Outcome = tuple[tuple[Any, ...], State, Actor]


class Effects:
    """The outside: documents with conditional writes, the receiver, the clock, Step Functions."""

    def __init__(
        self, receiver: Receiver, lives: Lives, executions: tuple[str, ...], *, loses: bool
    ) -> None:
        """Take the receiver; `loses`: answers get lost as well."""
        self._receiver, self._lives, self._executions = receiver, lives, executions
        self._loses = loses

    def outcomes(self, state: State, actor: Actor) -> Iterator[Outcome]:
        """Return every way in which an invocation's next effect may turn out."""
        kind, *details = self._lives.step(actor.life).effect or ("",)
        if kind == "write":
            yield from self._write(state, actor, *details)
        elif kind == "answer":
            yield from self._answer(state, actor)
        elif kind == "post":
            life = self._lives.answered(actor.life, DONE)
            yield ("POST leaves",), state, Actor(life, Request(*details))
        else:
            for answer in self._reported(state, kind, *details):
                then = Actor(self._lives.answered(actor.life, answer))
                label = (kind, *details, answer)
                if kind == "read" and reads_with_next(self._lives, actor, then, *details):
                    for following, changed, last in self.outcomes(state, then):
                        yield (*label, *following), changed, last
                else:
                    yield label, state, then

    def _reported(self, state: State, kind: str, detail: Any = None) -> tuple[Any, ...]:
        """Return what may be seen of the outside without changing it."""
        if kind == "read":
            return (state.documents[detail],)
        if kind == "list":
            entries = state.documents[ENTRIES:]
            return (tuple(place for place, entry in enumerate(entries) if entry),)
        if kind == "running":
            return (is_running(state, self._executions, detail),)
        if kind == "look":
            return (self._receiver.listed(state.held, detail),)
        if kind == "now":
            return self._is_long_ago(state, detail)
        raise NotImplementedError(kind)

    def _is_long_ago(self, state: State, known: int) -> tuple[bool, ...]:
        """Say whether the last attempt that an invocation knows of is long ago.

        Another one has come since where it is not the last any more: then it may be either.
        """
        for contract, held in enumerate(state.documents[ENTRIES:]):
            if same_contract(held, known) and last_attempt(held) == last_attempt(known):
                return (not state.young[contract],)
        return (False, True)

    def _write(
        self, state: State, actor: Actor, slot: int, new: int, over: int
    ) -> Iterator[Outcome]:
        """Write if the document is what was read; a repeated write may find its own.

        Storage says the same for both: see its docstring.
        """
        current = state.documents[slot]
        if current not in (over, new):
            yield ("write refused",), state, Actor(self._lives.answered(actor.life, REFUSED))
            return
        then = self._written(state, slot, new)
        reported = Actor(self._lives.answered(actor.life, DONE))
        yield ("writes", slot, new), then, reported
        if self._loses and state.disturbances and not actor.wrote:
            lost = then._replace(disturbances=state.disturbances - 1)
            yield ("writes", slot, new, "and is not told"), lost, actor._replace(wrote=True)

    @staticmethod
    def _written(state: State, slot: int, new: int) -> State:
        current = state.documents[slot]
        then = state._replace(documents=with_item(state.documents, slot, new))
        if slot >= ENTRIES and last_attempt(new) != last_attempt(current):
            return then._replace(young=with_item(state.young, slot - ENTRIES, YOUNG))
        return then

    def _answer(self, state: State, actor: Actor) -> Iterator[Outcome]:
        """Let a request arrive, its answer return, or either be lost."""
        fewer = state._replace(disturbances=state.disturbances - 1)
        wire = actor.wire
        if isinstance(wire, Request):
            held, answer = self._receiver.arrive(state.held, wire)
            yield ("its request arrives",), state._replace(held=held), actor._replace(wire=answer)
            if self._loses and state.disturbances:
                orphan = fewer._replace(orphans=tuple(sorted((*state.orphans, wire))))
                yield ("gives its request up",), orphan, self._answered(actor, unknown(wire))
                yield ("its request is not taken",), fewer, self._answered(actor, busy(wire))
            return
        assert wire is not None
        yield wire, state, self._answered(actor, wire)
        if self._loses and state.disturbances:
            lost = ("unknown", *("unknown" for _ in wire[1:]))
            yield ("the answer is lost",), fewer, self._answered(actor, lost)

    def _answered(self, actor: Actor, answer: tuple[str, ...]) -> Actor:
        return Actor(self._lives.answered(actor.life, answer))
