"""`billing restore`: a month of credits as it was before a drop, deployed or on a state folder."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from infra.local.cli import arguments
from infra.local.cli.credits_command import run_credits
from infra.local.cli.credits_run import CreditsRun
from infra.local.cli.ending import succeeded
from infra.local.cli.show_credits import show_credits
from infra.operator import options as opt
from infra.operator.acting import check_waits, started
from infra.operator.deployed import output
from infra.operator.ending import finish, here
from infra.operator.errors import Unusable
from infra.operator.options import verb
from infra.operator.place import PLACES

_SNAPSHOTS = "snapshots/"
_SHRINK = typer.Option("--accept-shrink", help="Post it although it is much smaller.")
_CLOUDZERO = typer.Option(help="With --state: base URL instead of the built-in one.")


@verb("restore snapshots/1234/2025-07/run-1.json --env prod")
def restore(
    snapshot: Annotated[str, typer.Argument(help='As a run\'s "undo" names it.')],
    *,
    accept_shrink: Annotated[bool, _SHRINK] = False,
    env: opt.Env = None,
    state: opt.State = None,
    cloudzero: Annotated[str | None, _CLOUDZERO] = None,
    no_wait: opt.NoWait = False,
    screen: opt.Screen,
) -> None:
    """Undo a drop: post the month's credits as they were before it."""

    def work() -> dict[str, Any]:
        if (env is None) == (state is None):
            raise Unusable(f"say in which one place to restore: {PLACES}")
        given = _given(snapshot, accept_shrink=accept_shrink)
        if env is not None:
            ran = started(env, "restore", given, "credits", no_wait=no_wait, quiet=screen.quiet)
            return {"executions": [msgspec.to_builtins(ran)]}
        check_waits(no_wait=no_wait)
        folder = arguments.folder(state or Path(), "--state")
        return _restored(given, folder, cloudzero, screen)

    def show(found: dict[str, Any], console: Console) -> None:
        for one in found["executions"] if env is not None else ():
            if one["status"] != "RUNNING":
                bucket = Path(output(env or "", "credits", "CreditsBucketName"))
                show_credits(one, state=bucket, console=console, where=f"--env {env}")

    finish(work, show, _is_well, screen)


def _restored(
    given: dict[str, Any], folder: Path, cloudzero: str | None, screen: opt.Screen
) -> dict[str, Any]:
    """Run an execution here, as python -m infra.local does; it shows its own end."""
    sent = CreditsRun(given=given, waiting=[None])
    url = arguments.base_url(cloudzero, "--cloudzero")
    return here(lambda: run_credits(sent, folder, url, as_json=screen.silent), sent.stopped)


def _is_well(found: dict[str, Any]) -> bool:
    running = all(one["status"] == "RUNNING" for one in found["executions"])
    return running or succeeded(found)


def _given(snapshot: str, *, accept_shrink: bool) -> dict[str, Any]:
    if not snapshot.startswith(_SNAPSHOTS):
        raise Unusable(
            f"SNAPSHOT {snapshot!r} is not a key below {_SNAPSHOTS}; "
            "the report of the run to undo names it"
        )
    return {"restore": snapshot} | ({"accept_shrink": True} if accept_shrink else {})
