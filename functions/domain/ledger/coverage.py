"""What was measured has an identity: usage of a contract's month is billed by one line only.

The receiver's dimension name is what a line is called at the moment. A line belongs to the usage
dimensions that its formula reads; without a formula it is its own.
"""

from collections.abc import Iterable
from itertools import product

from functions.domain.formula import PRICE, ByDimension, names_in
from functions.domain.ledger.entry import Entry, Line
from functions.domain.plan import Plan


def sources(dimension: str, formulas: ByDimension) -> frozenset[str]:
    """Return the usage dimensions that a dimension bills; {""} for a flat fee."""
    if dimension not in formulas:
        return frozenset((dimension,))
    names = names_in(formulas[dimension])
    return names | {name.removesuffix(PRICE) for name in names} or frozenset(("",))


def conflicts(entry: Entry, quantities: ByDimension, plan: Plan) -> list[str]:
    """Explain why today's configuration may not bill what is left of an entry; empty if it may.

    A line that was accepted, or may have been, covers its usage: no other line may bill it again.
    """
    formulas, cloud = plan.dimensions, plan.cloud
    fixed = [line for line in entry.lines if line.is_fixed]
    found = []
    if fixed and cloud != entry.cloud and quantities.keys() - entry.fixed:
        found.append(
            f"{_named(fixed[0])} was sent for cloud {entry.cloud}; the plan's cloud is {cloud} now"
        )
    for name, line in product(sorted(quantities), fixed):
        before, after = sources(line.dimension, entry.formulas), sources(name, formulas)
        more, both = after - before, before & after
        if name == line.dimension and more:
            usage = ", ".join(sorted(filter(None, more))) or "a flat fee"
            found.append(f"{name} reads {usage} now, which {_named(line)} does not bill")
        elif name != line.dimension and both and not _is_known(name, entry.formulas, formulas):
            usage = ", ".join(sorted(both)) or "a flat fee"
            found.append(f"{usage} is billed as {_named(line)}; {name} would bill it again")
    return found


def _is_known(name: str, then: ByDimension, now: ByDimension) -> bool:
    """Return True if a dimension was configured like this when the entry's lines were computed."""
    return name in now and then.get(name) == now[name]


def _named(line: Line) -> str:
    return f"{line.dimension} ({line.quantity} {line.state})"


def not_covered(entry: Entry, names: Iterable[str], formulas: ByDimension) -> set[str]:
    """Return the dimensions whose usage no fixed line bills under a configuration that has gone."""
    fixed, covered = entry.fixed, _covered(entry)
    return {
        name
        for name in names
        if name in fixed
        or not sources(name, formulas) & covered
        or _is_known(name, entry.formulas, formulas)
    }


def _covered(entry: Entry) -> frozenset[str]:
    """Return the usage dimensions that fixed lines bill."""
    return frozenset().union(*(sources(name, entry.formulas) for name in entry.fixed))


def recorded(entry: Entry, formulas: ByDimension) -> dict[str, str]:
    """Return the formulas that an entry goes by now: those of fixed lines stay what they were.

    Of today's none that would bill their usage again, unless it was configured like this then.
    """
    fixed, today = entry.fixed, not_covered(entry, formulas, formulas) - entry.fixed
    now = {name: text for name, text in formulas.items() if name in today}
    return now | {name: text for name, text in entry.formulas.items() if name in fixed}


def usage_of(entry: Entry, usage: ByDimension) -> dict[str, str]:
    """Return the usage that an entry goes by now: what fixed lines bill is as it was for them."""
    covered = _covered(entry)
    now = {name: text for name, text in usage.items() if name not in covered}
    return now | {name: text for name, text in entry.usage.items() if name in covered}


def still_due(
    entry: Entry, quantities: ByDimension, usage: ByDimension, formulas: ByDimension
) -> set[str]:
    """Return the dimensions that a billed entry may still take.

    They bill usage that came since, or that was not read then.
    """
    return never_read(entry, quantities, formulas) | {
        name
        for name in not_covered(entry, quantities.keys() - entry.fixed, formulas)
        if any(usage.get(source) != entry.usage.get(source) for source in sources(name, formulas))
    }


def never_read(entry: Entry, quantities: ByDimension, formulas: ByDimension) -> set[str]:
    """Return the dimensions of which neither a line nor a recorded formula reads any usage.

    An entry without recorded formulas has billed all usage under its own name; final usage is
    final.
    """
    if entry.until or not entry.formulas:
        return set()
    read = read_by(entry)
    names = not_covered(entry, quantities.keys() - entry.fixed, formulas)
    return {name for name in names if not sources(name, formulas) & read}


def partly_read(entry: Entry, usage: ByDimension, formulas: ByDimension) -> set[str]:
    """Return the dimensions that read usage that nothing has read beside usage that is billed."""
    if entry.until or not entry.formulas:
        return set()
    read, used = read_by(entry), {name for name, text in usage.items() if text != "0"}
    of = {name: sources(name, formulas) for name in formulas.keys() - entry.fixed}
    return {name for name, reads in of.items() if reads & read and reads & used - read}


def read_by(entry: Entry) -> frozenset[str]:
    """Return the usage dimensions that an entry's lines, amounts and formulas read."""
    names = {line.dimension for line in entry.lines} | entry.unbilled.keys() | entry.formulas.keys()
    return frozenset().union(*(sources(name, entry.formulas) for name in names))
