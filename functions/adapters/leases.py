"""Leases: conditional writes, and Step Functions asked whether a holder still runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import boto3
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.documents import Document
from functions.domain.lease import Lease
from functions.errors import StorageBusy, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_RUNNING = {"RUNNING", "PENDING_REDRIVE"}
_GONE = {"ExecutionDoesNotExist", "InvalidArn"}


def acquire(
    document: Document[Lease], execution: str, at: str, is_running: Callable[[str], bool]
) -> str:
    """Take the lease, over a holder only when its execution is no longer running.

    Returns why it could not be taken; nothing if it was.
    """
    held = document.read()
    if held and held.value.execution == execution:
        return ""
    if held and held.value.execution and is_running(held.value.execution):
        return f"{document.key} is held by {held.value.execution}"
    request = held.value.request if held else None
    try:
        document.write(Lease(execution=execution, at=at, request=request), held)
    except WriteConflict:
        return f"{document.key} was taken by another execution"
    return ""


def holder(document: Document[Lease]) -> str:
    """Return the execution that holds the lease, nothing if none does."""
    held = document.value()
    return held.execution if held else ""


def release(document: Document[Lease], execution: str, at: str) -> None:
    """Give the lease back, if this execution still holds it."""
    held = document.read()
    if held and held.value.execution == execution:
        document.write(msgspec.structs.replace(held.value, execution="", at=at), held)


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
