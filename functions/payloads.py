"""What the states of both pipelines have in common: reading inputs, errors from Catch, endings."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.domain import mails
from functions.domain.conversion import given, parse
from functions.domain.month import format_instant, parse_instant
from functions.domain.templates import render
from functions.errors import BadInput

T = TypeVar("T")
_logger = Logger()
_CLOCK_SKEW = timedelta(hours=1)
_LONGEST_ASKED, _LONGEST_INPUT = 500, 4_000


class Start(msgspec.Struct, frozen=True):
    """Input of the first state: the execution input and who is executing."""

    input: Any
    execution: str
    name: str
    started: str


class Problem(msgspec.Struct, frozen=True, rename="pascal"):
    """What Catch passes on."""

    error: str
    cause: str = ""

    @property
    def message(self) -> str:
        """The message of a function's error, or the cause as it stands."""
        try:
            return str(msgspec.json.decode(self.cause)["errorMessage"])
        except (msgspec.DecodeError, TypeError, KeyError):
            return self.cause


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """Output of the last state: how the execution is to end."""

    succeeded: bool
    notify: bool = False
    error: str
    cause: str
    subject: str = ""
    mail: str = ""
    result: dict[str, Any] = {}


class Refused(msgspec.Struct, frozen=True):
    """A run that never began: the execution, what it was given, and the first state's error."""

    execution: str
    name: str
    input: Any
    problem: Problem

    def finished(self, pipeline: str, place: mails.Place) -> Finished:
        """Return how its execution is to end: FAILED, with a mail."""
        error, cause = self.problem.error, self.problem.message[:8_000]
        head = f"{pipeline} was not started: {error}"
        again = mails.start(self.execution, self.input)
        short = mails.start(self.execution, {"...": "..."})
        mail = render(
            Path(__file__).with_name("not_started.txt"),
            head=head,
            environment=place.environment,
            name=self.name,
            error=error,
            cause=cause,
            again=again if len(again) < _LONGEST_INPUT else short,
            runbook=place.runbook,
            link=mails.execution_link(self.execution),
        )
        subject = mails.subject(f"[{place.environment}] {head}, execution {self.name}")
        return Finished(
            succeeded=False, notify=True, error=error, cause=cause, subject=subject, mail=mail
        )


def task_handler(use: Callable[[T, LambdaContext], Any]) -> Callable[[Any, LambdaContext], Any]:
    """Make a state's Lambda of a function from its task, as its annotation says, to its output.

    It logs what it was asked for, in short and without the run's terms, and what it returns: all
    of it unless that is long, as a mail's text is; nothing if it raises.
    """
    kind = next(iter(get_type_hints(use).values()))
    state = use.__module__.rpartition(".")[2]

    @_logger.inject_lambda_context
    @wraps(use)
    def handler(event: Any, context: LambdaContext) -> Any:
        output = None
        try:
            output = msgspec.to_builtins(use(parse(event, kind), context))
            return output
        finally:
            fields = event.items() if isinstance(event, dict) else ()
            asked = {name: value for name, value in fields if name != "run"}
            short = output if len(str(output)) < _LONGEST_INPUT else str(output)[:_LONGEST_ASKED]
            _logger.info(state, asked=str(asked)[:_LONGEST_ASKED], output=short)

    return handler


def time_of_run(text: str | None, start: Start) -> str:
    """Return the moment that a run is about: `as_of`, or when it was started. Never the future."""
    now = parse_instant(start.started)
    as_of = now if text is None else given("as_of", parse_instant, text)
    if as_of > now + _CLOCK_SKEW:
        raise BadInput(f"as_of: {text} is in the future")
    return format_instant(min(as_of, now))
