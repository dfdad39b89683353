"""VerifyDrop: read a month back and compare it with what was to be there."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import configuration, credits_bucket
from functions.adapters.storage import Objects
from functions.adapters.streams import Stream
from functions.credits.payloads import MonthEnd, VerifyTask
from functions.domain import cbf
from functions.domain.drop import Drop
from functions.errors import BadState, DropDiffers
from functions.payloads import task_handler


@task_handler
def handler(task: VerifyTask, context: LambdaContext) -> MonthEnd:
    """Return the month in numbers once CloudZero holds what it should."""
    stream = configuration.stream(task.run.connection, task.run.execution, context)
    return verify_drop(task, configuration.credits_bucket(), stream)


def verify_drop(task: VerifyTask, objects: Objects, stream: Stream) -> MonthEnd:
    """Raise DropDiffers until accounts, rows and total agree to the cent; then write that down."""
    drop = task.drop
    _, wanted = credits_bucket.read_prepared(objects, drop.body_key, drop.digest)
    stored = cbf.read_rows(stream.stored(task.of))
    if found := cbf.differences(wanted, stored):
        raise DropDiffers(f"CloudZero does not hold what was posted: {found}")

    def verified(last: Drop | None) -> Drop:
        if last is None or last.digest != drop.digest:
            raise BadState(f"the record of {drop.month} was changed while its drop was verified")
        # The same rows, perhaps from a newer upload that had nothing to post.
        return msgspec.structs.replace(last, source=drop.source, state="verified", at=stream.at)

    record = credits_bucket.last_drop(objects, task.run.connection, task.of).change(verified).value
    return MonthEnd(
        drop=drop,
        snapshot=task.snapshot,
        posted=task.posted,
        drop_id=record.drop_id,
        warnings=[*task.validated.warnings, *(task.posted.warnings if task.posted else [])],
    )
