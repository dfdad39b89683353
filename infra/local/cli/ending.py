"""How a command ends: its result is printed, and the exit code says how it went."""

from collections.abc import Callable
from typing import Any, NoReturn

import typer

from infra.local.aws.state_folder import FolderBusy
from infra.local.cli import show
from infra.local.cli.arguments import BadArgument
from infra.local.cli.session import Stopped, say, stopped_by_signals

NOT_STARTED = "NOT_STARTED"
"""The status of what led to no execution, or was not reached."""

Result = dict[str, Any]
CutOff = Callable[[str, str, str], Result]
"""Gives the result of a run that this program ended, not the state machine: from status, error and
cause of what was under way."""
Reported = Callable[[], str]
"""Says what a run was doing when it was told to stop, and how to go on."""


def told_to_stop() -> str:
    """All that there is to say of a run with nothing to be told apart in it."""
    return "the runner was told to stop"


def finish(
    run: Callable[[], Result], *, as_json: bool, cut_off: CutOff, stopped: Reported = told_to_stop
) -> NoReturn:
    """Run, print, and end: 0 everything succeeded, 1 it did not, 2 it cannot be run as given."""
    try:
        with stopped_by_signals():
            result = run()
    except (BadArgument, FolderBusy) as error:
        say(f"Error: {error}")
        raise typer.Exit(2) from None
    except BrokenPipeError:
        show.forget_stdout()
        raise typer.Exit(1) from None
    except Stopped:
        said = stopped()
        result = cut_off("ABORTED", "Stopped", told_to_stop())
        if not as_json:
            say(f"ABORTED: {said}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets its answer
        result = cut_off("FAILED", type(error).__name__, str(error))
        if not as_json:
            say(f"{type(error).__name__}: {error}")
    if as_json:
        show.print_json(result)
    raise typer.Exit(0 if succeeded(result) else 1)


def succeeded(result: Result) -> bool:
    """Say whether an execution, or every one of several, ended well."""
    ended = result.get("executions", [result])
    return bool(ended) and all(one["status"] == "SUCCEEDED" for one in ended)


def functions_know(result: Result) -> bool:
    """Say whether an execution ended badly: without one, no log of a function tells more."""
    ended = result.get("executions", [result])
    return any(one["status"] not in {"SUCCEEDED", NOT_STARTED} for one in ended)
