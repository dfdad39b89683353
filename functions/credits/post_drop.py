"""PostDrop: replace a month in CloudZero.

The order is the guarantee: that a request leaves is on disk before it does, and after an answer
that was lost CloudZero is asked before anything is posted again.
"""

from uuid import uuid4

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import credits_account, credits_bucket, wiring
from functions.adapters.documents import Document, Version
from functions.adapters.objects import Objects
from functions.adapters.streams import NOT_TAKEN, Stream
from functions.credits.payloads import Posted, PostTask
from functions.domain.credits.contents import read_rows
from functions.domain.credits.drop import Drop
from functions.errors import DropHeld, OutcomeUnknown
from functions.payloads import task_handler


@task_handler
def handler(task: PostTask, context: LambdaContext) -> Posted:
    """Return CloudZero's id of the drop."""
    stream = credits_account.stream(task.run.connection, task.run.execution, context)
    return post_drop(task, wiring.credits_bucket(), stream)


def post_drop(task: PostTask, objects: Objects, stream: Stream) -> Posted:
    """Post a month once for this execution; what it has posted already is not posted again."""
    run, drop = task.run, task.drop
    if reasons := task.snapshot.reasons:
        raise DropHeld(f"{reasons}. If this is meant, start an execution with {run.accepting}")
    document = credits_bucket.last_drop(objects, run.connection, task.of)
    found = document.read()
    last = found.value if found else None
    if task.snapshot.is_stored:
        return Posted(posted=False, drop_id=last.drop_id if last else None)
    body, wanted = credits_bucket.read_prepared(objects, drop.body_key)
    tried = last if last and last.is_of(run.execution, drop.source) else None
    if tried and tried.state != "posting":
        return Posted(drop_id=tried.drop_id)
    if tried and task.snapshot.differed and read_rows(stream.stored(task.of)).shows(wanted):
        document.write(msgspec.structs.replace(tried, state="posted", at=stream.at), found)
        return Posted()
    return _post(task, body, document, found, stream)


def _post(
    task: PostTask,
    body: bytes,
    document: Document[Drop | None],
    found: Version[Drop | None] | None,
    stream: Stream,
) -> Posted:
    """Write down that a request leaves, send it, and write down what was answered."""
    intent = _intent(task, stream.at)
    posting = document.write(intent, found)
    try:
        taken = stream.post(task.of, body, lambda: document.read() == posting)
    except NOT_TAKEN:
        # This answers this attempt: what was unknown of an earlier one is unknown still.
        document.write(found.value if found else None, posting)
        raise
    answered = msgspec.structs.replace(
        intent,
        state="posted" if taken.certain else "posting",
        at=stream.at,
        drop_id=taken.drop_id,
        answer=taken.answer,
    )
    document.write(answered, posting)
    if not (taken.certain or task.snapshot.differed):
        raise OutcomeUnknown(
            f"CloudZero may have refused the drop: {taken.answer}; {task.of} showed the "
            "same rows before, so they prove nothing; look there, then start again"
        )
    return Posted(posted=taken.certain or None, drop_id=taken.drop_id)


def _intent(task: PostTask, at: str) -> Drop:
    drop = task.drop
    return Drop(
        month=drop.month,
        source=drop.source,
        digest=drop.digest,
        totals=drop.totals,
        state="posting",
        execution=task.run.execution,
        attempt=uuid4().hex,
        at=at,
        snapshot=task.snapshot.key or "",
    )
