"""VerifyDrop: read a month back and compare it with what was to be there."""

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import credits_account, credits_bucket, wiring
from functions.adapters.objects import Objects
from functions.adapters.streams import Stream
from functions.credits.payloads import DropTask, Verified
from functions.domain.credits.contents import differences, read_rows
from functions.domain.credits.drop import Drop
from functions.errors import BadState, DropDiffers, OutcomeUnknown
from functions.payloads import task_handler


@task_handler
def handler(task: DropTask, context: LambdaContext) -> Verified:
    """Return the month in numbers once CloudZero holds what it should."""
    stream = credits_account.stream(task.run.connection, task.run.execution, context)
    return verify_drop(task, wiring.credits_bucket(), stream)


def verify_drop(task: DropTask, objects: Objects, stream: Stream) -> Verified:
    """Raise an error until accounts and amounts agree to the cent; then write that down."""
    drop = task.drop
    _, wanted = credits_bucket.read_prepared(objects, drop.body_key)
    document = credits_bucket.last_drop(objects, task.run.connection, task.of)
    stored = read_rows(stream.stored(task.of))
    if found := differences(wanted, stored):
        last = document.value()
        said = f"; its answer to the drop: {last.answer}" if last and last.answer else ""
        if last and last.state == "posting":
            raise OutcomeUnknown(
                f"CloudZero may have refused the drop: {found}{said}; look there, then start again"
            )
        raise DropDiffers(f"CloudZero does not hold what was posted: {found}{said}")

    def verified(last: Drop | None) -> Drop:
        if last is None or last.digest != drop.digest:
            raise BadState(f"the record of {drop.month} was changed while its drop was verified")
        # The same rows, perhaps from a newer upload that had nothing to post.
        return msgspec.structs.replace(last, source=drop.source, state="verified", at=stream.at)

    document.change(verified)
    missing = wanted.rows - stored.rows
    said = f"{drop.month}: CloudZero keeps no row for {missing} of {wanted.rows} rows, all of $0.00"
    return Verified(held=stored.totals, warnings=[said] if missing else [])
