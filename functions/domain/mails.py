"""Mails in plain text: rendered from a template beside the module that says what is in them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, select_autoescape

_LONGEST_SUBJECT = 99


class Place(NamedTuple):
    """Where a run happens. `mails_closed`: a month that was closed without trouble is mailed."""

    environment: str
    region: str
    bucket: str
    runbook: str
    mails_closed: bool


@cache
def _templates() -> Environment:
    # Plain text, so nothing is escaped; a name that is missing is an error.
    return Environment(
        autoescape=select_autoescape(default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def render(path: Path, **said: Any) -> str:
    """Return a template with what is said; no line of it is blank at its end."""
    text = _templates().from_string(_source(path)).render(said)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def subject(text: str) -> str:
    """Return a line that SNS takes: printable ASCII, less than 100 characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:_LONGEST_SUBJECT]


def execution_link(execution: str) -> str:
    """Return where the console shows an execution; the ARN itself where it is none of AWS."""
    parts = execution.split(":")
    if len(parts) < 8 or parts[0] != "arn":  # noqa: PLR2004  # arn:aws:states:REGION:...
        return execution
    home = f"https://{parts[3]}.console.aws.amazon.com/states/home?region={parts[3]}"
    return f"{home}#/v2/executions/details/{execution}"


def object_link(bucket: str, key: str, region: str) -> str:
    """Return where the console shows an object."""
    home = f"https://{region}.console.aws.amazon.com/s3/object/{bucket}"
    return f"{home}?region={region}&prefix={key}"


def start(execution: str, given: Mapping[str, object]) -> str:
    """Return the command that starts another execution of the same state machine."""
    machine = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    terms = shlex.quote(json.dumps(given))
    return f"aws stepfunctions start-execution --state-machine-arn {machine} --input {terms}"
