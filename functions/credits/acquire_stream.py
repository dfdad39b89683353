"""AcquireStream: check the execution input and take the stream's lease."""

from datetime import timedelta

from functions import metrics
from functions.adapters import clock, credits_bucket, leases, wiring
from functions.credits.payloads import ExecutionInput, Run
from functions.domain.conversion import parse
from functions.domain.month import parse_instant
from functions.errors import BadInput, StreamBusy
from functions.payloads import Start, task_handler, time_of_run

_LONG = timedelta(hours=1)


@task_handler
def handler(start: Start, _context: object) -> Run:
    """Return the run's terms."""
    bucket = wiring.credits_bucket()
    run = settle(start, bucket.name, wiring.connection())
    lease = credits_bucket.lease(bucket, run.connection)
    if busy := leases.acquire(lease, run.execution, start.started, leases.is_running):
        waited = clock.now() - parse_instant(start.started)
        metrics.STREAM_WAITING.add(int(waited >= _LONG))
        raise StreamBusy(busy)
    return run


def settle(start: Start, bucket: str, connection: str) -> Run:
    """Check the execution input: a file of our bucket, or a snapshot to restore."""
    asked = parse(start.input, ExecutionInput)
    if (asked.key is None) == (asked.restore is None):
        raise BadInput('give either {"bucket": "…", "key": "…"} or {"restore": "snapshots/…"}')
    if asked.bucket not in (None, bucket):
        raise BadInput(f"bucket: {asked.bucket!r} is not the credits bucket {bucket}")
    return Run(
        connection=connection,
        execution=start.execution,
        name=start.name,
        started=start.started,
        as_of=time_of_run(asked.as_of, start),
        key=asked.key,
        restore=asked.restore,
        accept_shrink=asked.accept_shrink,
    )
