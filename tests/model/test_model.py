"""Every order of effects, lost answers, late requests and dead Lambdas, within bounds.

A disturbance is one of: an invocation is given up (it may die or live on) and tried again; an
execution is aborted (the same); the answer to a write is lost; the answer to a request is lost,
before or after it has arrived; a request is not taken.
"""

from collections.abc import Callable
from functools import cache

import pytest

from tests.model import lives
from tests.model.calm import undone
from tests.model.explorer import Explored, explore
from tests.model.playing import play
from tests.model.receiver import Receiver
from tests.model.settings import CARELESS, RECEIVERS, RULELESS, maps, months
from tests.model.world import World

Covered = Callable[..., None]
receivers = pytest.mark.parametrize("receiver", RECEIVERS, ids=str)
# What an invocation does follows from the answers it has had, whoever gave them: nothing here
# changes its code, so each history is played once for all models.
_play = cache(play)


@pytest.fixture(autouse=True)
def _played_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "play", _play)


def keeps_its_promises(world: World, disturbances: int, title: str, covered: Covered) -> None:
    found = explore(world, disturbances)
    assert not found.violation, reported(found)
    ends, complaint = undone(found.ends, world.receiver, world.contracts)
    assert not complaint
    covered(
        f"model check, {title}, {world.receiver}",
        states=found.states,
        transitions=found.transitions,
        ends=ends,
    )


def reported(found: Explored) -> str:
    return "\n".join([found.violation, *found.trace])


@pytest.mark.parametrize("receiver", RULELESS, ids=str)
def test_a_contract_survives_three_disturbances(receiver: Receiver, covered: Covered) -> None:
    keeps_its_promises(maps(receiver), 3, "one contract's map, 3 disturbances", covered)


@receivers
def test_errors_that_are_tried_again_are_billed_once(receiver: Receiver, covered: Covered) -> None:
    keeps_its_promises(maps(receiver, retry=True), 2, "errors again, 2 disturbances", covered)


@pytest.mark.parametrize("receiver", RULELESS, ids=str)
def test_a_month_of_two_contracts_survives_three_crashes(
    receiver: Receiver, covered: Covered
) -> None:
    world = months(receiver, contracts=2, lingers=False)
    keeps_its_promises(world, 3, "two contracts' month, 3 crashes or lost answers", covered)


@receivers
def test_a_month_of_two_contracts_survives_a_lambda_that_lives_on(
    receiver: Receiver, covered: Covered
) -> None:
    world = months(receiver, contracts=2)
    keeps_its_promises(world, 1, "two contracts' month, 1 disturbance, Lambdas live on", covered)


@pytest.mark.slow
def test_a_month_of_one_contract_survives_two_lambdas_that_live_on(covered: Covered) -> None:
    world = months(CARELESS, contracts=1, loses=False)
    keeps_its_promises(world, 2, "one contract's month, 2 Lambdas live on", covered)


def test_a_look_is_as_old_as_its_question() -> None:
    found = explore(maps(CARELESS), 1)
    assert not found.violation, reported(found)
