"""Which records a contract's usage is the sum of: the pipeline's own tally, record by record."""

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from functions.domain.ledger import reading
from functions.domain.usage.record import Record
from functions.domain.usage.tally import Measured, Tally

# Asked of every record; a month has far more of them than contracts.
same_contract = lru_cache(maxsize=100_000)(reading.same_contract)


class Leaf(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One record of the contract. `duplicate_of`: the measurement that counts in its place.

    `record`: its number in the file, from 1.
    """

    hour: str
    file: str
    record: int
    dimension: str
    value: str
    price: str = ""
    duplicate_of: str = ""

    @property
    def counts(self) -> bool:
        """It has a part in the sums; what is zero costs nothing."""
        return not self.duplicate_of and Decimal(self.value) != 0

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.file} record {self.record}"


class Trace(Tally):
    """Adds up as the pipeline does, and remembers the records of one contract."""

    def __init__(self, *, duplicates: str, contract: str) -> None:
        super().__init__(duplicates=duplicates)
        self.leaves: list[Leaf] = []
        self._contract = contract
        self._file, self._number = "", 0
        self._counts: dict[tuple[Any, ...], tuple[Leaf, object]] = {}
        self._measured: list[tuple[Any, ...]] = []

    def _end_hour(self) -> None:
        """Read all fields of all files: the short way does not look at single records."""
        files, self._files = self._files, []
        for key, body in files:
            self._add_closely(key, body)
        super()._end_hour()
        self._counts.clear()

    def _add_closely(self, key: str, body: bytes) -> None:
        self._file, self._number = key, 0
        super()._add_closely(key, body)

    def _add(self, record: Record) -> None:
        self._number += 1
        self._measured.clear()
        super()._add(record)
        if same_contract(record.externalPayerId, self._contract):
            leaf = self._leaf(record)
            self.leaves.append(leaf)
            for measured in self._measured:
                self._compare(leaf, measured)

    def _add_once(self, measured: tuple[Any, ...], found: Measured) -> None:
        super()._add_once(measured, found)
        self._measured.append(measured)

    def _leaf(self, record: Record) -> Leaf:
        price = record.pricePerUnit
        return Leaf(
            hour=self._hour or "",
            file=self._file,
            record=self._number,
            dimension=record.dimension,
            value=_text(record.value),
            price=_text(price) if isinstance(price, int | Decimal) else "",
        )

    def _compare(self, leaf: Leaf, measured: tuple[Any, ...]) -> None:
        """Ask the tally which of two measurements of the same thing it has kept."""
        kept = self._seen[measured]
        if measured not in self._counts:
            self._counts[measured] = leaf, kept
            return
        earlier, first = self._counts[measured]
        if kept is first:
            leaf.duplicate_of = earlier.place
        else:
            earlier.duplicate_of = leaf.place
            self._counts[measured] = leaf, kept


def _text(value: int | Decimal) -> str:
    return f"{Decimal(value):f}"
