"""`metering`: usage of a folder billed on this machine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from infra.local.cli import arguments, show
from infra.local.cli.arguments import BadArgument
from infra.local.cli.ending import finish, succeeded
from infra.local.cli.session import Session, open_session, say
from infra.local.cli.steps import Steps
from infra.local.cli.wording import words

_BILLED_AT = "clazar-url"  # a file in the state folder, of this machine only
_BUILT_IN = "built-in"

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
        session, run = stack.enter_context(
            open_metering(
                url,
                usage=folders.usage,
                state=state,
                plans=configured,
                time_scale=time_scale,
                shown=not as_json,
                logs=logs,
            )
        )
        _check_same_clazar(session.state, clazar)  # another run may have held the folder
        known = session.state / _BILLED_AT
        for_trial = clazar is None and not known.exists()
        known.write_text(clazar or _BUILT_IN, encoding="utf-8")
        ran = run(given)
        if for_trial and show.output_of(ran).get("dry_run"):
            known.unlink()  # nothing counts as billed
        session.ended(well=succeeded(ran))
        if not as_json:
            screen = show.console()
            options = {"--usage": folders.usage, "--plans": folders.plans, "--clazar": clazar}
            options["--plan"] = given.get("plan")
            where = words({"--state": session.state, **options})
            show.show_run(ran, state=session.state, console=screen, where=where)
            show.show_advice([ran], screen)
        del ran["final_input"]
    return ran


@contextmanager
def open_metering(
    clazar: str, *, shown: bool = True, time_scale: float = 1.0, **others: Any
) -> Iterator[tuple[Session, Callable[[dict[str, Any]], dict[str, Any]]]]:
    """Load the pipeline; give it with what runs an execution of it. `others`: of `open_session`."""
    environment = {"CLAZAR_URL": clazar}
    with (
        Steps(shown=shown) as steps,
        open_session(
            "metering",
            environment=environment,
            time_scale=time_scale,
            step=steps.step,
            **others,
        ) as session,
    ):

        def run(given: dict[str, Any]) -> dict[str, Any]:
            steps.go_on()
            ran = session.account.run(given, time_scale=time_scale, progress=steps.report)
            steps.stop()
            return ran.as_dict()

        yield session, run


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
