"""`metering`: usage of a folder billed on this machine."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.local.cli import arguments, show
from infra.local.cli.ending import finish, succeeded
from infra.local.cli.session import open_session, say
from infra.local.cli.steps import Steps

EXAMPLE = """Example:
python -m infra.local metering --usage ./usage --state ./state --as-of 2025-08-02T00:00:00Z

Exit code: 0 the execution succeeded, 1 it ended otherwise, 2 the command cannot be run as given."""


def metering(  # noqa: PLR0917 (typer makes options of them)
    usage: Annotated[Path, typer.Option(help="Folder with the usage bucket's objects; only read.")],
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the state bucket's objects, kept up to date. Default: a new one."
        ),
    ] = None,
    plans: Annotated[
        Path | None,
        typer.Option(help="JSON list of plan configurations instead of the environment's."),
    ] = None,
    input_: Annotated[
        str | None, typer.Option("--input", help="Execution input: a JSON object, or @FILE.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="The time of the run, e.g. 2025-08-02T00:00:00Z. Default: now."),
    ] = None,
    clazar: Annotated[
        str | None, typer.Option(help="Base URL of a Clazar API instead of the built-in one.")
    ] = None,
    time_scale: Annotated[
        float, typer.Option(min=0.0, help="Multiplies the waits of Retry and Wait states.")
    ] = 1.0,
    json_: Annotated[bool, typer.Option("--json", help="Only one JSON object on stdout.")] = False,  # noqa: FBT002
    logs: Annotated[bool, typer.Option(help="Function logs to stderr instead of a file.")] = False,  # noqa: FBT002
) -> None:
    """Bill usage: a folder of usage files to Clazar, once and only once per contract and month."""

    def run() -> dict[str, Any]:
        now = dt.datetime.now(dt.UTC)
        given = arguments.execution_input(input_, as_of, now)
        configured = arguments.plans(plans)
        arguments.folder(usage, "--usage")
        arguments.state_folder(state)
        given_url = arguments.base_url(clazar, "--clazar")
        with ExitStack() as stack:
            url = given_url or stack.enter_context(_built_in_clazar()).url
            if given_url is None:
                say("Clazar: the built-in one. Nothing is billed; keep this state for trials.")
            steps = stack.enter_context(Steps(shown=not json_))
            session = stack.enter_context(
                open_session(
                    "metering",
                    state=state,
                    usage=usage,
                    plans=configured,
                    environment={"CLAZAR_URL": url},
                    time_scale=time_scale,
                    logs=logs,
                    step=steps.step,
                )
            )
            ran = session.account.run(given, time_scale=time_scale, progress=steps.report).as_dict()
            steps.stop()
            session.ended(well=succeeded(ran))
            if not json_:
                screen = show.console()
                show.show_run(ran, state=session.state, console=screen)
                show.show_advice([ran], screen)
            del ran["final_input"]
        return ran

    finish(run, as_json=json_, cut_off=cut_off)


def _built_in_clazar() -> Any:
    from infra.local.partners.clazar.server import ClazarServer  # noqa: PLC0415 (only without --clazar)

    return ClazarServer()


def cut_off(status: str, error: str, cause: str) -> dict[str, Any]:
    """Give the result of a run that this program ended, not the state machine."""
    unknown = dict.fromkeys(
        ("output", "history_events", "transitions", "children", "largest_payload_bytes")
    )
    return {"status": status, "error": error, "cause": cause, **unknown}
