"""An explanation as an operator reads it: the verdict in the first line, then a tree of sums."""

from rich.console import Console
from rich.tree import Tree

from functions.domain.formula import PRICE, names_in
from infra.operator.explained import Explained, Explanation, Sum
from infra.operator.screens import shown

_ROWS = 40


def show_explanation(
    found: Explanation, console: Console, within: str = "", command: str = ""
) -> None:
    """Show a contract's month; below the days only what is `within` a day or an hour.

    `command`: the one that shows more.
    """
    verdict = "add up exactly" if found.exact else "do not add up to what was billed"
    said = f"not billed, {found.not_billed.rstrip('.')}" if found.not_billed else ""
    said = said or f"the records {verdict}"
    console.print(shown(f"{found.contract} {found.month}, {found.plan}: {said}."), soft_wrap=True)
    if found.read_by is not None:
        read_by = ", ".join(found.read_by) or "no billed dimension"
        console.print(shown(f"This usage of the files is read by: {read_by}"))
    console.print(shown(f"Files of the month: {found.files}"))
    for problem in found.problems:
        console.print(shown(f"Problem: {problem}"))
    for one in found.dimensions:
        console.print()
        console.print(_dimension(one, within))
    days = [day.name for one in found.dimensions for total in one.usage for day in total.parts]
    if command and days and not within and days[0].isdigit():
        console.print(shown(f"the records of a day: {command} --within {days[0]}"), soft_wrap=True)


def _dimension(one: Explained, within: str) -> Tree:
    quantity = one.quantity or "not computed"
    tree = Tree(shown(f"{one.dimension}: {quantity} ({one.state})", style="bold"))
    months = ", ".join(f"{text} of {month}" for month, text in sorted(one.carried_from.items()))
    carried = f"{one.carried} carried in" + (f" ({months})" if months else "")
    became = "billed" if one.state in ("accepted", "nothing to bill") else f"({one.state})"
    left = f"{one.quantity} {became} + {one.remainder} left for other months"
    if one.amount:
        tree.add(shown(f"{one.amount} + {carried} = {left}"))
    if one.formula:
        reads = ", ".join(f"{name} = {value}" for name, value in one.reads.items())
        tree.add(shown(f"formula: {one.formula}{f', with {reads}' if reads else ''}"))
    read = names_in(one.formula) if one.formula else ()
    for total in one.usage:
        _add(tree, total, within, priced=f"{total.name}{PRICE}" in read)
    if one.duplicates:
        dropped = tree.add(shown(f"duplicates dropped: {len(one.duplicates)}"))
        for leaf in one.duplicates[:_ROWS]:
            dropped.add(shown(f"{leaf.value} in {leaf.place}; {leaf.duplicate_of} counts"))
        if len(one.duplicates) > _ROWS:
            dropped.add(shown(f"and {len(one.duplicates) - _ROWS} more; --json has them all"))
    for check in one.checks:
        word = "=" if check.holds else "is NOT"
        tree.add(shown(f"{check.what}: {check.found} {word} {check.expected}"))
    return tree


def _add(tree: Tree, usage: Sum, within: str, *, priced: bool) -> None:
    prices = _prices(usage) if priced else ""
    branch = tree.add(shown(f"usage {usage.name}: {usage.total}{prices}"))
    for day in usage.parts:
        of_day = branch.add(shown(f"day {day.name}: {day.total}"))
        if not within or day.name != within[:2]:
            continue
        for hour in day.parts:
            if not hour.name.startswith(within):
                continue
            of_hour = of_day.add(shown(f"hour {hour.name}: {hour.total}"))
            for file in hour.parts:
                of_file = of_hour.add(shown(f"{file.name}: {file.total}"))
                for leaf in file.records:
                    dropped = f" (duplicate of {leaf.duplicate_of})" if leaf.duplicate_of else ""
                    of_file.add(shown(f"record {leaf.record}: {leaf.value}{dropped}"))


def _prices(usage: Sum) -> str:
    """Say what a unit costs, and which record is the first that does not say so."""
    found = [price for price in usage.prices if price]
    text = f" at {found[0]} a unit" if found else ""
    if len(found) > 1:
        text = f" at {len(found)} prices, {found[0]} to {found[-1]}"
    first = next((leaf.place for leaf in usage.leaves() if leaf.counts and not leaf.price), "")
    return f"{text}; without pricePerUnit: {first}" if first else text
