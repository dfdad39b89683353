"""The definitions as they are deployed.

The files name our own reactions. What passes by itself is retried by every Lambda task; that is
said once, here.
"""

import json
from typing import Any

from infra import ROOT

TRANSIENT: dict[str, Any] = {
    "ErrorEquals": [
        *("StorageBusy", "WriteConflict", "Lambda.ServiceException", "Lambda.AWSLambdaException"),
        *("Lambda.SdkClientException", "Lambda.TooManyRequestsException", "Lambda.Unknown"),
        *("Lambda.ClientExecutionTimeoutException", "Sandbox.Timedout", "Runtime.ExitError"),
        "States.Timeout",
    ],
    "IntervalSeconds": 5,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}


def load(pipeline: str) -> dict[str, Any]:
    """Return a pipeline's definition; placeholders like `${TopicArn}` are not filled."""
    text = (ROOT / "statemachines" / f"{pipeline}.asl.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(text)
    _add_retriers(definition)
    return definition


def _add_retriers(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            _add_retriers(state["ItemProcessor"])
        elif state.get("Resource", "").startswith("${"):  # a Lambda
            state["Retry"] = [*state.get("Retry", ()), TRANSIENT]
