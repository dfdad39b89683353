"""The command line of `billing`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from functions.adapters import keys
from functions.adapters.books import Books
from functions.domain.ledger.listing import as_uuid
from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.errors import BadState, CredentialsRefused, PartnerUnreachable, StorageBusy
from infra.operator.where import CannotRun, DeployedWhere, LocalWhere, Where

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
State = Annotated[Path | None, typer.Option(help="State folder of a local run.")]
Env = Annotated[str | None, typer.Option(help="Deployed environment, such as prod.")]
Usage = Annotated[Path | None, typer.Option(help="Usage folder; default: `usage` beside it.")]
Plans = Annotated[Path | None, typer.Option(help="JSON list of plan configurations.")]
PlanKey = Annotated[str | None, typer.Option("--plan", help="Plan, where there are several.")]
ClazarUrl = Annotated[str | None, typer.Option(help="Base URL of a Clazar API, with --state.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only the exit code, and errors.")]
_KNOWN = (BadState, CredentialsRefused, PartnerUnreachable, StorageBusy, PermissionError)


@app.callback()
def _several_commands() -> None:
    """See what was billed and why. Exit code: 0 well, 1 something differs, 2 cannot be run."""


def where_of(
    state: Path | None,
    env: str | None,
    usage: Path | None = None,
    plans: Path | None = None,
    clazar: str | None = None,
) -> Where:
    """Return where to look; exactly one of folder and environment."""
    if (state is None) == (env is None):
        raise CannotRun("say where to look: either --state DIR or --env prod")
    if state is not None:
        return LocalWhere(state, usage, plans, clazar)
    if env not in ("dev", "staging", "prod"):
        raise CannotRun(f"--env {env} is not one of dev, staging, prod")
    return DeployedWhere(env)


def month_of(text: str) -> Month:
    """Read a month of the command line."""
    try:
        return Month.parse(text)
    except ValueError as error:
        raise CannotRun(f"MONTH: {error}") from error


def _plan_of(where: Where, key: str | None, month: Month, contract: str = "") -> Plan:
    """Return the plan that was named, or the only one (of a contract's month)."""
    plans = where.plans()
    if key is not None and key not in plans:
        raise CannotRun(f"--plan {key} is not known; name one of {', '.join(sorted(plans))}")
    found = [plans[key]] if key else list(plans.values())
    if contract and len(found) > 1:
        wanted = as_uuid(contract) or contract
        found = [
            plan
            for plan in found
            if wanted
            in {as_uuid(n) or n for n in Books(where.state, plan).contracts_in_ledger(month)}
        ] or found
    if len(found) != 1:
        raise CannotRun(f"name the plan with --plan: {', '.join(sorted(plans)) or 'none is known'}")
    return found[0]


def _end(
    run: Callable[[], tuple[dict[str, Any], list[str], bool]], *, as_json: bool, quiet: bool
) -> None:
    """Run a verb, print what it found, and end with 0, 1 or 2."""
    try:
        found, lines, well = run()
    except CannotRun as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    except _KNOWN as error:
        typer.echo(f"Error: {error}; `billing VERB --help` says what the verb needs", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    elif not quiet:
        typer.echo("\n".join(lines))
    raise typer.Exit(0 if well else 1)


def _say(text: str, *, quiet: bool) -> None:
    if not quiet and sys.stderr.isatty():
        typer.echo(text, err=True)


@app.command(
    epilog="Example: billing explain ae641bd1-... 2025-07 cpu_core_hours --state .demo/state"
)
def explain(  # noqa: PLR0917
    contract: str,
    month: str,
    dimension: Annotated[str | None, typer.Argument()] = None,
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    plan: PlanKey = None,
    day: Annotated[str | None, typer.Option(help="Open a day, such as 07, to its records.")] = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Take a quantity apart: formula, usage, days, hours, files, records."""
    from infra.operator import explain as verb  # noqa: PLC0415

    def run() -> tuple[dict[str, Any], list[str], bool]:
        where, of = where_of(state, env, usage, plans), month_of(month)
        _say("reading the usage files of the contract's days", quiet=quiet or json_)
        found = verb.explain(where, _plan_of(where, plan, of, contract), contract, of, dimension)
        return found, verb.as_lines(found, day), not found["differences"]

    _end(run, as_json=json_, quiet=quiet)


@app.command(epilog="Example: billing reconcile 2025-07 --env prod")
def reconcile(  # noqa: PLR0917
    month: str,
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    plan: PlanKey = None,
    clazar: ClazarUrl = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Compare files, bill, ledger and Clazar's listing; exit code 1 if anything differs."""
    from infra.operator import reconcile as verb  # noqa: PLC0415

    silent = quiet or json_

    def run() -> tuple[dict[str, Any], list[str], bool]:
        where, of = where_of(state, env, usage, plans, clazar), month_of(month)
        _say("comparing the files with what was billed", quiet=silent)
        told = [time.monotonic()]

        def progress(number: int, total: int) -> None:
            if time.monotonic() - told[0] >= 1 or number == total:
                told[0] = time.monotonic()
                _say(f"asking Clazar: contracts {number}/{total}", quiet=silent)

        found = verb.reconcile(where, _plan_of(where, plan, of), of, progress)
        return found, verb.as_lines(found), not found["differences"]

    _end(run, as_json=json_, quiet=quiet)


@app.command(epilog="Example: billing status --env prod")
def status(  # noqa: PLR0917
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Say what is closed, what waits, what is open; exit code 1 if anything is open."""
    from infra.operator import status as verb  # noqa: PLC0415

    def run() -> tuple[dict[str, Any], list[str], bool]:
        where = where_of(state, env, usage, plans)
        _say("reading ledger and export marker", quiet=quiet or json_)
        options = f"--env {env}" if env else f"--state {shlex.quote(str(state))}"
        found = verb.status(where, where.credits(), options)
        return found, verb.as_lines(found), not any(plan["open"] for plan in found["plans"])

    _end(run, as_json=json_, quiet=quiet)


@app.command(epilog="Example: billing report 2025-07 --env prod --csv > july.csv")
def report(  # noqa: PLR0917
    month: str,
    state: State = None,
    env: Env = None,
    plans: Plans = None,
    plan: PlanKey = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,  # noqa: FBT002
    to: Annotated[Path | None, typer.Option(help="Write the page into this file.")] = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Print a month's report, or fetch its page."""

    def run() -> tuple[dict[str, Any], list[str], bool]:
        where, of = where_of(state, env, None, plans), month_of(month)
        root = f"{keys.report(_plan_of(where, plan, of), of)}report"
        stored = where.state.read(f"{root}.json")
        if stored is None:
            raise CannotRun(f"{root}.json is missing: {month} was not billed; see `billing status`")
        found = json.loads(stored.body)
        if to and (page := where.state.read(f"{root}.html")):
            to.write_bytes(page.body)
        text = where.state.read(f"{root}.csv") if csv else None
        lines = [text.body.decode()] if text else [found["summary"]["text"], f"page: {root}.html"]
        return found, lines, True

    _end(run, as_json=json_, quiet=quiet)


@app.command(epilog="Example: billing check credits-2025-07.csv")
def check(
    files: list[Path],
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Judge credits files as the pipeline does; nothing is started, AWS is not needed."""
    from infra.local import arguments, credits_check  # noqa: PLC0415

    def run() -> tuple[dict[str, Any], list[str], bool]:
        try:
            given = [arguments.upload(path) for path in files]
        except arguments.BadArgument as error:
            raise CannotRun(str(error)) from None
        found = credits_check.check(given, datetime.now(UTC), {})
        return found, credits_check.lines(found), found["status"] == "SUCCEEDED"

    _end(run, as_json=json_, quiet=quiet)


NoWait = Annotated[bool, typer.Option("--no-wait", help="Start it and return (with --env).")]


def _execute(
    pipeline: str, given: dict[str, Any], where: Callable[[], Where], *flags: bool
) -> None:
    from infra.operator import runs  # noqa: PLC0415

    no_wait, as_json, quiet = flags

    def run() -> tuple[dict[str, Any], list[str], bool]:
        def say(text: str) -> None:
            _say(text, quiet=quiet or as_json)

        say("starting")
        ended = runs.run_there(where(), pipeline, given, wait=not no_wait, say=say)
        return ended, runs.as_lines(ended), ended["status"] in ("SUCCEEDED", "RUNNING")

    _end(run, as_json=as_json, quiet=quiet)


@app.command(name="run", epilog="Example: billing run --env prod --dry-run")
def run_(  # noqa: PLR0917
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    plan: PlanKey = None,
    clazar: ClazarUrl = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing.")] = False,  # noqa: FBT002
    no_wait: NoWait = False,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Bill what is due."""
    given = {**({"plan": plan} if plan else {}), **({"dry_run": True} if dry_run else {})}
    _execute(
        "metering",
        given,
        lambda: where_of(state, env, usage, plans, clazar),
        no_wait,
        json_,
        quiet,
    )


@app.command(epilog="Example: billing retry 2025-07 --env prod --reason 'dimension registered'")
def retry(  # noqa: PLR0917
    month: str,
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    plan: PlanKey = None,
    clazar: ClazarUrl = None,
    contract: Annotated[list[str] | None, typer.Option(help="Only this one.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; the ledger keeps it.")] = None,
    no_wait: NoWait = False,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Retry the contracts of a month that are in error."""
    given: dict[str, Any] = {"months": [month], "retry_errors": True}
    given |= {"plan": plan} if plan else {}
    given |= {"contracts": contract} if contract else {}
    given |= {"reason": reason} if reason else {}
    _execute(
        "metering",
        given,
        lambda: where_of(state, env, usage, plans, clazar),
        no_wait,
        json_,
        quiet,
    )


@app.command(
    epilog="Example: billing resolve c-1 2025-07 accepted --reason 'seen in Clazar' --env prod"
)
def resolve(  # noqa: PLR0917
    contract: str,
    month: str,
    outcome: Annotated[str, typer.Argument(help="accepted, not_accepted or waived")],
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    plans: Plans = None,
    plan: PlanKey = None,
    no_wait: NoWait = False,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Settle a contract that is parked."""
    decision = {"contract": contract, "month": month, "outcome": outcome, "reason": reason}
    given = {**({"plan": plan} if plan else {}), "resolve": decision}
    _execute("metering", given, lambda: where_of(state, env, usage, plans), no_wait, json_, quiet)


@app.command(epilog="Example: billing restore snapshots/stream/2025-07/x.json --env prod")
def restore(  # noqa: PLR0917
    snapshot: str,
    state: State = None,
    env: Env = None,
    no_wait: NoWait = False,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Put back what a month of credits held before."""
    given = {"restore": snapshot}
    _execute("credits", given, lambda: where_of(state, env), no_wait, json_, quiet)


@app.command(epilog="Example: billing doctor --env prod")
def doctor(
    state: State = None,
    env: Env = None,
    usage: Usage = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Check credentials, secrets, marker, subscriptions and quotas, each with what to do."""
    from infra.operator import doctor as verb  # noqa: PLC0415

    def run() -> tuple[dict[str, Any], list[str], bool]:
        checks = []
        for name, holds, said in verb.doctor(where_of(state, env, usage)):
            _say(f"checked {name}", quiet=quiet or json_)
            checks.append({"check": name, "ok": holds, "said": said})
        lines = [
            f"{'ok' if one['ok'] else 'TO DO'} {one['check']}: {one['said']}" for one in checks
        ]
        return {"checks": checks}, lines, all(one["ok"] for one in checks)

    _end(run, as_json=json_, quiet=quiet)


@app.command(epilog="Example: billing logs arn:aws:states:... --env prod")
def logs(
    execution: str,
    state: State = None,
    env: Env = None,
    json_: Json = False,  # noqa: FBT002
    quiet: Quiet = False,  # noqa: FBT002
) -> None:
    """Tell an execution's story: its states in order, and what failed."""
    from infra.operator import doctor as verb  # noqa: PLC0415

    def run() -> tuple[dict[str, Any], list[str], bool]:
        lines = verb.story(where_of(state, env), execution)
        return {"lines": lines}, lines, True

    _end(run, as_json=json_, quiet=quiet)


def main() -> None:
    """Run the command."""
    app(prog_name="billing")
