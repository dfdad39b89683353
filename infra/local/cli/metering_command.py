"""`metering`: usage of a folder billed on this machine."""

import datetime as dt
from contextlib import AbstractContextManager, ExitStack, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from infra.local.cli import arguments, options, show
from infra.local.cli.arguments import BadArgument
from infra.local.cli.ending import finish, succeeded
from infra.local.cli.session import Session, open_session, say
from infra.local.cli.wording import words

_BILLED_AT = "clazar-url"  # a file in the state folder, of this machine only
_BUILT_IN = "built-in"

EXAMPLE = """Example:
python -m infra.local metering --usage ./usage --state ./state --as-of 2025-08-02T00:00:00Z

Exit code: 0 the execution succeeded, 1 it ended otherwise, 2 the command cannot be run as given."""


_USAGE = typer.Option(help="Folder with the usage bucket's objects; only read.")
_STATE = typer.Option(
    help="Folder with the state bucket's objects, kept up to date. Default: a new one."
)
_PLANS = typer.Option(help="JSON list of plan configurations instead of the environment's.")
_INPUT = typer.Option("--input", help="Execution input: a JSON object, or @FILE.")
_AS_OF = typer.Option(help="The time of the run, e.g. 2025-08-02T00:00:00Z. Default: now.")
_CLAZAR = typer.Option(help="Base URL of a Clazar API instead of the built-in one.")


def metering(  # noqa: PLR0917 (typer makes options of them)
    usage: Annotated[Path, _USAGE],
    state: Annotated[Path | None, _STATE] = None,
    plans: Annotated[Path | None, _PLANS] = None,
    input_: Annotated[str | None, _INPUT] = None,
    as_of: Annotated[str | None, _AS_OF] = None,
    clazar: Annotated[str | None, _CLAZAR] = None,
    time_scale: options.TimeScale = 1.0,
    json_: options.Json = False,  # noqa: FBT002
    logs: options.Logs = False,  # noqa: FBT002
) -> None:
    """Bill usage: a folder of usage files to Clazar, once and only once per contract and month."""

    def run() -> dict[str, Any]:
        given = arguments.execution_input(input_, as_of, dt.datetime.now(dt.UTC))
        folders = Folders(arguments.folder(usage, "--usage"), state, plans)
        url = arguments.base_url(clazar, "--clazar")
        return bill_usage(given, folders, url, time_scale=time_scale, as_json=json_, logs=logs)

    finish(run, as_json=json_, cut_off=cut_off)


class Folders(NamedTuple):
    """What is billed, and where that is kept."""

    usage: Path
    state: Path | None
    plans: Path | None = None


def bill_usage(
    given: dict[str, Any],
    folders: Folders,
    clazar: str | None,
    *,
    time_scale: float = 1.0,
    as_json: bool = False,
    logs: bool = False,
) -> dict[str, Any]:
    """Run an execution, show how it has ended, return its result."""
    configured = arguments.plans(folders.plans)
    state = arguments.state_folder(folders.state)
    _check_same_clazar(state, clazar)
    with ExitStack() as stack:
        url = clazar or stack.enter_context(_built_in_clazar()).url
        if clazar is None:
            say("Clazar: the built-in one. Nothing is billed; keep this state for trials.")
        how = {"time_scale": time_scale, "shown": not as_json, "logs": logs}
        opened = open_metering(url, usage=folders.usage, state=state, plans=configured, **how)
        session = stack.enter_context(opened)
        ran = _run_at(clazar, session, given)
        session.ended(well=succeeded(ran))
        if not as_json:
            screen = show.console()
            typed = {"--usage": folders.usage, "--plans": folders.plans, "--clazar": clazar}
            where = words({"--state": session.state, **typed, "--plan": given.get("plan")})
            show.show_run(ran, state=session.state, console=screen, where=where)
            show.show_advice([ran], screen)
        del ran["final_input"]
    return ran


def _run_at(clazar: str | None, session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Run an execution, and remember at which Clazar."""
    _check_same_clazar(session.state, clazar)  # another run may have held the folder
    known = session.state / _BILLED_AT
    for_trial = clazar is None and not known.exists()
    known.write_text(clazar or _BUILT_IN, encoding="utf-8")
    ran = session.run(given)
    if for_trial and show.output_of(ran).get("dry_run"):
        known.unlink()  # nothing counts as billed
    return ran


def open_metering(clazar: str, **how: Any) -> AbstractContextManager[Session]:
    """Load the pipeline. `how`: of `open_session`."""
    return open_session("metering", environment={"CLAZAR_URL": clazar}, **how)


def billed_at(state: Path | None) -> str | None:
    """Return the Clazar that a state folder was billed at, if that was not the built-in one."""
    known = _remembered(state)
    return None if known == _BUILT_IN else known


def _remembered(state: Path | None) -> str | None:
    path = state and state / _BILLED_AT
    return path.read_text(encoding="utf-8") if path and path.is_file() else None


def _check_same_clazar(state: Path | None, clazar: str | None) -> None:
    """Refuse another Clazar than before: it would never get what the folder counts as billed."""
    known = _remembered(state)
    if known is None or _host(known) == _host(clazar or _BUILT_IN):
        return
    before = "the built-in Clazar, which bills nothing" if known == _BUILT_IN else known
    to_do = f"for {clazar} use another --state folder" if clazar else f"add --clazar {known}"
    raise BadArgument(f"--state {state} was run against {before}; {to_do}")


def _host(clazar: str) -> str:
    """Return what tells one Clazar from another; servers on this machine come and go."""
    host = urlsplit(clazar).hostname or clazar
    with suppress(ValueError):
        host = "localhost" if ip_address(host).is_loopback else host
    return host


def _built_in_clazar() -> Any:
    from infra.local.partners.clazar.server import ClazarServer  # noqa: PLC0415 (only without --clazar)

    return ClazarServer()


def cut_off(status: str, error: str, cause: str) -> dict[str, Any]:
    """Give the result of a run that this program ended, not the state machine."""
    unknown = dict.fromkeys(
        ("output", "history_events", "transitions", "children", "largest_payload_bytes")
    )
    return {"status": status, "error": error, "cause": cause, **unknown}
