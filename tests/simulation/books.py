"""What a receiver holds: who has sold what, and what is billed. Written down when it happens."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from tests.simulation.dialect import canonical

BY_HAND = "by hand"


class Sold(NamedTuple):
    """What may be billed once by a plan. Without one it is BY_HAND, or of an earlier program."""

    plan: str
    contract: str
    dimension: str
    month: str

    @property
    def window(self) -> tuple[str, str, str]:
        """What a receiver that knows no plans tells apart."""
        return canonical(self.contract), self.dimension, self.month


@dataclass
class Held:
    """A record as it is stored here; listed from a moment on that is not later than promised.

    `lags_until`: the same if the pipeline knows that its request was answered with a 2xx.
    """

    sold: Sold
    row: dict[str, str]
    listed_from: datetime
    lags_until: datetime | None = None


class Books:
    """The records of one account."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def accepted(self) -> Iterator[Held]:
        return (held for held in self.held if held.row["status"] == "success")

    def counts(self) -> Counter[Sold]:
        """How often everything is billed."""
        return Counter(held.sold for held in self.accepted())

    def status(self, sold: Sold) -> str:
        """Return `success`, `pending`, or nothing: what a person sees who looks."""
        found = {held.row["status"] for held in self.held if held.sold == sold}
        return next((status for status in ("success", "pending") if status in found), "")

    def windows(self) -> Counter[tuple[str, str, str]]:
        """How often everything is billed, by whomever."""
        return Counter(held.sold.window for held in self.accepted())

    def foreign(self, sold: Sold) -> list[Held]:
        """Return the records of the same window that no plan of this pipeline has sent."""
        return [
            held
            for held in self.accepted()
            if held.sold.plan == BY_HAND and held.sold.window == sold.window
        ]

    def bill_by_hand(self, record: dict[str, str], at: datetime) -> None:
        """Take a record that is not of this pipeline."""
        sold = Sold(BY_HAND, record["contract_id"], record["dimension"], record["start_time"][:7])
        row = {**record, "id": f"r-{len(self.held) + 1}", "status": "success"}
        self.held.append(Held(sold, row, at))
