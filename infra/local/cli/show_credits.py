"""An execution of credits in words: a table of its months, then how it ended.

The numbers are what CloudZero holds.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from functions.domain.wording import counted
from infra.local.cli.show import output_of, readable, show_end
from infra.local.cli.wording import billing, usd, words

_COLUMNS = {
    "month": "billing_month",
    "status": "status",
    "posted": "posted",
    "rows": "row_count",
    "accounts": "unique_accounts",
    "total USD": "total_credit_usd",
    "drop": "drop_id",
}
_NUMBERS = {"row_count", "unique_accounts", "total_credit_usd"}
_POSTED = {True: "yes", False: "no", None: "perhaps"}


def show_credits(
    ended: Mapping[str, Any], *, state: Path, console: Console, where: str = ""
) -> None:
    """What arrived, what is odd, and where the evidence is."""
    output = output_of(ended)
    name = output.get("file") or ended.get("file")
    if name:
        console.print(str(name), style="bold", markup=False)
    months = [month for month in output.get("months") or [] if isinstance(month, Mapping)]
    if months:
        console.print(_table(months))
    for said in _odd(output, months, cause=readable(str(ended.get("cause") or ""))):
        console.print(said, style="yellow", markup=False, soft_wrap=True)
    where = where or words({"--state": state})
    for said in _evidence(output, months, state, where):
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    show_end(ended, console)


def _odd(
    output: Mapping[str, Any], months: list[Mapping[str, Any]], *, cause: str
) -> Iterator[str]:
    """Months that need a look, and warnings. What the cause says is not said twice."""
    for month in months:
        name, message = str(month.get("billing_month")), str(month.get("message") or "")
        said = ": ".join(filter(None, (name, month.get("error"), message)))
        if month.get("status") != "verified" and not (name in cause and (message or said) in cause):
            yield said
    if repeated := output.get("duplicates"):
        verb = "repeats" if repeated == 1 else "repeat"
        yield f"{counted(repeated, 'row')} left out: {verb} an account"
    warnings = [*(output.get("warnings") or ())]
    for month in months:
        warnings += month.get("warnings") or ()
    # The output's own are the months' as well, as far as they fit into it.
    for warning in dict.fromkeys(map(str, warnings)):
        yield f"Warning: {warning}"


def _evidence(
    output: Mapping[str, Any], months: list[Mapping[str, Any]], state: Path, where: str
) -> Iterator[str]:
    """The way back from what was posted, or may have been, and the report."""
    for month in months:
        if undo := month.get("undo"):
            key = shlex.quote(str(undo["restore"]))
            yield f"undo {month.get('billing_month')}: {billing(f'restore {key}', where)}"
    if output.get("report"):
        yield f"report: {state / str(output['report'])}"


def _table(months: list[Mapping[str, Any]]) -> Table:
    table = Table()
    for title, name in _COLUMNS.items():
        table.add_column(title, justify="right" if name in _NUMBERS else "left")
    for month in months:
        table.add_row(*(Text(_cell(month, name)) for name in _COLUMNS.values()))
    return table


def _cell(month: Mapping[str, Any], name: str) -> str:
    value = month.get(name)
    if name == "posted" and name in month:
        return _POSTED[value]
    if value is None:
        return ""
    if name == "total_credit_usd":
        return usd(str(value))
    return f"{value:,}" if isinstance(value, int) else str(value)
