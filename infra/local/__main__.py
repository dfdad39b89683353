"""Run the deployed app on this machine: `python -m infra.local --help`."""

import gc
from typing import Any

import typer

from infra.local.cli import credits_command, metering_command, show
from infra.local.cli.ending import finish

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _several_commands() -> None:
    """Run the same synthesized app as in AWS on this machine: no account, Docker or credentials."""


app.command(epilog=metering_command.EXAMPLE)(metering_command.metering)
app.command(name="credits", epilog=credits_command.EXAMPLE)(credits_command.send_credits)


@app.command()
def demo() -> None:
    """Bill a month of made-up usage, then send made-up credits, each twice: nothing doubles."""

    def run() -> dict[str, Any]:
        from infra.local.cli.demo import run_demo  # noqa: PLC0415 (only for this command)

        return run_demo()

    finish(run, as_json=False, cut_off=metering_command.cut_off)


def main() -> None:
    """The entry point."""
    # Imports leave little garbage: looking for it takes a fifth of the time until the run starts.
    gc.set_threshold(100_000, 20, 20)
    show.run_app(app, "python -m infra.local")


if __name__ == "__main__":
    main()
