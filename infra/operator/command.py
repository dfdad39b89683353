"""`billing`: the verbs that look. Those that act on a deployed environment are in `acting`."""

import datetime as dt
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from functions.domain.month import format_instant
from infra.local.cli import arguments, credits_check
from infra.local.cli.metering_command import billed_at
from infra.local.cli.show import run_app
from infra.operator import options as opt
from infra.operator import screens
from infra.operator.ending import finish
from infra.operator.errors import Unusable
from infra.operator.explain import explanations
from infra.operator.explained import Explanation
from infra.operator.explanation_screen import show_explanation
from infra.operator.options import app, verb
from infra.operator.place import find, month_of
from infra.operator.reconcile import Reconciled, reconcile
from infra.operator.report import open_page, read_report
from infra.operator.status import Status, credits_status, plan_status


@app.callback(epilog="Example:\n\nbilling status --env prod")
def _verbs() -> None:
    """See what was billed and why, and act on what was not. Every verb has --help."""


@verb("explain c-1 2025-07 --env prod --within 03/14")
def explain_(
    contract: str,
    month: str,
    dimension: Annotated[str | None, typer.Argument()] = None,
    *,
    within: Annotated[
        str, typer.Option(help="Show the records of a day (DD) or an hour (DD/HH).")
    ] = "",
    where: opt.Where,
    screen: opt.Screen,
) -> None:
    """Follow a billed quantity: formula, usage, day, hour, file, records. They add up exactly."""

    def work() -> list[Explanation]:
        return explanations(where, contract, month_of(month), dimension)

    again = where.command(f"explain {shlex.quote(contract)} {month}")

    def show(found: list[Explanation], console: Console) -> None:
        for one in found:
            show_explanation(one, console, within, again)
        if not all(one.exact for one in found):
            compare = where.command(f"reconcile {month}", billed_at(where.state))
            console.print(screens.shown(f"all of it compared: {compare}"), soft_wrap=True)
        if any(one.not_billed for one in found):
            status = where.command("status")
            console.print(screens.shown(f"what settles it: {status}"), soft_wrap=True)

    finish(work, show, lambda found: all(one.exact for one in found), screen)


def _asked(ended: int, of: int) -> None:
    """Show how far Clazar was asked, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\rasking Clazar: {ended} of {of} contracts" + "\n" * (ended == of))
        sys.stderr.flush()


@verb("reconcile 2025-07 --env prod")
def reconcile_(
    month: str,
    *,
    as_of: opt.AsOf = None,
    clazar: opt.ClazarUrl = None,
    where: opt.Where,
    screen: opt.Screen,
) -> None:
    """Compare files, bill, ledger and what Clazar lists; differences first."""

    def work() -> list[Reconciled]:
        of = month_of(month)
        now = format_instant(arguments.moment(as_of, dt.datetime.now(dt.UTC)))
        place = find(where._replace(plan=None), clazar)
        files, receiver = place.needs_usage(), place.clazar and place.clazar()
        books = place.books()
        wanted = place.only(where.plan).books()
        compare = partial(
            reconcile, usage=files, month=of, clazar=receiver, now=now, progress=_asked
        )
        return [compare(one, others=[b for b in books if b.plan != one.plan]) for one in wanted]

    show = partial(screens.show_reconciled, status=where.command("status"))
    finish(work, show, lambda found: all(one.equal for one in found), screen)


@verb("status --env prod")
def status(
    *, as_of: opt.AsOf = None, clazar: opt.ClazarUrl = None, where: opt.Where, screen: opt.Screen
) -> None:
    """Show what is closed, what waits, and what is open with the command that settles it."""

    def work() -> Status:
        place = find(where)
        now = arguments.moment(as_of, dt.datetime.now(dt.UTC))
        typed = where.words(clazar=clazar or billed_at(where.state), **{"as-of": as_of})
        found = [plan_status(books, place.usage, now, typed) for books in place.books()]
        return Status(
            where=place.name,
            plans=found,
            credits=list(credits_status(place.credits or place.state)),
        )

    finish(work, screens.show_status, lambda found: found.calm, screen)


@verb("check credits-2025-07.csv")
def check(
    files: list[Path],
    *,
    as_of: opt.AsOf = None,
    metadata: Annotated[
        str | None, typer.Option(help="Control totals, as for aws s3 cp --metadata.")
    ] = None,
    screen: opt.Screen,
) -> None:
    """Judge credits files as the pipeline does. Nothing is sent."""

    def work() -> dict[str, Any]:
        at = arguments.moment(as_of, dt.datetime.now(dt.UTC))
        uploads = [arguments.upload(file) for file in files]
        return credits_check.check(uploads, at, arguments.metadata(metadata))

    def show(found: dict[str, Any], console: Console) -> None:
        for line in credits_check.lines(found):
            console.print(line, markup=False)

    finish(work, show, lambda found: bool(found["status"] == "SUCCEEDED"), screen)


@verb("report 2025-07 --env prod --csv > july.csv")
def report(
    month: str,
    *,
    csv: Annotated[bool, typer.Option("--csv", help="The CSV on stdout.")] = False,
    where: opt.Where,
    screen: opt.Screen,
) -> None:
    """Open a month's report in the browser, or print it as CSV or JSON."""

    def work() -> bytes:
        if csv and screen.as_json:
            raise Unusable("--csv and --json are two formats; give one")
        kind = "csv" if csv else "json" if screen.as_json else "html"
        return read_report(where, month_of(month), kind)

    def show(body: bytes, console: Console) -> None:
        if csv or screen.as_json:
            sys.stdout.buffer.write(body)
        else:
            console.print(open_page(body, month), markup=False, soft_wrap=True)

    finish(work, show, bool, screen._replace(as_json=False))


def main() -> None:
    """The entry point."""
    run_app(app, "billing")
