"""What usage files come to, in plain Python and fractions: the truth that the pipeline is held to.

Nothing here is the pipeline's own code but the names of keys.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

Line = tuple[str, str]


class Totals(NamedTuple):
    """A month's usage by contract and usage dimension, and what is left out.

    `raw` is everything that the files say, by dimension.
    """

    usage: dict[Line, Fraction]
    contracts: frozenset[str]
    quarantined: dict[str, Fraction]
    dropped: dict[str, Fraction]
    raw: dict[str, Fraction]

    def amount(self, contract: str, dimension: str, formulas: Mapping[str, str]) -> Fraction:
        """What a contract is to be billed for: sums of usage and quotients of them are formulas."""
        read, divisor = parts(formulas.get(dimension, dimension))
        used = (self.usage.get((contract, name), Fraction(0)) for name in read)
        return sum(used, Fraction(0)) / divisor

    def amounts(self, contract: str, formulas: Mapping[str, str]) -> dict[str, Fraction]:
        """All that a contract is to be billed for."""
        names = formulas or {name: name for who, name in self.usage if who == contract}
        return {name: self.amount(contract, name, formulas) for name in names}


@lru_cache
def parts(formula: str) -> tuple[tuple[str, ...], int]:
    """Return what a formula of a story, `(a + b) / 3`, adds up and divides by."""
    summed, _, divisor = formula.partition(" / ")
    return tuple(summed.strip("()").split(" + ")), int(divisor or 1)


@lru_cache(maxsize=4096)
def _records(body: bytes) -> list[dict[str, Any]] | None:
    try:
        found = json.loads(body, parse_float=str, parse_int=str)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _is_before(rest: str, until: str | None) -> bool:
    """Say whether a file (`DD/HH/name`) is of an hour before an end (`DD/HH`)."""
    return until is None or rest[:5] < until


def totals(
    objects: Mapping[str, bytes],
    prefix: str,
    *,
    until: str | None,
    sums_duplicates: bool,
    day: str = "",
) -> Totals | None:
    """Add a month or a day of it up; None if one of its files cannot be read."""
    once: dict[tuple[str | None, ...], Fraction] = {}
    amounts: dict[tuple[str | None, str], Fraction] = defaultdict(Fraction)
    dropped: dict[str, Fraction] = defaultdict(Fraction)
    raw: dict[str, Fraction] = defaultdict(Fraction)
    for key in objects:
        rest = key.removeprefix(prefix)
        if not _is_before(rest, until) or (day and day[:2] != (rest[:2] if "/" in rest else "fl")):
            continue
        records = _records(objects[key])
        if records is None:
            return None
        for record in records:
            payer, dimension = record.get("externalPayerId"), record["dimension"]
            value, pod = Fraction(record["value"]), record.get("podName")
            raw[dimension] += value
            if pod is None or sums_duplicates:
                amounts[payer, dimension] += value
                continue
            identity = (payer, dimension, pod, record["timestamp"][:13])
            if identity in once:
                dropped[dimension] += min(once[identity], value)
                once[identity] = max(once[identity], value)
            else:
                once[identity] = value
    for (payer, dimension, *_), value in once.items():
        amounts[payer, str(dimension)] += value
    return Totals(
        {
            (name, dimension): value
            for (name, dimension), value in amounts.items()
            if name is not None
        },
        frozenset(name for name, _ in amounts if name is not None),
        {dimension: value for (name, dimension), value in amounts.items() if name is None},
        dict(dropped),
        dict(raw),
    )


def together(days: Iterable[Totals]) -> Totals:
    """Return what days come to; no measurement is of two of them."""
    parts_of: list[dict[Any, Fraction]] = [defaultdict(Fraction) for _ in range(4)]
    contracts: frozenset[str] = frozenset()
    for found in days:
        contracts |= found.contracts
        counted: list[Mapping[Any, Fraction]] = [found.usage, found.quarantined]
        counted += [found.dropped, found.raw]
        for part, more in zip(parts_of, counted, strict=True):
            for name, value in more.items():
                part[name] += value
    usage, quarantined, dropped, raw = map(dict, parts_of)
    return Totals(usage, contracts, quarantined, dropped, raw)
