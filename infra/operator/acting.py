"""`billing run`, `retry`, `resolve`, `approve`, `logs`: executions of a deployed environment."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console

from functions.domain.month import format_instant
from functions.metering.acquire_plan import settle
from functions.payloads import Start
from infra.local.cli.session import say
from infra.local.cli.show import show_run
from infra.local.cli.steps import Steps
from infra.operator import executions
from infra.operator import options as opt
from infra.operator.command import app, example
from infra.operator.deployed import output, plans
from infra.operator.ending import finish
from infra.operator.errors import Unusable
from infra.operator.executions import Execution

Months = Annotated[list[str] | None, typer.Option("--month", help="Only this month; repeatable.")]
Contracts = Annotated[
    list[str] | None, typer.Option("--contract", help="Only this contract; repeatable.")
]


@app.command(epilog=example("run --env prod --month 2025-07 --dry-run"))
def run(  # noqa: PLR0917 (typer makes options of them)
    env: opt.Env = None,
    month: Months = None,
    contract: Contracts = None,
    until: Annotated[str | None, typer.Option(help="Final usage: where its window ends.")] = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run/--bill", help="Default: as the plan says.")
    ] = None,
    reconcile: Annotated[
        str | None, typer.Option(help="Only compare a closed month with Clazar's records.")
    ] = None,
    plan: opt.PlanKey = None,
    reason: opt.Reason = None,
    no_wait: opt.NoWait = False,  # noqa: FBT002
    as_json: opt.AsJson = False,  # noqa: FBT002
    quiet: opt.Quiet = False,  # noqa: FBT002
) -> None:
    """Bill what is due, as the schedule does; follow it to its end."""
    given = {"months": month, "contracts": contract, "until": until, "dry_run": dry_run}
    given["reconcile"] = reconcile
    _execute(
        "run",
        env,
        {**given, "plan": plan, "reason": reason},
        no_wait=no_wait,
        as_json=as_json,
        quiet=quiet,
    )


@app.command(epilog=example("retry --env prod --month 2025-07 --contract c-1"))
def retry(  # noqa: PLR0917
    env: opt.Env = None,
    month: Months = None,
    contract: Contracts = None,
    plan: opt.PlanKey = None,
    reason: opt.Reason = None,
    no_wait: opt.NoWait = False,  # noqa: FBT002
    as_json: opt.AsJson = False,  # noqa: FBT002
    quiet: opt.Quiet = False,  # noqa: FBT002
) -> None:
    """Try contracts with errors again. Clazar is asked first; nothing is sent twice."""
    given = {"months": month, "contracts": contract, "plan": plan, "reason": reason}
    _execute(
        "retry", env, {**given, "retry_errors": True}, no_wait=no_wait, as_json=as_json, quiet=quiet
    )


@app.command(epilog=example('resolve c-1 2025-07 accepted --reason "record 4711" --env prod'))
def resolve(  # noqa: PLR0917
    contract: str,
    month: str,
    outcome: Literal["accepted", "not_accepted", "waived"],
    reason: Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it.")],
    env: opt.Env = None,
    plan: opt.PlanKey = None,
    no_wait: opt.NoWait = False,  # noqa: FBT002
    as_json: opt.AsJson = False,  # noqa: FBT002
    quiet: opt.Quiet = False,  # noqa: FBT002
) -> None:
    """Settle a contract whose outcome only an operator can know."""
    decision = {"contract": contract, "month": month, "outcome": outcome, "reason": reason}
    _execute(
        "resolve",
        env,
        {"plan": plan, "resolve": decision},
        no_wait=no_wait,
        as_json=as_json,
        quiet=quiet,
    )


@app.command(epilog=example('approve 2025-07 --reason "a new customer" --env prod'))
def approve(  # noqa: PLR0917
    month: str,
    reason: Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it.")],
    env: opt.Env = None,
    plan: opt.PlanKey = None,
    no_wait: opt.NoWait = False,  # noqa: FBT002
    as_json: opt.AsJson = False,  # noqa: FBT002
    quiet: opt.Quiet = False,  # noqa: FBT002
) -> None:
    """Bill a held month as it is. Another bill than the held one is held again."""
    _execute(
        "approve",
        env,
        {"plan": plan, "approve": month, "reason": reason},
        no_wait=no_wait,
        as_json=as_json,
        quiet=quiet,
    )


@app.command(epilog=example("logs run-20250802T003000-000001 --env prod"))
def logs(
    execution: str,
    env: opt.Env = None,
    pipeline: Annotated[Literal["metering", "credits"], typer.Option()] = "metering",
    as_json: opt.AsJson = False,  # noqa: FBT002
    quiet: opt.Quiet = False,  # noqa: FBT002
) -> None:
    """Tell an execution's story: states, retries, failures with their cause, its end."""

    def work() -> Execution:
        return executions.story(executions.arn_of(_deployed("logs", env), pipeline, execution))

    def show(found: Execution, console: Console) -> None:
        for line in executions.lines(found):
            console.print(line, markup=False, soft_wrap=True)

    finish(work, show, lambda found: found.well, as_json=as_json, quiet=quiet)


def _execute(
    verb: str,
    env: str | None,
    asked: dict[str, Any],
    *,
    no_wait: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    def work() -> Execution:
        where = _deployed(verb, env)
        given = checked(where, {name: value for name, value in asked.items() if value is not None})
        return started(where, verb, given, no_wait=no_wait, quiet=quiet)

    def show(found: Execution, console: Console) -> None:
        if found.status != "RUNNING":
            bucket = Path(output(_deployed(verb, env), "metering", "StateBucketName"))
            show_run(msgspec.to_builtins(found), state=bucket, console=console)

    finish(work, show, lambda found: found.well, as_json=as_json, quiet=quiet)


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
        other = "" if pipeline == "metering" else f" --pipeline {pipeline}"
        say(f"billing logs {arn.rpartition(':')[2]} --env {env}{other}")
    if no_wait:
        return executions.look(arn)
    if quiet:
        return executions.follow(arn, lambda _: None)
    with Steps() as steps:
        steps.step("waiting for the execution")
        return executions.follow(arn, steps.step)


def _deployed(verb: str, env: str | None) -> str:
    if env is None:
        raise Unusable(
            f"{verb} works on a deployed environment; add --env prod, or use "
            "python -m infra.local metering on a folder"
        )
    return env


def checked(env: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the input with the plan's whole key, as the pipeline would take it; else BadInput."""
    known = {plan.key: plan for plan in plans(env)}
    named = {plan.plan_id: key for key, plan in known.items()}
    if "plan" in given:
        given = {**given, "plan": named.get(given["plan"], given["plan"])}
    settle(Start(given, "check", "check", format_instant(dt.datetime.now(dt.UTC))), known)
    return given
