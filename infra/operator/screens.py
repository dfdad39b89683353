"""Results as an operator reads them: the answer in the first line, then what it rests on."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from functions.domain.ledger.resolution import OUTCOMES
from functions.domain.wording import counted, some
from infra.local.cli.wording import one_line, spans, visible, waits
from infra.operator.reconcile import Reconciled
from infra.operator.reconcile_rows import Compared
from infra.operator.settling import OpenContracts
from infra.operator.status import PlanStatus, Status

_ROWS, _NAMED = 40, 5
_CHANGED = (
    "changed after it was billed; no run bills it, settle it with the customer: docs/runbook.md, "
    '"Usage changed after it was billed"'
)
_NOT_SEEN = {"posted": "posted, not seen; start again", "posting": "perhaps posted; start again"}
_DIFFER = 'what to do: docs/runbook.md, "ledger and records differ"'


def shown(text: str, style: str = "") -> Text:
    """Return a text as it is shown: names and messages of others are in it."""
    return Text(visible(text), style=style)


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
        console.print(shown(f"{one.plan} {one.month}: {rows} in {compared}: {verdict}."))
        if one.days:
            days = ", ".join(some(one.days, 10))
            console.print(shown(f"Files of these days are not those that were billed: {days}"))
        for note in one.notes:
            console.print(shown(note))
        _show_differing(one.differing, console)
        if changed := [row for row in one.differing if row.changed]:
            console.print(shown(f"files: {_who(changed)}: {_CHANGED}"), soft_wrap=True)
        if listed := [row for row in one.differing if row.listed and not row.open]:
            console.print(shown(f"records: {_who(listed)}: {_DIFFER}"), soft_wrap=True)
        by_code = _by_text(one.open, lambda row: row.open)
        for code, found in by_code.items():
            console.print(shown(f"open: {_who(found)}: {code}"), soft_wrap=True)
        if any(row.open for row in one.rows):
            console.print(shown(f"what settles it: {status}"), soft_wrap=True)


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
            console.print(shown(f"{_who(found)}: {text}"), soft_wrap=True)
            continue
        for row in found:
            numbers = (row.files, row.bill, row.ledger, row.clazar)
            table.add_row(*map(shown, (row.contract, row.dimension, text, *numbers)))
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
            state = _NOT_SEEN.get(month.state, month.state)
            cells = (month.month, state, f"{month.rows:,}", month.total_usd)
            table.add_row(*map(shown, (*cells, month.source, month.at)))
        console.print(table)


def _show_plan(plan: PlanStatus, console: Console) -> None:
    """Show a plan: how long there is, what is not billed, and what settles it."""
    needs = [f"{', '.join(held.month for held in plan.held)} held"] if plan.held else []
    needs += [f"{', '.join(spans(plan.overdue))} overdue"] if plan.overdue else []
    total = sum(len(one.contracts) for one in plan.open)
    below = needs or plan.not_billed or plan.notes
    no_contract = "no contract in error" if below else "nothing open"
    needs += [f"{counted(total, 'contract')} not billed" if total else no_contract]
    closed = plan.last_closed or "none yet"
    verdict = f"{plan.plan}: last closed month {closed}; {'; '.join(needs)}."
    console.print(shown(verdict, style="bold"), soft_wrap=True)
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
        console.print(shown(f"  {line}"), soft_wrap=True)


def _open(one: OpenContracts) -> list[str]:
    """Return a cause with its contracts and what settles them."""
    since = f" since {one.since}" if one.since else ""
    names = ", ".join(some(one.contracts, _NAMED))
    several = len(one.contracts) > 1
    of = counted(len(one.contracts), "contract") if several else names
    said = [names] if several else []
    corrected = [] if one.otherwise else ["once that is corrected:"]
    said += [one_line(one.message), *corrected, *one.commands]
    said += [f"OUTCOME is {OUTCOMES}"] * bool(one.otherwise)
    said += ["or: Clazar is asked again, and what it does not list is sent:"] * bool(one.otherwise)
    said += one.otherwise
    return [f"{one.month} {of}: {one.code}{since}", *(f"  {text}" for text in said)]
