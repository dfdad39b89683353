"""PostDrop: replace a month in CloudZero.

The order is the guarantee: that a request leaves is on disk before it does, and after an answer
that was lost CloudZero is asked before anything is posted again.
"""

from __future__ import annotations

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import configuration, credits_bucket
from functions.adapters.storage import Objects
from functions.adapters.streams import NOT_TAKEN, Stream
from functions.credits.payloads import Posted, PostTask
from functions.domain import cbf
from functions.domain.drop import Drop, State
from functions.errors import BadState
from functions.payloads import task_handler


@task_handler
def handler(task: PostTask, context: LambdaContext) -> Posted:
    """Return CloudZero's id of the drop."""
    stream = configuration.stream(task.run.connection, task.run.execution, context)
    return post_drop(task, configuration.credits_bucket(), stream)


def post_drop(task: PostTask, objects: Objects, stream: Stream) -> Posted:
    """Post a month once for this execution; what it has posted already is not posted again."""
    body, wanted = credits_bucket.read_prepared(objects, task.drop.body_key, task.drop.digest)
    document = credits_bucket.last_drop(objects, task.run.connection, task.of)
    version = document.read()
    if version and _is_ours(version.value, task):
        if version.value.state in ("posted", "verified"):
            return Posted(drop_id=version.value.drop_id)
        if version.value.state == "posting" and task.snapshot.differed:
            stored = cbf.read_rows(stream.stored(task.of))
            if stored.same_as(wanted):
                drop_id = stream.drop_id(task.of)
                document.write(
                    _concluded(version.value, task, "posted", stream.at, drop_id), version
                )
                return Posted(drop_id=drop_id)
    posting = document.write(_posting(task, version.value if version else None, stream.at), version)
    try:
        accepted = stream.post(task.of, body, lambda: document.read() == posting)
    except NOT_TAKEN:
        document.change(lambda last: _concluded(last, task, "open", stream.at))
        raise
    document.change(lambda last: _concluded(last, task, "posted", stream.at, accepted.drop_id))
    counted, sent, doubts = accepted.row_count, task.drop.row_count, list[str]()
    if counted not in (None, sent):
        doubts.append(f"{task.drop.month}: CloudZero counted {counted} of {sent} rows")
    return Posted(drop_id=accepted.drop_id, warnings=doubts)


def _is_ours(last: Drop, task: PostTask) -> bool:
    return last.execution == task.run.execution and last.source == task.drop.source


def _posting(task: PostTask, last: Drop | None, at: str) -> Drop:
    before = last.before if last and _is_ours(last, task) else last.counts if last else None
    return Drop(
        month=task.drop.month,
        source=task.drop.source,
        digest=task.drop.digest,
        rows=task.drop.row_count,
        total_credit_usd=task.drop.total_credit_usd,
        state="posting",
        drop_id=None,
        execution=task.run.execution,
        at=at,
        before=before and msgspec.structs.replace(before, before=None),
    )


def _concluded(
    last: Drop | None, task: PostTask, state: State, at: str, drop_id: str | None = None
) -> Drop:
    if last is None or not _is_ours(last, task):
        raise BadState(f"the record of {task.drop.month} was changed while its drop was posted")
    return msgspec.structs.replace(last, state=state, at=at, drop_id=drop_id)
