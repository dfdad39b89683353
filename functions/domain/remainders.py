"""What rounding leaves of a contract's usage is carried to its next month.

Per contract and dimension the balance of all months is `usage - quantity`, summed. A month that is
billed takes the balance of all *other* months in, so it does not matter in which order months are
billed or re-opened, and no unit is lost or billed twice: usage = quantities + balance, always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from functions.domain.formula import exact_text
from functions.domain.ledger_entry import Entry

Balance = Mapping[tuple[str, str], Fraction]


class Remainders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One month's `usage - quantity` by contract and dimension, where it is not zero."""

    contracts: dict[str, dict[str, str]] = {}


def remainders_of(entries: Iterable[Entry]) -> Remainders:
    """Return what a month's ledger leaves; an entry of an earlier version leaves nothing."""
    found = {entry.contract_id: _left(entry) for entry in entries}
    return Remainders(contracts={name: found[name] for name in sorted(found) if found[name]})


def with_entry(left: Remainders, entry: Entry) -> Remainders:
    """Return a month's remainders with those that one entry leaves now."""
    found = {**left.contracts, entry.contract_id: _left(entry)}
    return Remainders(contracts={name: found[name] for name in sorted(found) if found[name]})


def _left(entry: Entry) -> dict[str, str]:
    """Return what an entry leaves. What was waived is not billed later either."""
    if entry.waived:
        amounts = {line.dimension: line.amount for line in entry.lines if line.state == "accepted"}
    else:
        amounts = entry.amounts
    quantities = {line.dimension: line.quantity for line in entry.lines}
    left = {
        name: Fraction(amount) - Fraction(quantities.get(name, "0"))
        for name, amount in sorted(amounts.items())
        if amount
    }
    return {name: exact_text(value) for name, value in left.items() if value}


def balance(months: Iterable[Remainders]) -> Balance:
    """Add up months."""
    total: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for month in months:
        for contract, dimensions in month.contracts.items():
            for dimension, text in dimensions.items():
                total[contract, dimension] += Fraction(text)
    return {key: value for key, value in total.items() if value}
