"""How operators change a plan's configuration: pure, drawn from the story."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

import msgspec

from functions.domain.plan import Plan

Formulas = Mapping[str, str]


def changed(rng: Random, plan: Plan, used: Sequence[str]) -> Plan:
    """Return a plan's next configuration. `used`: the usage dimensions that are exported."""
    if rng.random() < 0.75:
        formulas = rng.choice(_FORMULAS)(rng, plan.dimensions, used)
        return msgspec.structs.replace(plan, dimensions=dict(formulas))
    name, values = rng.choice(
        (
            ("rounding", ("floor", "half_up", "ceiling")),
            ("cloud", ("aws", "azure", "gcp")),
            ("late_window", (0, 1, 3, 6)),
        )
    )
    others = [value for value in values if value != getattr(plan, name)]
    return msgspec.structs.replace(plan, **{name: rng.choice(others)})


def _all(formulas: Formulas, used: Sequence[str]) -> dict[str, str]:
    """Return formulas that say what passing through does."""
    return dict(formulas) or {name: name for name in used}


def _renamed(rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    found = _all(formulas, used)
    name = rng.choice(sorted(found))
    usual = name.partition("_as_")[0]
    other = rng.choice([f"{usual}_as_{letter}" for letter in "ab"] + [usual])
    return {other if known == name else known: text for known, text in found.items()}


def _swapped(rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    found = _all(formulas, used)
    first, last = rng.choice(sorted(found)), rng.choice(sorted(found))
    return {**found, first: found[last], last: found[first]}


def _of_another_unit(rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    found = _all(formulas, used)
    name, usage = rng.choice(sorted(found)), rng.choice(used)
    return {**found, name: rng.choice((usage, f"{usage} / 2", f"{usage} / 3"))}


def _added_up(rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    found = _all(formulas, used)
    return {**found, rng.choice(sorted(found)): f"({used[0]} + {used[-1]}) / 2"}


def _switched(_rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    return {} if formulas else _all(formulas, used)


def _dropped(rng: Random, formulas: Formulas, used: Sequence[str]) -> Formulas:
    found = _all(formulas, used)
    if len(found) > 1:
        del found[rng.choice(sorted(found))]
    return found


_FORMULAS: tuple[Callable[[Random, Formulas, Sequence[str]], Formulas], ...] = (
    _renamed,
    _renamed,
    _swapped,
    _of_another_unit,
    _added_up,
    _switched,
    _switched,
    _dropped,
)
