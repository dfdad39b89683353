"""`credits`: credit files dropped into the deployed bucket on this machine."""

import datetime as dt
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.local.cli import arguments, options, show
from infra.local.cli.arguments import BadArgument
from infra.local.cli.credits_run import CreditsRun
from infra.local.cli.ending import finish, functions_know
from infra.local.cli.session import open_session, say
from infra.local.cli.show_credits import show_credits
from infra.local.cli.wording import words

EXAMPLE = """Examples: a file; its problems only; two versions of it, the second much smaller; undo.
python -m infra.local credits credits-2025-07.csv --state ./credits
python -m infra.local credits --check credits-2025-07.csv
python -m infra.local credits v1/credits-2025-07.csv v2/credits-2025-07.csv \
--input '{"accept_shrink": true}'
python -m infra.local credits --state ./credits --input '{"restore": "snapshots/..."}'

Exit code: 0 all executions succeeded, 1 one did not, 2 the command cannot be run as given."""


_FILES = typer.Argument(
    metavar="FILE", help="Uploaded one after the other, such as credits-2025-07.csv."
)
_STATE = typer.Option(
    help="Folder with the credits bucket's objects, kept up to date. Default: a new one."
)
_INPUT = typer.Option(
    "--input",
    help="A JSON object, or @FILE: start from the console with it, not by the upload. "
    "With a FILE its bucket and key are added.",
)
_AS_OF = typer.Option(
    help="The time of the event, e.g. 2025-08-02T00:00:00Z: it decides what month is in "
    "the future. Default: now."
)
_CLOUDZERO = typer.Option(
    help="Base URL of a CloudZero API instead of the built-in one. The key that is sent "
    "is a local one: the real service would refuse it."
)
_METADATA = typer.Option(
    help="Control totals of each FILE, as for aws s3 cp: row-count=24,total-usd=122727.23"
)


def send_credits(  # noqa: PLR0917 (typer makes options of them)
    files: Annotated[list[Path] | None, _FILES] = None,
    state: Annotated[Path | None, _STATE] = None,
    input_: Annotated[str | None, _INPUT] = None,
    as_of: Annotated[str | None, _AS_OF] = None,
    cloudzero: Annotated[str | None, _CLOUDZERO] = None,
    time_scale: options.TimeScale = 1.0,
    metadata: Annotated[str | None, _METADATA] = None,
    check: Annotated[bool, typer.Option("--check", help="Only judge each FILE.")] = False,  # noqa: FBT002
    json_: options.Json = False,  # noqa: FBT002
    logs: options.Logs = False,  # noqa: FBT002
) -> None:
    """Send credits: each FILE is uploaded, and the deployed rule starts what it starts in AWS."""
    sent = CreditsRun(time_scale=time_scale)

    def run() -> dict[str, Any]:
        sent.metadata = arguments.metadata(metadata)
        if (check or metadata) and not files:
            raise BadArgument("--check and --metadata need at least one FILE")
        if check:
            return _check(files or [], input_, as_of, sent.metadata, as_json=json_)
        _read_arguments(sent, files, input_, as_of)
        arguments.state_folder(state)
        given_url = arguments.base_url(cloudzero, "--cloudzero")
        return run_credits(sent, state, given_url, as_json=json_, logs=logs)

    finish(run, as_json=json_, cut_off=sent.cut_off, stopped=sent.stopped)


def run_credits(
    sent: CreditsRun,
    state: Path | None,
    cloudzero: str | None,
    *,
    as_json: bool,
    logs: bool = False,
) -> dict[str, Any]:
    """Send what is waiting, show each execution when it has ended, return all of them."""
    with ExitStack() as stack:
        url = cloudzero or stack.enter_context(_built_in_cloudzero()).url
        if cloudzero is None:
            say("CloudZero: the built-in one answers. Nothing leaves this machine.")
        how: dict[str, Any] = {"time_scale": sent.time_scale, "shown": not as_json, "logs": logs}
        opened = open_session("credits", environment={"CLOUDZERO_URL": url}, state=state, **how)
        session = stack.enter_context(opened)
        sent.state, sent.steps = session.state, session.steps
        screen = show.console()
        where = words({"--state": session.state, "--cloudzero": cloudzero})
        for ended in sent.each(session.account):
            if not as_json:
                session.steps.stop()
                show_credits(ended, state=session.state, console=screen, where=where)
                session.steps.go_on()
        session.steps.stop()
        result = sent.result()
        session.ended(well=not functions_know(result))
        if not as_json:
            show.show_advice(result["executions"], screen)
    return result


def _read_arguments(
    sent: CreditsRun, files: list[Path] | None, input_: str | None, as_of: str | None
) -> None:
    """Everything is read before anything is uploaded."""
    if not files and input_ is None:
        raise BadArgument("say what to send: at least one FILE, or --input to start without one")
    sent.given = None if input_ is None else arguments.json_object(input_, "--input")
    if files and sent.given and sent.given.get("restore") is not None:
        raise BadArgument("restore needs no FILE: --input says which snapshot is posted")
    if as_of is not None:
        sent.as_of = arguments.timestamp(as_of, dt.datetime.now(dt.UTC))
        if not files:
            say("--as-of is not used: without a FILE the input is taken exactly as it is given.")
    sent.waiting = [arguments.upload(path) for path in files or ()] or [None]


def _check(
    files: list[Path],
    input_: str | None,
    as_of: str | None,
    metadata: dict[str, str],
    *,
    as_json: bool,
) -> dict[str, Any]:
    from infra.local.cli import credits_check  # noqa: PLC0415 (only for this option)

    if input_ is not None:
        raise BadArgument("--check starts nothing: leave out --input")
    at = arguments.moment(as_of, dt.datetime.now(dt.UTC))
    result = credits_check.check([arguments.upload(path) for path in files], at, metadata)
    if not as_json:
        typer.echo("\n".join(credits_check.lines(result)))
    return result


def _built_in_cloudzero() -> Any:
    from infra.local.partners.cloudzero.server import CloudZeroServer  # noqa: PLC0415 (only without --cloudzero)

    return CloudZeroServer()
