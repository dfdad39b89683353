"""What the mails of both pipelines share: where they come from, their subject, links, commands."""

import json
import shlex
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where a run happens. `mails_closed`: a month that was closed without trouble is mailed."""

    environment: str
    region: str
    bucket: str
    runbook: str
    mails_closed: bool


def subject(text: str) -> str:
    """Return a line that SNS takes: printable ASCII, less than 100 characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:99]


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


def start(execution: str, given: Any) -> str:
    """Return the command that starts another execution of the same state machine."""
    machine = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    terms = shlex.quote(json.dumps(given))
    return f"aws stepfunctions start-execution --state-machine-arn {machine} --input {terms}"
