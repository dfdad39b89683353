"""An execution of credits as a person reads it: a table of its months, then how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .show import output_of, show_end

_COLUMNS = {
    "month": "billing_month",
    "status": "status",
    "rows": "row_count",
    "accounts": "unique_accounts",
    "total USD": "total_credit_usd",
    "drop": "drop_id",
}
_NUMBERS = {"rows", "accounts", "total USD"}


def show_credits(ended: Mapping[str, Any], *, state: Path, console: Console) -> None:
    """What arrived, what is odd, and where the evidence is."""
    output = output_of(ended)
    name = output.get("file") or ended.get("file")
    if name:
        console.print(str(name), style="bold", markup=False)
    months = [month for month in output.get("months") or [] if isinstance(month, Mapping)]
    if months:
        console.print(_table(months))
    for month in months:
        if month.get("error"):
            said = f"{month.get('billing_month')}: {month['error']}: {month.get('message') or ''}"
            console.print(said, style="yellow", markup=False, soft_wrap=True)
    if output.get("duplicates"):
        said = f"Rows that repeat an account, left out: {output['duplicates']}"
        console.print(said, style="yellow")
    warned = [*(output.get("warnings") or ()), *(_warnings_of(months))]
    for warning in warned:
        console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    for month in months:
        if month.get("snapshot"):
            said = f"{month.get('billing_month')} before: {state / str(month['snapshot'])}"
            console.print(said, markup=False, soft_wrap=True)
    if output.get("report"):
        said = f"report: {state / str(output['report'])}"
        console.print(said, markup=False, soft_wrap=True)
    show_end(ended, console)


def _table(months: list[Mapping[str, Any]]) -> Table:
    table = Table()
    for title in _COLUMNS:
        table.add_column(title, justify="right" if title in _NUMBERS else "left")
    for month in months:
        table.add_row(*(_cell(month, name) for name in _COLUMNS.values()))
    return table


def _warnings_of(months: list[Mapping[str, Any]]) -> list[Any]:
    return [warning for month in months for warning in month.get("warnings") or ()]


def _cell(month: Mapping[str, Any], name: str) -> Text:
    value = month.get(name)
    if name == "status" and value == "verified" and month.get("posted") is False:
        value = "verified, was there"
    return Text("" if value is None else str(value))
