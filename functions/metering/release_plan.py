"""ReleasePlan: note what the run's message has reported, and give the lease back."""

from functions.adapters import clock, leases, wiring
from functions.adapters.books import Books
from functions.domain.month import format_instant
from functions.domain.months.announcement import reported
from functions.metering.payloads import Release
from functions.payloads import task_handler


@task_handler
def handler(task: Release, _context: object) -> None:
    """Return nothing."""
    if task.run:
        release_plan(task, wiring.books(task.run.plan), format_instant(clock.now()))


def release_plan(task: Release, books: Books, at: str) -> None:
    """Mark as reported what the message was made of: the version of the journal read for it.

    A message that was not delivered marks nothing, and an execution that ends before this leaves it
    to the next: reported twice is better than never.
    """
    run = task.run
    if run is None or run.dry_run:
        return
    lease = books.lease()
    if task.notified and leases.holder(lease) == run.execution:
        document = books.journal()
        read = document.read()
        if read and read.etag == task.journal:
            document.write(reported(read.value, run.as_of), read)
    leases.release(lease, run.execution, at)
