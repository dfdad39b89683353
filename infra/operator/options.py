"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Env = Annotated[
    str | None,
    typer.Option("--env", envvar="BILLING_ENV", help="Deployed environment, e.g. prod."),
]
State = Annotated[
    Path | None,
    typer.Option("--state", envvar="BILLING_STATE", help="Folder with the state bucket's objects."),
]
Usage = Annotated[
    Path | None,
    typer.Option("--usage", envvar="BILLING_USAGE", help="Folder with the usage bucket's objects."),
]
Plans = Annotated[
    Path | None,
    typer.Option("--plans", help="With --state: JSON list of plans. Default: those of prod."),
]
PlanKey = Annotated[
    str | None, typer.Option("--plan", help="Only this plan (service:environment:plan).")
]
ClazarUrl = Annotated[
    str | None,
    typer.Option(
        "--clazar",
        help="Base URL of Clazar; needs CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET. "
        "With --env the deployed URL and secret are used without it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No output; only errors and the exit code.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when the execution is started.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; the ledger keeps it.")]
