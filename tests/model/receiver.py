"""Clazar in the model: how often it holds each contract's dimensions. Pure."""

from typing import NamedTuple

from tests.model.month import CONTRACTS, DIMENSIONS

# How often each dimension was accepted: all of the first contract, then all of the second.
Held = tuple[int, ...]
EMPTY: Held = (0,) * len(DIMENSIONS) * len(CONTRACTS)
_MANY = len(DIMENSIONS)


class Request(NamedTuple):
    """A request that has left: the contract's place and the places of its dimensions."""

    contract: int
    dimensions: tuple[int, ...]


class Receiver(NamedTuple):
    """Two things that Clazar may or may not do."""

    refuses_duplicates: bool
    lists: bool

    def __str__(self) -> str:
        rule = "duplicate rule" if self.refuses_duplicates else "no duplicate rule"
        return f"{rule}, {'listing' if self.lists else 'no listing'}"

    def arrive(self, held: Held, request: Request) -> tuple[Held, tuple[str, ...]]:
        """Take a request in, whenever it comes."""
        after, kinds = list(held), []
        for dimension in request.dimensions:
            place = request.contract * _MANY + dimension
            if held[place] and self.refuses_duplicates:
                kinds.append("present")
            else:
                after[place] += 1
                kinds.append("accepted")
        return tuple(after), ("answered", *kinds)

    def listed(self, held: Held, contract: int) -> tuple[int, ...] | None:
        """Say what is held for a contract; None if that is not offered."""
        return of_contract(held, contract) if self.lists else None


def of_contract(held: Held, contract: int) -> tuple[int, ...]:
    """Return how often each dimension of a contract was accepted."""
    return held[contract * _MANY : (contract + 1) * _MANY]


def unknown(request: Request) -> tuple[str, ...]:
    """Return what a sender knows that has had no answer."""
    return ("unknown", *("unknown" for _ in request.dimensions))


def busy(request: Request) -> tuple[str, ...]:
    """Return what a sender is reported whose request was not taken."""
    return ("busy", *("not_taken" for _ in request.dimensions))
