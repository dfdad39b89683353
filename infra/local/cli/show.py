"""A run as an operator reads it: a table of its months, what is open, how it ended."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from infra.local.cli.wording import billing, one_line, waits, words
from infra.local.machine.measure import RetryWait

_COUNTS = (
    *("files", "records", "contracts", "entries"),
    *("submitted", "submitted_records", "skipped", "open", "errors"),
)
# Nothing is open in a dry run: nothing was sent.
_IN_A_DRY_RUN = {"submitted": "to_submit", "submitted_records": "to_submit_records", "open": ""}
_WOULD = {"to_submit": "would submit", "to_submit_records": "would submit records"}


def console() -> Console:
    """Where the result is read: wide enough for a path when it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 160)


def show_run(result: Mapping[str, Any], *, state: Path, console: Console, where: str = "") -> None:
    """What was done, what was left and how it is settled, and where the evidence is."""
    output = output_of(result)
    if output.get("plan"):
        console.print(f"Plan {output['plan']}", highlight=False)
    months = [month for month in output.get("months") or [] if isinstance(month, Mapping)]
    _show_months(months, console)
    waiting = output.get("waiting") or []
    for text in waits([(str(late["month"]), str(late["reason"])) for late in waiting]):
        _say(text, console)
    if resolved := output.get("resolved"):
        _say(str(resolved.get("message")), console)
    elif not months and result.get("status") == "SUCCEEDED":
        nothing = "Nothing was done." if waiting else "Nothing was due."
        _say(f"{nothing} {output.get('why') or ''}".rstrip(), console)
    if output.get("dry_run"):
        console.print("Dry run: nothing was sent.")
    _show_open(output, console, where or words({"--state": state}))
    for month in months:
        for name in ("report", "ledger"):
            if month.get(name):
                label = "preview" if month.get("dry_run") else name
                place = state / str(month[name])
                console.print(f"{month.get('month')} {label}: {place}", soft_wrap=True)
    show_end(result, console)


def _show_open(output: Mapping[str, Any], console: Console, where: str) -> None:
    """The contracts that are not billed, and what says how to settle them."""
    if output.get("unresolved"):
        console.print(f"Contracts not billed so far: {output['unresolved']}", style="bold yellow")
        for text in output.get("open_contracts") or []:
            _say(str(text), console)
        _say(f"How each is settled: {billing('status', where)}", console)


def output_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an execution says of itself; one that failed leaves it in its last state's input."""
    known = result.get("final_input")
    output = result.get("output") or (known.get("result") if isinstance(known, Mapping) else None)
    return output if isinstance(output, Mapping) else {}


def _show_months(months: list[Mapping[str, Any]], console: Console) -> None:
    if months:
        console.print(_table(months))
    for month in months:
        if month.get("closed") is False and not (month.get("dry_run") or month.get("reconciled")):
            console.print(f"{month.get('month')} stays open", style="bold yellow")
        for warning in month.get("warnings") or []:
            console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
        for text in month.get("checks") or []:
            _say(f"{month.get('month')}: {text}", console)


def show_end(result: Mapping[str, Any], console: Console) -> None:
    """How it ended, with the cause in readable words."""
    status = str(result.get("status"))
    if status == "SUCCEEDED":
        console.print("SUCCEEDED", style="green")
        return
    console.print(f"{status}: {result.get('error') or ''}", style="bold red")
    if result.get("cause"):
        _say(readable(str(result["cause"])), console)


def show_advice(results: Iterable[Mapping[str, Any]], console: Console) -> None:
    """Where it is written what to do about failures: the last thing on the screen."""
    errors = [str(one.get("error") or "") for one in results if one.get("status") == "FAILED"]
    for error in dict.fromkeys(filter(None, errors)):
        _say(f'What to do: docs/runbook.md, "{error}"', console)


def retry_line(wait: RetryWait) -> str:
    """Why nothing happens, and for how long."""
    turn = f"{wait.attempt} of {wait.attempts}"
    said = f"{wait.state}: {wait.error}, again in {wait.seconds:.0f} s ({turn})"
    message = one_line(readable(wait.cause))
    return f"{said}: {message}" if message else said


def _say(text: str, console: Console) -> None:
    """Print a text as it is, in one line however long."""
    if text:
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _table(months: list[Mapping[str, Any]]) -> Table:
    table = Table("month")
    dry_run = any(month.get("dry_run") for month in months)
    names = [_IN_A_DRY_RUN.get(name, name) if dry_run else name for name in _COUNTS]
    names = [name for name in names if name]
    shown = [name for name in names if any(name in month for month in months)]
    for name in shown:
        table.add_column(_WOULD.get(name, name.replace("_", " ")), justify="right")
    for month in months:
        name = f"{month.get('month', '?')}{' (compared)' if month.get('late') else ''}"
        table.add_row(name, *(_count(month.get(count)) for count in shown))
    return table


def _count(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return str(len(value)) if isinstance(value, list) else str(value if value is not None else "")


def readable(cause: str) -> str:
    """The message inside a Lambda failure's cause, or the cause as it is."""
    try:
        found = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(found, dict) and "errorMessage" in found:
        return str(found["errorMessage"])
    return cause


def print_json(result: Mapping[str, Any]) -> None:
    """One line on stdout; a reader that has gone is not an error of the run."""
    try:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()


def run_app(app: typer.Typer, name: str) -> None:
    """Run a command; a reader that goes away early is not worth a traceback."""
    try:
        app(prog_name=name)
    except BrokenPipeError:
        forget_stdout()
        sys.exit(1)


def forget_stdout() -> None:
    """Nobody reads it any more: what is still buffered must not fail at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
