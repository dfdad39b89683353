"""Which records a day's sum is made of: the same rules as `Tally`, with each record kept."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from functions.domain.usage.record import Record
from functions.domain.usage.tally import Group, Tally, identity_of


class Leaf(msgspec.Struct, kw_only=True):
    """One record. `counted`: false if it is a duplicate of a larger measurement.

    `number`: its place in its file, from 1.
    """

    file: str
    hour: str
    number: int
    contract: str
    dimension: str
    value: int | Decimal
    price: int | Decimal | None
    counted: bool = True


class Trace(Tally):
    """Sums of some contracts with the records that they are made of."""

    def __init__(self, *, duplicates: str, contracts: Collection[str]) -> None:
        super().__init__(duplicates=duplicates)
        self.leaves: list[Leaf] = []
        self._wanted = frozenset(contracts)
        self._holder: dict[tuple[Any, ...], Leaf] = {}
        self._key, self._number = "", 0

    def end_hour(self) -> None:
        """Add up the hour record by record; nothing is read the short way."""
        for key, body in self._files:
            self._add_closely(key, body)
        self._files.clear()
        self._seen.clear()
        self._bodies.clear()
        self._holder.clear()

    def _add_closely(self, key: str, body: bytes) -> None:
        self._key, self._number = key, 0
        super()._add_closely(key, body)

    def _add(self, record: Record) -> str | None:
        self._number += 1
        payer: object = record.externalPayerId
        if not isinstance(payer, str) or payer not in self._wanted:
            return None
        before = len(self.leaves)
        refused = super()._add(record)
        if refused is None and len(self.leaves) == before:
            price = None if record.pricePerUnit is UNSET else record.pricePerUnit
            self._keep(record.value, (payer, record.dimension, price, None))
        return refused

    def _add_once(self, record: Record, value: int | Decimal, group: Group) -> str | None:
        identity = identity_of(record, self._hour)
        before = None if identity is None else self._seen.get(identity)
        refused = super()._add_once(record, value, group)
        if refused is None and identity is not None:
            leaf = self._keep(value, group)
            if before is not None and self._seen[identity] is before:
                leaf.counted = False
                return None
            if before is not None:
                self._holder[identity].counted = False
            self._holder[identity] = leaf
        return refused

    def _keep(self, value: int | Decimal, group: Group) -> Leaf:
        contract, dimension, price, _ = group
        leaf = Leaf(
            file=self._key,
            hour=self._hour or "",
            number=self._number,
            contract=contract or "",
            dimension=dimension,
            value=value,
            price=price,
        )
        self.leaves.append(leaf)
        return leaf
