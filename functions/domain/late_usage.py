"""Usage that came, changed or went after its month was billed: found and told, never sent.

Clazar takes one record per contract, dimension and month, so a difference cannot be billed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

import msgspec

from functions.domain.announcement import some
from functions.domain.billing import ContractBill
from functions.domain.formula import exact_text
from functions.domain.ledger_entry import Entry
from functions.domain.manifest import Changes


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension of a contract: exact usage when it was billed, today, and what is between."""

    contract_id: str
    dimension: str
    billed: str
    now: str
    difference: str

    def __str__(self) -> str:
        sign = "" if self.difference.startswith("-") else "+"
        return (
            f"{self.contract_id} {self.dimension}: billed {self.billed}, "
            f"usage now comes to {self.now} ({sign}{self.difference})"
        )


def differences(
    bills: Iterable[ContractBill], ledger: Mapping[str, Entry], *, left_out: frozenset[str]
) -> list[Difference]:
    """Compare today's usage with what each contract was billed for.

    A contract whose month is not settled, or was settled by a person, has nothing to compare with;
    neither have those `left_out`.
    """
    today = {bill.contract_id: bill for bill in bills}
    found = []
    for name in sorted((today.keys() | ledger.keys()) - left_out):
        bill, entry = today.get(name), ledger.get(name)
        if (entry and not _is_billed(entry)) or (bill and bill.failure):
            continue
        now = bill.amounts if bill else {}
        found += _of_contract(name, entry, now)
    return sorted(found, key=_by_size)


def not_computed(
    bills: Iterable[ContractBill], ledger: Mapping[str, Entry], *, left_out: frozenset[str]
) -> list[str]:
    """Name contracts that have nothing to compare with because their usage cannot be worked out."""
    failing = {bill.contract_id: bill.failure for bill in bills if bill.failure}
    entries = {name: ledger.get(name) for name in sorted(failing.keys() - left_out)}
    return [
        f"{name} cannot be computed now: {failing[name]}"
        for name, entry in entries.items()
        if entry is None or _is_billed(entry)
    ]


def _by_size(difference: Difference) -> tuple[Fraction, str, str]:
    """The largest first: a message has room for some only."""
    size = abs(Fraction(difference.difference))
    return -size, difference.contract_id, difference.dimension


def _is_billed(entry: Entry) -> bool:
    return bool(entry.settled_at) and not entry.failure and not entry.waived


def _of_contract(name: str, entry: Entry | None, now: Mapping[str, str]) -> list[Difference]:
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    before = {
        **{key: line.quantity for key, line in lines.items()},
        **(entry.amounts if entry else {}),
    }
    found = []
    for dimension in sorted(before.keys() | now.keys()):
        billed, today = before.get(dimension, "0"), now.get(dimension, "0")
        difference = Fraction(today) - Fraction(billed)
        line = lines.get(dimension)
        rounded = line is not None and not line.amount  # an entry of an earlier version
        if difference and not (rounded and abs(difference) < 1):
            found.append(
                Difference(
                    contract_id=name,
                    dimension=dimension,
                    billed=billed,
                    now=today,
                    difference=exact_text(difference),
                )
            )
    return found


class Compared(NamedTuple):
    """Files and usage of today against those that were billed.

    `not_computed`: contracts that were billed and whose usage cannot be worked out today.
    """

    changed: Changes
    differences: list[Difference]
    not_computed: list[str]

    @property
    def differs(self) -> bool:
        """Whether any contract's usage is, or may be, another than what was billed."""
        return bool(self.differences or self.not_computed)


NOTHING_COMPARED = Compared(Changes([], [], []), [], [])


def texts(month: str, compared: Compared, *, with_head: bool = True) -> list[str]:
    """Say what is not billed, the largest differences first; the head says which files."""
    files = str(compared.changed) or "the same files"
    head = f"{month}: usage changed after it was billed and is not billed: {files}"
    if not compared.differs:
        return [f"{head}; no contract's usage differs"]
    found = some(f"{month}: {difference}" for difference in compared.differences)
    return [
        *([head] if with_head else []),
        *found,
        *some(f"{month}: {text}" for text in compared.not_computed),
    ]
