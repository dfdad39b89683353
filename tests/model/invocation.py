"""An invocation of a Lambda: which state, for which execution, with which input."""

from typing import NamedTuple

from functions.domain.ledger.claim import ContractItem
from tests.model import month


class Item(NamedTuple):
    """What makes one item of the contract map different from another."""

    contract: str
    retry: bool
    without_usage: bool

    def full(self) -> ContractItem:
        quantities = {} if self.without_usage else month.QUANTITIES
        return ContractItem(
            contract_id=self.contract,
            quantities=quantities,
            amounts=quantities,
            usage=quantities,
            retry=self.retry,
            without_usage=self.without_usage,
        )


class Invocation(NamedTuple):
    """A Lambda and its input. `contract` is the place of the item that is worked on.

    `alone`: of its execution only the contract map is modelled, without plan, lease and month.
    """

    state: str
    execution: str
    retry_errors: bool
    contracts: int
    items: tuple[Item, ...] = ()
    contract: int = 0
    problem: str = ""
    alone: bool = False


def contract_of(invocation: Invocation) -> int:
    """Return the place of the contract that an invocation works on."""
    return month.CONTRACTS.index(invocation.items[invocation.contract].contract)
