"""What rounding leaves of a contract's usage is carried to its next month.

Per contract and dimension the balance of all months is `usage - quantity`, summed. A month that is
billed takes the balance of all *other* months in, so it does not matter in which order months are
billed or re-opened, and no unit is lost or billed twice: usage = quantities + balance, always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction

import msgspec
from msgspec.structs import replace

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import Entry

Balance = Mapping[tuple[str, str], Fraction]


class Remainders(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One month's `usage - quantity` by contract and dimension, where it is not zero.

    `formulas`: what the plan computed its dimensions with. They are the unit of what is left.
    """

    contracts: dict[str, dict[str, str]] = {}
    formulas: dict[str, str] = {}


def remainders_of(
    entries: Iterable[Entry], formulas: Mapping[str, str], *, done: Collection[str] = ()
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
    found = dict(left.contracts)
    for entry in entries:
        given_up = entry.waived or (entry.contract_id in done and not entry.accepted)
        found[entry.contract_id] = _left(entry, left.formulas, given_up=given_up)
    return replace(left, contracts={name: found[name] for name in sorted(found) if found[name]})


def _left(entry: Entry, formulas: Mapping[str, str], *, given_up: bool) -> dict[str, str]:
    """Return what an entry leaves. What was given up is not billed later either.

    What another formula has left is in another unit, and nobody knows what it is worth in this one.
    """
    if given_up:
        amounts = {line.dimension: line.amount for line in entry.lines if line.state == "accepted"}
    else:
        amounts = entry.amounts
    quantities = {line.dimension: line.taken for line in entry.lines}
    left = {
        name: Fraction(amount) - Fraction(quantities.get(name, "0"))
        for name, amount in sorted(amounts.items())
        if amount and entry.formulas.get(name) == formulas.get(name)
    }
    return {name: exact_text(value) for name, value in left.items() if value}


def balance(months: Iterable[Remainders], formulas: Mapping[str, str]) -> Balance:
    """Add up what months have left that were computed with these formulas."""
    total: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for month in months:
        for contract, dimensions in month.contracts.items():
            for dimension, text in dimensions.items():
                if month.formulas.get(dimension) == formulas.get(dimension):
                    total[contract, dimension] += Fraction(text)
    return {key: value for key, value in total.items() if value}
