"""What one story is made of: drawn from its seed and from nothing else."""

from dataclasses import dataclass
from random import Random
from typing import Any

from functions.domain.month import Month
from tests.simulation import dialect
from tests.simulation.dialect import Dialect

MONTHS = 24
FIRST = Month(2025, 7)
# One more month, of large amounts, in which everything that is owed comes to be billed.
LAST = FIRST.plus(MONTHS)
DIMENSIONS = ("cpu_core_hours", "replica_hours", "memory_byte_hours")


@dataclass(frozen=True)
class Rates:
    """How often something goes wrong: at a read, a write, a request; a crash at any point.

    `changes`: how often the configuration of a plan is changed in a month.
    """

    storage: float
    partner: float
    crash: float
    operators: float
    files: float
    outages: float
    changes: float


@dataclass(frozen=True)
class Terms:
    """The plans, their contracts with first and last month, the receiver, and what may happen.

    `is_equal`: the second plan has the same usage as the first. `by_hand`: how often a contract's
    month is billed by other means before its first run. `earlier`: a plan that an earlier program
    has billed shares the state file.
    """

    plans: list[dict[str, Any]]
    contracts: dict[str, dict[str, tuple[int, int]]]
    dimensions: tuple[str, ...]
    values: tuple[float, ...]
    is_flat: bool
    is_equal: bool
    by_hand: float
    earlier: bool
    refuses_duplicates: bool
    lists: bool
    dialect: Dialect
    rates: Rates

    def __str__(self) -> str:
        rule = "refuses" if self.refuses_duplicates else "takes"
        listing = "lists" if self.lists else "lists nothing"
        past = f"{', an earlier plan' if self.earlier else ''}, by hand {self.by_hand}"
        return f"the receiver {rule} duplicates and {listing}: {self.dialect}; {self.rates}{past}"


_VALUES = (
    (1, 2, 3, 7),
    (0.25, 0.5, 0.75, 1.25),
    (0.1, 0.2, 0.7, 1.1),
    (0.001, 0.999, 2.5, 0.333),
    (0, 0.1, 0.25, 4, 0.001, 12),
)


def draw(rng: Random) -> Terms:
    dimensions = DIMENSIONS[: rng.randint(1, 3)]
    divisor = rng.choice((1, 1, 1, 3))
    is_flat = rng.random() < 0.4
    common: dict[str, Any] = {
        "service": "S",
        "environment_type": "E",
        "start_month": str(FIRST),
        "missing_hours": "stop" if is_flat else "warn",
        "completeness": rng.choice(("marker", "marker", "marker", "calendar")),
        "rounding": rng.choice(("floor", "half_up", "ceiling")),
        "carry_remainders": rng.random() < 0.7,
        "duplicates": rng.choice(("max", "max", "sum")),
        "late_window": rng.choice((0, 1, 3, 3, 3, 6)),
        "max_months": rng.choice((12, 12, 12, 1, 2)),
        "dimensions": {name: f"{name} / {divisor}" for name in dimensions} if divisor > 1 else {},
    }
    number = 2 if rng.random() < 0.2 else 1
    plans = [{**common, "plan_id": f"P{index + 1}"} for index in range(number)]
    shared = number > 1 and rng.random() < 0.5
    is_equal = shared and rng.random() < 0.4
    speaks, lower = dialect.draw(rng), rng.random() < 0.3
    drawn: list[dict[str, tuple[int, int]]] = []
    for plan in plans:
        found = _contracts(rng, "c" if shared else plan["plan_id"].lower())
        drawn.append(drawn[0] if drawn and is_equal else found)
    contracts = {
        plan["plan_id"]: {
            speaks.contract(name, lower=lower and index > 0): months
            for name, months in found.items()
        }
        for index, (plan, found) in enumerate(zip(plans, drawn, strict=True))
    }
    return Terms(
        plans=plans,
        contracts=contracts,
        dimensions=dimensions,
        values=rng.choice(_VALUES),
        is_flat=is_flat,
        is_equal=is_equal,
        by_hand=rng.choice((0, 0, 0, 0.03, 0.1)),
        earlier=rng.random() < 0.15,
        refuses_duplicates=rng.random() < 0.5,
        lists=rng.random() < 0.7,
        dialect=speaks,
        rates=_rates(rng),
    )


def _contracts(rng: Random, prefix: str) -> dict[str, tuple[int, int]]:
    found = {}
    for number in range(1, rng.randint(2, 4) + 1):
        first = rng.choice((0, 0, rng.randint(0, MONTHS - 2)))
        last = rng.choice((MONTHS - 1, MONTHS - 1, rng.randint(first, MONTHS - 1)))
        found[f"{prefix}-{number}"] = (first, last)
    return found


def _rates(rng: Random) -> Rates:
    """Sometimes nothing of a kind happens, sometimes much."""
    return Rates(
        storage=rng.choice((0, 0, 0.005, 0.03)),
        partner=rng.choice((0, 0.05, 0.15, 0.4)),
        crash=rng.choice((0, 0, 0.002, 0.006, 0.015)),
        operators=rng.choice((0, 0.5, 1.5, 4)),
        files=rng.choice((0, 0.3, 1, 2)),
        outages=rng.choice((0, 0, 0.1, 0.3)),
        changes=rng.choice((0, 0, 0, 0.05, 0.15, 0.3)),
    )
