"""Step Functions, asked whether an execution still runs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.errors import StorageBusy

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_RUNNING = {"RUNNING", "PENDING_REDRIVE"}
_GONE = {"ExecutionDoesNotExist", "InvalidArn"}


@cache
def _client() -> SFNClient:
    client: SFNClient = boto3.client("stepfunctions")
    return client


def is_running(execution: str) -> bool:
    """Return True if an execution runs. One that Step Functions does not know any more does not."""
    try:
        return _client().describe_execution(executionArn=execution)["status"] in _RUNNING
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE:
            return False
        raise StorageBusy(f"{execution}: {error}") from error
