"""Options that several verbs share, and how a verb gets them."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from infra.local.cli.wording import billing, words

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
CODES = "Exit code: 0 all is well, 1 something is not, 2 it cannot be run as given."

Env = Annotated[
    str | None, typer.Option("--env", envvar="BILLING_ENV", help="Deployed environment, e.g. prod.")
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
        help="With --state: base URL of Clazar; to ask it what it lists, "
        "CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET as well.",
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Another time than now: 2025-08-02, or with an hour.")
]
Months = Annotated[list[str] | None, typer.Option("--month", help="Only this month; repeatable.")]
Contracts = Annotated[
    list[str] | None, typer.Option("--contract", help="Only this contract; repeatable.")
]
Until = Annotated[str | None, typer.Option(help="Final usage: where its window ends.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; the ledger keeps it.")]
Because = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when the execution is started.")]


class Where(NamedTuple):
    """Where a verb looks, as it was typed."""

    env: Env = None
    state: State = None
    usage: Usage = None
    plans: Plans = None
    plan: PlanKey = None

    def words(self, **others: str | None) -> str:
        """Return the options of a place, but for the plan, as they can be typed in any folder."""
        folders = {"--state": self.state, "--usage": self.usage, "--plans": self.plans}
        return words({"--env": self.env, **folders, **{f"--{n}": o for n, o in others.items()}})

    def command(self, verb: str, clazar: str | None = None) -> str:
        """Return a whole command of this place."""
        return billing(verb, self.words(plan=self.plan, clazar=clazar))


class Running(NamedTuple):
    """How an execution runs."""

    as_of: AsOf = None
    clazar: ClazarUrl = None
    time_scale: Annotated[
        float, typer.Option(min=0.0, help="With --state: multiplies the waits.")
    ] = 1.0
    no_wait: NoWait = False


class Screen(NamedTuple):
    """What is printed."""

    as_json: Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No output; only errors and the exit code.")
    ] = False

    @property
    def silent(self) -> bool:
        """Nothing is shown while something is done."""
        return self.as_json or self.quiet


Verb = Callable[..., None]


def verb(example: str) -> Callable[[Verb], Verb]:
    """Add a verb to the command, by the function's name and with an example in its help.

    A parameter that is one of the tuples above stands for the options in it.
    """

    def add(function: Verb) -> Verb:
        own = inspect.signature(function, eval_str=True).parameters
        groups = {n: p.annotation for n, p in own.items() if hasattr(p.annotation, "_fields")}

        @wraps(function)
        def typed(**given: Any) -> None:
            for name, group in groups.items():
                given[name] = group(*(given.pop(field) for field in group._fields))
            function(**given)

        options = [p for name, p in own.items() if name not in groups]
        for group in groups.values():
            hints, defaults = get_type_hints(group, include_extras=True), group._field_defaults
            options += [
                Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hint)
                for name, hint in hints.items()
            ]
        named = [option.replace(kind=Parameter.KEYWORD_ONLY) for option in options]
        typed.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]  # typer reads it
        end = f"Example:\n\nbilling {example}\n\n{CODES}"
        app.command(name=function.__name__.rstrip("_"), epilog=end)(typed)
        return function

    return add
