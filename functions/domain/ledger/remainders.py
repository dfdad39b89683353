"""What rounding leaves of a contract's usage is carried to its next month.

Per contract and dimension the balance of all months is `usage - quantity`, summed. A month that is
billed takes the balance of all *other* months in, so it does not matter in which order months are
billed or re-opened, and no unit is lost or billed twice: usage = quantities + balance, always.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from functions.domain.formula import ByDimension, exact_text
from functions.domain.ledger.entry import Entry
from functions.domain.wording import number, some

Balance = Mapping[tuple[str, str], Fraction]


class Carried(NamedTuple):
    """What months have left in today's units, and what of it is in others, in words."""

    balance: Balance = MappingProxyType({})
    left_out: tuple[str, ...] = ()


class Remainders(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One month's `usage - quantity` by contract and dimension, where it is not zero.

    `formulas`: what the plan computed its dimensions with. They are the unit of what is left.
    `units`: those of contracts that were computed with others.
    """

    contracts: dict[str, dict[str, str]] = {}
    formulas: dict[str, str] = {}
    units: dict[str, dict[str, str]] = {}

    def unit(self, contract: str, dimension: str) -> str | None:
        """Return what an amount was computed with."""
        of_contract = self.units.get(contract, {})
        return of_contract.get(dimension) or _unit(self.formulas, dimension)


def remainders_of(
    entries: Iterable[Entry], formulas: ByDimension, *, done: Collection[str] = ()
) -> Remainders:
    """Return what a month's ledger leaves.

    `done`: contracts that the state file lists as successes. One of them that the ledger has not
    seen accepted was settled by an operator.
    """
    return with_entries(Remainders(formulas=dict(formulas)), entries, done=done)


def with_entries(
    left: Remainders, entries: Iterable[Entry], *, done: Collection[str] = ()
) -> Remainders:
    """Return a month's remainders with those that some entries leave now."""
    found, units = dict(left.contracts), dict(left.units)
    for entry in entries:
        given_up = entry.waived or (entry.contract_id in done and not entry.accepted)
        found[entry.contract_id] = of_entry = _left(entry, given_up=given_up)
        units[entry.contract_id] = {
            name: unit
            for name in of_entry
            if (unit := entry.formulas.get(name, name)) != _unit(left.formulas, name)
        }
    return msgspec.structs.replace(
        left,
        contracts={name: found[name] for name in sorted(found) if found[name]},
        units={name: units[name] for name in sorted(units) if units[name]},
    )


def _unit(formulas: ByDimension, dimension: str) -> str | None:
    """Return what a plan computes a dimension with: without formulas, its own usage."""
    return formulas.get(dimension) if formulas else dimension


def _left(entry: Entry, *, given_up: bool) -> dict[str, str]:
    """Return what an entry leaves. What was given up is not billed later either."""
    if given_up:
        amounts = {line.dimension: line.amount for line in entry.lines if line.state == "accepted"}
    else:
        amounts = entry.amounts
    quantities = {line.dimension: line.taken for line in entry.lines}
    left = {
        name: Fraction(amount) - Fraction(quantities.get(name, "0"))
        for name, amount in sorted(amounts.items())
        if amount
    }
    return {name: exact_text(value) for name, value in left.items() if value}


def balance(
    months: Iterable[tuple[str, Remainders]], formulas: ByDimension, since: str = ""
) -> Carried:
    """Add up what months have left that were computed with these formulas.

    What another formula has left is in another unit, and nobody knows what it is worth in this one.
    It is named for as long as it was left `since` a month, if it comes to a unit of all contracts.
    """
    total: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    others: defaultdict[tuple[str, str, str | None], Fraction] = defaultdict(Fraction)
    last: defaultdict[tuple[str, str, str | None], str] = defaultdict(str)
    for month, left in months:
        for contract, dimensions in left.contracts.items():
            for dimension, text in dimensions.items():
                line = (contract, dimension, left.unit(contract, dimension))
                if line[2] == _unit(formulas, dimension):
                    total[contract, dimension] += Fraction(text)
                else:
                    others[line] += Fraction(text)
                    last[line] = max(last[line], month)
    of_month: defaultdict[tuple[str, str], dict[str, Fraction]] = defaultdict(dict)
    for (contract, dimension, unit), value in others.items():
        if value and (month := last[contract, dimension, unit]) >= since:
            of_month[month, dimension][contract] = value
    left_out = tuple(
        f"{_amounts(of)} {dimension}, left in {month}, is not carried: its formula or name changed"
        for (month, dimension), of in sorted(of_month.items())
        if sum(map(abs, of.values())) >= 1
    )
    return Carried({key: value for key, value in total.items() if value}, left_out)


def _amounts(of: Mapping[str, Fraction]) -> str:
    """Name what contracts have left, the largest amounts first."""
    largest = sorted(of, key=lambda contract: (-abs(of[contract]), contract))
    return ", ".join(some((f"{number(exact_text(of[name]))} of {name}" for name in largest), 5))
