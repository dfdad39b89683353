"""What is left out of the exploration loses nothing: without it, everything ends the same."""

import pytest

from tests.model import effects, month
from tests.model.explorer import explore
from tests.model.lives import Lives
from tests.model.order import Order
from tests.model.receiver import Receiver
from tests.model.settings import RULELESS, maps, months
from tests.model.state import Actor, State
from tests.model.world import World


def everything_in_every_order(change: pytest.MonkeyPatch) -> None:
    waits = Order.waits

    def of_maps(self: Order, state: State, actor: Actor, place: int) -> bool:
        """Maps have no lease to wait for; whole executions ask for it all the time."""
        return not state.documents[month.LEASE] and waits(self, state, actor, place)

    change.setattr(Order, "waits", of_maps)
    change.setattr(Order, "undisturbed", lambda *_: None)
    change.setattr(Order, "leftovers", lambda _self, state: state)
    change.setattr(effects, "reads_with_next", lambda *_: False)
    change.setattr(Lives, "is_fresh", lambda *_: True)


@pytest.fixture(autouse=True)
def _patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up after a conflict or while waiting: then nothing was done, in any order."""
    following = Lives.following

    def patiently(self: Lives, life: int) -> tuple[int | None, ...]:
        found = following(self, life)
        return found[:1] if self.step(life).error in ("PlanBusy", "WriteConflict") else found

    monkeypatch.setattr(Lives, "following", patiently)


def ending(state: State) -> tuple[object, ...]:
    """Return what has become of the month, whoever did it and in how many attempts."""
    entries = [month.entry(number) for number in state.documents[month.ENTRIES :]]
    lines = tuple(
        (entry.settled_at, bool(entry.failure), entry.lines) if entry else () for entry in entries
    )
    return state.held, month.state_of_month(state.documents[month.STATE]), lines


def endings(world: World, disturbances: int) -> set[tuple[object, ...]]:
    found = explore(world, disturbances)
    assert not found.violation, found.trace
    return {ending(state) for state in found.ends}


@pytest.mark.parametrize("receiver", RULELESS, ids=str)
def test_a_contract_ends_the_same_in_every_order(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = endings(maps(receiver), 2)
    assert len(short) > 3
    everything_in_every_order(monkeypatch)
    assert endings(maps(receiver), 2) == short


@pytest.mark.parametrize("receiver", RULELESS, ids=str)
def test_a_month_ends_the_same_in_every_order(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = endings(months(receiver, contracts=1), 1)
    everything_in_every_order(monkeypatch)
    assert endings(months(receiver, contracts=1), 1) == short
