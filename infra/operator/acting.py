"""`billing run`, `retry`, `resolve`, `approve`, `logs`: executions, in AWS or on a folder."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console

from functions.domain.month import format_instant
from functions.domain.plan import Plan
from functions.metering.acquire_plan import settle
from functions.payloads import Start
from infra.local.cli import arguments
from infra.local.cli.ending import told_to_stop
from infra.local.cli.metering_command import Folders, bill_usage
from infra.local.cli.session import say
from infra.local.cli.show import show_run
from infra.local.cli.steps import Steps
from infra.local.cli.wording import billing
from infra.operator import executions
from infra.operator import options as opt
from infra.operator.deployed import output, plans
from infra.operator.ending import finish, here
from infra.operator.errors import Unusable
from infra.operator.executions import Execution
from infra.operator.options import verb
from infra.operator.place import find


@verb("run --env prod --month 2025-07 --dry-run")
def run(
    *,
    month: opt.Months = None,
    contract: opt.Contracts = None,
    until: opt.Until = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run/--bill", help="Default: as the plan says.")
    ] = None,
    reconcile: Annotated[
        str | None, typer.Option(help="Only compare a closed month with Clazar's records.")
    ] = None,
    reason: opt.Reason = None,
    where: opt.Where,
    how: opt.Running,
    screen: opt.Screen,
) -> None:
    """Bill what is due, as the schedule does; follow it to its end."""
    given = {"months": month, "contracts": contract, "until": until, "dry_run": dry_run}
    _execute("run", {**given, "reconcile": reconcile, "reason": reason}, where, how, screen)


@verb("retry --env prod --month 2025-07 --contract c-1")
def retry(
    *,
    month: opt.Months = None,
    contract: opt.Contracts = None,
    until: opt.Until = None,
    reason: opt.Reason = None,
    where: opt.Where,
    how: opt.Running,
    screen: opt.Screen,
) -> None:
    """Try contracts with errors again. Clazar is asked first; nothing is sent twice."""
    given = {"months": month, "contracts": contract, "until": until, "reason": reason}
    _execute("retry", {**given, "retry_errors": True}, where, how, screen)


@verb('resolve c-1 2025-07 accepted --reason "record 4711" --env prod')
def resolve(
    contract: str,
    month: str,
    outcome: Literal["accepted", "not_accepted", "waived"],
    *,
    reason: opt.Because,
    where: opt.Where,
    how: opt.Running,
    screen: opt.Screen,
) -> None:
    """Settle a contract whose outcome only an operator can know."""
    decision = {"contract": contract, "month": month, "outcome": outcome, "reason": reason}
    _execute("resolve", {"resolve": decision}, where, how, screen)


@verb('approve 2025-07 --reason "a new customer" --env prod')
def approve(
    month: str, *, reason: opt.Because, where: opt.Where, how: opt.Running, screen: opt.Screen
) -> None:
    """Bill a held month as it is. Another bill than the held one is held again."""
    _execute("approve", {"approve": month, "reason": reason}, where, how, screen)


@verb("logs run-20250802T003000-000001 --env prod")
def logs(
    execution: str,
    *,
    env: opt.Env = None,
    pipeline: Annotated[Literal["metering", "credits"], typer.Option()] = "metering",
    screen: opt.Screen,
) -> None:
    """Tell an execution's story: states, retries, failures with their cause, its end."""

    def work() -> Execution:
        if env is None:
            raise Unusable("logs tells of executions in AWS; add --env prod")
        return executions.story(executions.arn_of(env, pipeline, execution))

    def show(found: Execution, console: Console) -> None:
        for line in executions.lines(found):
            console.print(line, markup=False, soft_wrap=True)

    finish(work, show, lambda found: found.well, screen)


def _execute(
    verb: str, asked: dict[str, Any], where: opt.Where, how: opt.Running, screen: opt.Screen
) -> None:
    def work() -> Execution:
        at = how.as_of and arguments.timestamp(how.as_of, dt.datetime.now(dt.UTC))
        terms = {"plan": where.plan, "as_of": at, **asked}
        given = {name: value for name, value in terms.items() if value is not None}
        if where.env is None or where.state is not None:
            return _on_folder(given, where, how, screen)
        if how.clazar or how.time_scale != 1:
            raise Unusable("--clazar and --time-scale require --state")
        wanted = checked(plans(where.env), given)
        return started(where.env, verb, wanted, no_wait=how.no_wait, quiet=screen.quiet)

    def show(found: Execution, console: Console) -> None:
        if where.env and found.status != "RUNNING":
            bucket = Path(output(where.env, "metering", "StateBucketName"))
            result = msgspec.to_builtins(found)
            show_run(result, state=bucket, console=console, where=where.words())

    finish(work, show, lambda found: found.well, screen)


def _on_folder(
    given: dict[str, Any], where: opt.Where, how: opt.Running, screen: opt.Screen
) -> Execution:
    """Run an execution here, as python -m infra.local does; it shows its own end."""
    place = find(where, how.clazar)
    place.needs_usage()
    check_waits(no_wait=how.no_wait)
    folders = Folders(where.usage or Path(), where.state, where.plans)
    now = format_instant(dt.datetime.now(dt.UTC))
    given = {"as_of": now, **checked(place.plans, given)}
    end: dict[str, Any] = {"time_scale": how.time_scale, "as_json": screen.silent}
    ran = here(lambda: bill_usage(given, folders, how.clazar, **end), told_to_stop)
    error, cause = (str(ran[name] or "") for name in ("error", "cause"))
    status, output = ran["status"], ran["output"]
    return Execution(arn="", status=status, input=given, output=output, error=error, cause=cause)


def check_waits(*, no_wait: bool) -> None:
    """Refuse not to wait for an execution on a folder."""
    if no_wait:
        raise Unusable("--no-wait requires --env: on a folder the execution runs here")


def started(
    env: str,
    verb: str,
    given: dict[str, Any],
    pipeline: str = "metering",
    *,
    no_wait: bool,
    quiet: bool,
) -> Execution:
    """Start an execution, say which, and follow it to its end."""
    arn = executions.start(env, verb, given, pipeline)
    if not quiet:
        say(f"started {arn}")
        say(billing(f"logs {arn.rpartition(':')[2]}", f"--env {env} --pipeline {pipeline}"))
    if no_wait:
        return executions.look(arn)
    if quiet:
        return executions.follow(arn, lambda _: None)
    with Steps() as steps:
        steps.step("waiting for the execution")
        return executions.follow(arn, steps.step)


def checked(known: Iterable[Plan], given: dict[str, Any]) -> dict[str, Any]:
    """Return the input with the plan's whole key, as the pipeline would take it; else BadInput."""
    by_key = {plan.key: plan for plan in known}
    named = {plan.plan_id: key for key, plan in by_key.items()}
    if "plan" in given:
        given = {**given, "plan": named.get(given["plan"], given["plan"])}
    settle(Start(given, "check", "check", format_instant(dt.datetime.now(dt.UTC))), by_key)
    return given
