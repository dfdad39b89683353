"""The bill of a month: every contract and everything that cannot be billed."""

from fractions import Fraction

import msgspec

from functions.domain import formula


class ContractBill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One contract's month: usage, quantities to send (positive integers), what rounding left.

    `carried`: what rounding left of its other months and is taken in here.
    """

    contract_id: str
    usage: dict[str, str] = {}
    quantities: dict[str, str] = {}
    carried: dict[str, str] = {}
    remainders: dict[str, str] = {}
    failure: str | None = None

    @property
    def amounts(self) -> dict[str, str]:
        """The exact usage of this month alone that the quantities are rounded from."""
        names = sorted(self.quantities.keys() | self.carried.keys() | self.remainders.keys())
        return {name: formula.exact_text(self.amount(name)) for name in names}

    def amount(self, name: str) -> Fraction:
        """What was billed and what is left of a dimension, without what was carried in."""
        billed, left = self.quantities.get(name, 0), self.remainders.get(name, 0)
        return Fraction(billed) + Fraction(left) - Fraction(self.carried.get(name, 0))


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """Usage without a contract id, by subscription."""

    subscription: str
    dimension: str
    quantity: str

    def __str__(self) -> str:
        return f"{self.quantity} {self.dimension} of subscription {self.subscription}"


class MonthBill(msgspec.Struct, frozen=True, kw_only=True):
    """A whole month: every contract and everything that cannot be billed.

    `dimensions`: the names of all usage that was exported in this month or earlier.
    """

    contracts: list[ContractBill]
    quarantined: list[Quarantined]
    unbilled_dimensions: list[str]
    dimensions: tuple[str, ...] = ()
