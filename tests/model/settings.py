"""The models that are explored: who is at work, and on how much of an execution."""

from tests.model.invocation import Invocation, Item
from tests.model.month import CONTRACTS
from tests.model.receiver import Receiver
from tests.model.world import World

RECEIVERS = [Receiver(refuses, lists) for refuses in (False, True) for lists in (False, True)]
NO_RULE, LISTING = False, True
FORGETFUL = Receiver(refuses_duplicates=NO_RULE, lists=not LISTING)
CARELESS = Receiver(refuses_duplicates=NO_RULE, lists=LISTING)
# One that has a duplicate rule accepts less, never more.
RULELESS = [FORGETFUL, CARELESS]


def months(
    receiver: Receiver,
    *,
    contracts: int,
    executions: int = 2,
    loses: bool = True,
    lingers: bool = True,
) -> World:
    """Return whole executions, from AcquirePlan to ReleasePlan."""
    names = [f"x-{number}" for number in range(1, executions + 1)]
    runs = [
        Invocation("AcquirePlan", name, retry_errors=False, contracts=contracts) for name in names
    ]
    return World(receiver, tuple(runs), loses=loses, lingers=lingers)


def maps(receiver: Receiver, *, contracts: int = 1, retry: bool = False) -> World:
    """Return two contract maps; the second begins when the first execution is over.

    That is what the lease is for, which `months` has in it. `retry`: the second one tries errors
    again.
    """
    runs = [
        Invocation(
            "ClaimContract",
            name,
            retry_errors=again,
            contracts=contracts,
            items=tuple(
                Item(contract, again, without_usage=False) for contract in CONTRACTS[:contracts]
            ),
            alone=True,
        )
        for name, again in (("x-1", False), ("x-2", retry))
    ]
    return World(receiver, tuple(runs))
