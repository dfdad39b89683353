"""Results as an operator reads them: the answer in the first line, then what it rests on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from functions.domain.ledger.resolution import OUTCOMES
from functions.domain.wording import counted, some
from infra.local.cli.wording import one_line, spans, visible, waits
from infra.operator.explained import Explained, Explanation, Sum
from infra.operator.reconcile import Reconciled
from infra.operator.reconcile_rows import Compared
from infra.operator.settling import OpenContracts
from infra.operator.status import PlanStatus, Status

_ROWS, _NAMED = 40, 5


def _text(text: str, style: str = "") -> Text:
    """Return a text as it is shown: names and messages of others are in it."""
    return Text(visible(text), style=style)


def show_explanation(
    found: Explanation, console: Console, within: str = "", command: str = ""
) -> None:
    """Show a contract's month; below the days only what is `within` a day or an hour.

    `command`: the one that shows more.
    """
    differ = "do not add up to what was billed; the last line compares them"
    verdict = "add up exactly" if found.exact else differ
    said = f"not billed, {found.not_billed.rstrip('.')}" if found.not_billed else ""
    said = said or f"the records {verdict}"
    console.print(_text(f"{found.contract} {found.month}, {found.plan}: {said}."), soft_wrap=True)
    if found.read_by is not None:
        read_by = ", ".join(found.read_by) or "no billed dimension"
        console.print(_text(f"This usage of the files is read by: {read_by}"))
    console.print(_text(f"Files of the month: {found.files}"))
    for problem in found.problems:
        console.print(_text(f"Problem: {problem}"))
    for one in found.dimensions:
        console.print()
        console.print(_dimension(one, within))
    days = [day.name for one in found.dimensions for total in one.usage for day in total.parts]
    if command and days and not within and days[0].isdigit():
        console.print(_text(f"the records of a day: {command} --within {days[0]}"), soft_wrap=True)


def _dimension(one: Explained, within: str) -> Tree:
    quantity = one.quantity or "not computed"
    tree = Tree(_text(f"{one.dimension}: {quantity} ({one.state})", style="bold"))
    months = ", ".join(f"{text} of {month}" for month, text in sorted(one.carried_from.items()))
    carried = f"{one.carried} carried in" + (f" ({months})" if months else "")
    left = f"{one.quantity} billed + {one.remainder} left for other months"
    if one.state not in ("accepted", "nothing to bill"):
        left = left.replace(" billed", "")
    if one.amount:
        tree.add(_text(f"{one.amount} + {carried} = {left}"))
    if one.formula:
        reads = ", ".join(f"{name} = {value}" for name, value in one.reads.items())
        tree.add(_text(f"formula: {one.formula}, with {reads}"))
    for total in one.usage:
        _add(tree, total, within)
    if one.duplicates:
        dropped = tree.add(_text(f"duplicates dropped: {len(one.duplicates)}"))
        for leaf in one.duplicates[:_ROWS]:
            dropped.add(_text(f"{leaf.value} in {leaf.place}; {leaf.duplicate_of} counts"))
        if len(one.duplicates) > _ROWS:
            dropped.add(_text(f"and {len(one.duplicates) - _ROWS} more; --json has them all"))
    for check in one.checks:
        word = "=" if check.holds else "is NOT"
        tree.add(_text(f"{check.what}: {check.found} {word} {check.expected}"))
    return tree


def _add(tree: Tree, usage: Sum, within: str) -> None:
    branch = tree.add(_text(f"usage {usage.name}: {usage.total}{_at_prices(usage)}"))
    for day in usage.parts:
        of_day = branch.add(_text(f"day {day.name}: {day.total}"))
        if not within or day.name != within[:2]:
            continue
        for hour in day.parts:
            if not hour.name.startswith(within):
                continue
            of_hour = of_day.add(_text(f"hour {hour.name}: {hour.total}"))
            for file in hour.parts:
                of_file = of_hour.add(_text(f"{file.name}: {file.total}"))
                for leaf in file.records:
                    dropped = f" (duplicate of {leaf.duplicate_of})" if leaf.duplicate_of else ""
                    of_file.add(_text(f"record {leaf.record}: {leaf.value}{dropped}"))


def _at_prices(usage: Sum) -> str:
    """Say what a unit costs, and which record does not say so; nothing where none does."""
    priced = [price for price in usage.prices if price]
    if not priced:
        return ""
    one = f"at {priced[0]} a unit"
    text = one if len(priced) == 1 else f"at {len(priced)} prices, {priced[0]} to {priced[-1]}"
    first = next((leaf.place for leaf in usage.leaves() if not leaf.price), "")
    return f" {text}{f'; without a price: {first}' if first else ''}"


def show_reconciled(months: Sequence[Reconciled], console: Console, status: str) -> None:
    """Show differences first, then what is open; what is equal is a number.

    `status`: the command that settles what is open.
    """
    for one in months:
        compared = "files, bill, ledger" + (" and Clazar" if one.asked else "")
        rows = counted(len(one.rows), "amount")
        wrong = [f"{len(one.differing)} differ"] * bool(one.differing)
        wrong += [f"{len(one.open)} open"] * bool(one.open)
        verdict = "all equal" if one.equal else ", ".join(wrong) or "see below"
        console.print(_text(f"{one.plan} {one.month}: {rows} in {compared}: {verdict}."))
        if one.days:
            days = ", ".join(some(one.days, 10))
            console.print(_text(f"Files of these days are not those that were billed: {days}"))
        for note in one.notes:
            console.print(_text(note))
        _show_differing(one.differing, console)
        if one.differing:
            console.print('what to do: docs/runbook.md, "ledger and records differ"')
        by_code = _by_text(one.open, lambda row: row.open)
        for code, found in by_code.items():
            console.print(_text(f"open: {_who(found)}: {code}"), soft_wrap=True)
        if by_code:
            console.print(_text(f"what settles it: {status}"), soft_wrap=True)


def _by_text(
    rows: Iterable[Compared], text: Callable[[Compared], str]
) -> Mapping[str, list[Compared]]:
    by_text = defaultdict[str, list[Compared]](list)
    for row in rows:
        by_text[text(row)].append(row)
    return by_text


def _who(rows: Sequence[Compared]) -> str:
    names = list(dict.fromkeys(row.contract for row in rows))
    of = f"{counted(len(rows), 'amount')} of {counted(len(names), 'contract')}"
    return f"{of} ({', '.join(some(names, _NAMED))})"


def _show_differing(rows: Sequence[Compared], console: Console) -> None:
    """Show each difference that many amounts have once, and a table of the others."""
    by_text = _by_text(rows, lambda row: "; ".join(row.differs))
    table = Table("contract", "dimension", "difference", box=None)
    for name in ("files", "bill", "ledger", "Clazar"):
        table.add_column(name, justify="right")
    for text, found in by_text.items():
        if len(found) > _NAMED:
            console.print(_text(f"{_who(found)}: {text}"), soft_wrap=True)
            continue
        for row in found:
            numbers = (row.files, row.bill, row.ledger, row.clazar)
            table.add_row(*map(_text, (row.contract, row.dimension, text, *numbers)))
    if table.row_count:
        console.print(table)
    if table.row_count < len(rows):
        console.print("--json has every amount")


def show_status(status: Status, console: Console) -> None:
    """Show plan by plan what needs somebody, then the credits."""
    for plan in status.plans:
        _show_plan(plan, console)
    if status.credits:
        table = Table("credits of", "state", "rows", "total USD", "from", "at", box=None)
        for month in status.credits:
            cells = (month.month, month.state, f"{month.rows:,}", month.total_usd)
            table.add_row(*map(_text, (*cells, month.source, month.at)))
        console.print(table)


def _show_plan(plan: PlanStatus, console: Console) -> None:
    """Show a plan: how long there is, what is not billed, and what settles it."""
    needs = [f"{', '.join(held.month for held in plan.held)} held"] if plan.held else []
    needs += [f"{', '.join(spans(plan.overdue))} overdue"] if plan.overdue else []
    total = sum(len(one.contracts) for one in plan.open)
    below = needs or plan.not_billed or plan.notes
    no_contract = "no contract open" if below else "nothing open"
    needs += [f"{counted(total, 'contract')} open" if total else no_contract]
    closed = plan.last_closed or "none yet"
    verdict = f"{plan.plan}: last closed month {closed}; {'; '.join(needs)}."
    console.print(_text(verdict, style="bold"), soft_wrap=True)
    lines = [f"{plan.running} is working on this plan"] if plan.running else []
    lines += [f"due in the next run: {', '.join(spans(plan.due))}"] if plan.due else []
    lines += waits([(late.month, late.reason) for late in plan.waiting])
    lines += [*plan.deadlines, *plan.notes]
    for held in plan.held:
        lines += [f"{held.month} is held since {held.since}"]
        lines += [f"  {text}" for text in (*held.moves, held.settle)]
    for one in plan.open[:_ROWS]:
        lines += _open(one)
    lines += (
        ['what each code means: docs/runbook.md, "A contract needs attention"'] if plan.open else []
    )
    if len(plan.open) > _ROWS:
        lines += [f"and {len(plan.open) - _ROWS} more causes; --json has them all"]
    for usage in plan.not_billed:
        lines += [usage.text, f"  {usage.command}"] if usage.command else [usage.text]
    for line in lines:
        console.print(_text(f"  {line}"), soft_wrap=True)


def _open(one: OpenContracts) -> list[str]:
    """Return a cause with its contracts and what settles them."""
    since = f" since {one.since}" if one.since else ""
    names = ", ".join(some(one.contracts, _NAMED))
    several = len(one.contracts) > 1
    of = counted(len(one.contracts), "contract") if several else names
    said = [names] if several else []
    said += [one_line(one.message), *one.commands]
    said += [f"OUTCOME is {OUTCOMES}"] * bool(one.otherwise)
    said += ["or: Clazar is asked again, and what it does not list is sent:"] * bool(one.otherwise)
    said += one.otherwise
    return [f"{one.month} {of}: {one.code}{since}", *(f"  {text}" for text in said)]
