"""Options that both pipelines take."""

from typing import Annotated

import typer

TimeScale = Annotated[
    float, typer.Option(min=0.0, help="Multiplies the waits of Retry and Wait states.")
]
Json = Annotated[bool, typer.Option("--json", help="Only one JSON object on stdout.")]
Logs = Annotated[bool, typer.Option(help="Function logs to stderr instead of a file.")]
