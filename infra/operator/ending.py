"""How every verb ends: its result on stdout, errors in one sentence on stderr, an exit code."""

import json
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec
import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from rich.console import Console

from functions import errors
from infra.local.aws.state_folder import FolderBusy
from infra.local.cli.arguments import BadArgument
from infra.local.cli.session import Stopped, stopped_by_signals
from infra.local.cli.show import forget_stdout
from infra.operator.errors import Failed, Unusable
from infra.operator.options import Screen

T = TypeVar("T")
_WIDTH = 160
_USAGE = (Unusable, BadArgument, errors.BadInput)
_NEXT: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((errors.CredentialsRefused,), "put working ones into the secret or the environment"),
    (
        (errors.PartnerBusy, errors.PartnerUnreachable, errors.StorageBusy, FolderBusy),
        "run it again in a minute",
    ),
    ((errors.BadState, errors.BadUsage), "what to do about such objects is in docs/runbook.md"),
    ((ClientError, BotoCoreError, PermissionError), "`billing doctor` says what is missing"),
)


def finish(
    work: Callable[[], T],
    show: Callable[[T, Console], None],
    well: Callable[[T], bool],
    screen: Screen,
) -> NoReturn:
    """Work, print, and end: 0 all is well, 1 something is not, 2 it cannot be run as given."""
    try:
        result = work()
        if screen.as_json:
            sys.stdout.write(f"{json.dumps(msgspec.to_builtins(result), ensure_ascii=False)}\n")
        elif not screen.quiet:
            show(result, Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False))
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(_failed("stopped; what was started goes on", screen)) from None
    except _USAGE as error:
        _failed(str(error), screen)
        raise typer.Exit(2) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a sentence
        raise typer.Exit(_failed(sentence(error), screen)) from None
    raise typer.Exit(0 if well(result) else 1)


def here(run: Callable[[], T], stopped: Callable[[], str]) -> T:
    """Run an execution on this machine; Ctrl-C ends it in order."""
    try:
        with stopped_by_signals():
            return run()
    except Stopped:
        raise Failed(stopped()) from None


def _failed(text: str, screen: Screen) -> int:
    if screen.as_json:
        sys.stdout.write(f"{json.dumps({'error': text}, ensure_ascii=False)}\n")
    else:
        sys.stderr.write(f"Error: {text}\n")
    return 1


def sentence(error: Exception) -> str:
    """Return what happened and what to do next."""
    text = " ".join(str(error).split())
    if isinstance(error, Failed):
        return text
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials; log in (aws sso login) or set AWS_PROFILE"
    steps = (next_step for kinds, next_step in _NEXT if isinstance(error, kinds))
    name = type(error).__name__
    unknown = f"({name}) run it again, and report it if that changes nothing"
    return f"{text}; {next(steps, unknown)}"
