"""ValidateDrop: let CloudZero check a drop before anything is replaced."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import configuration, credits_bucket
from functions.adapters.http_calls import bounded
from functions.adapters.storage import Objects
from functions.adapters.streams import Stream
from functions.credits.payloads import DropTask, Validated
from functions.errors import PartnerRefused
from functions.payloads import task_handler


@task_handler
def handler(task: DropTask, context: LambdaContext) -> Validated:
    """Return once CloudZero finds nothing wrong."""
    stream = configuration.stream(task.run.connection, task.run.execution, context)
    return validate_drop(task, configuration.credits_bucket(), stream)


def validate_drop(task: DropTask, objects: Objects, stream: Stream) -> Validated:
    """Refuse what CloudZero calls invalid. Without an answer the drop itself is the check."""
    body, _ = credits_bucket.read_prepared(objects, task.drop.body_key, task.drop.digest)
    errors = stream.validate(body)
    if errors:
        named = bounded("; ".join(errors[:5]))
        raise PartnerRefused(f"CloudZero finds the drop not valid: {named}")
    unasked = f"{task.drop.month}: CloudZero could not be asked to validate the drop"
    return Validated([unasked] if errors is None else [])
