"""SnapshotDrop: keep what a month holds before it is replaced, and hold what would erase much."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import configuration, credits_bucket
from functions.adapters.storage import Objects
from functions.adapters.streams import Stream
from functions.credits.payloads import DropTask, Snapshot
from functions.domain import cbf, keys
from functions.domain.drop import MonthSnapshot, is_stored, reason_to_hold
from functions.errors import DropHeld
from functions.payloads import task_handler


@task_handler
def handler(task: DropTask, context: LambdaContext) -> Snapshot:
    """Return where the month's rows are kept, unless they are what was to be posted."""
    stream = configuration.stream(task.run.connection, task.run.execution, context)
    return snapshot_drop(task, configuration.credits_bucket(), stream, configuration.shrink_limit())


def snapshot_drop(task: DropTask, objects: Objects, stream: Stream, limit: Decimal) -> Snapshot:
    """A restore is meant as it is; an upload that would erase much needs `accept_shrink`."""
    run, month = task.run, task.of
    _, wanted = credits_bucket.read_prepared(objects, task.drop.body_key, task.drop.digest)
    version = credits_bucket.last_drop(objects, run.connection, month).read()
    last = version.value if version else None
    rows = stream.stored(month)
    stored = cbf.read_rows(rows)
    if is_stored(last, wanted, stored):
        return Snapshot(is_stored=True, key=None, differed=False)
    reason = reason_to_hold(wanted, stored, last, limit)
    if reason and not task.drop.may_shrink:
        raise DropHeld(
            f"{reason}. Nothing was posted. If this is meant, start an execution with "
            f'{{"key": "{run.file}", "accept_shrink": true}}'
        )
    snapshot = MonthSnapshot(
        connection=run.connection,
        month=str(month),
        taken_at=stream.at,
        execution=run.execution,
        last_posted=last,
        rows=rows,
    )
    digest = hashlib.sha256(msgspec.json.encode(rows)).hexdigest()
    key = keys.snapshot(run.connection, month, run.name, digest)
    document = credits_bucket.snapshot(objects, key)
    # A repeated invocation finds the first one's, with the same rows: the key says so.
    if document.read() is None:
        document.write(snapshot, None)
    return Snapshot(is_stored=False, key=key, differed=not stored.same_as(wanted))
