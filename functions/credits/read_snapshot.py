"""ReadSnapshot: prepare the request that puts a month back to what a snapshot holds."""

from __future__ import annotations

from functions.adapters import configuration, credits_bucket
from functions.adapters.storage import Objects
from functions.credits.parse_credits import prepare
from functions.credits.payloads import Parsed, Run, RunTask
from functions.domain import cbf
from functions.domain.drop import Source
from functions.domain.month import Month
from functions.errors import BadCredits
from functions.payloads import task_handler


@task_handler
def handler(task: RunTask, _context: object) -> Parsed:
    """Return one item: the month to put back."""
    return read_snapshot(task.run, configuration.credits_bucket())


def read_snapshot(run: Run, objects: Objects) -> Parsed:
    """Restore is a newer source than every upload before it; a later upload counts again."""
    if not run.file.startswith("snapshots/"):
        raise BadCredits(f"restore: {run.file!r} is not the key of a snapshot (snapshots/…)")
    version = credits_bucket.snapshot(objects, run.file).read()
    if version is None:
        raise BadCredits(f"restore: {run.file} does not exist")
    snapshot = version.value
    if snapshot.connection != run.connection:
        raise BadCredits(
            f"restore: {run.file} is of the stream {snapshot.connection}, not of {run.connection}"
        )
    source = Source(kind="snapshot", key=run.file, version=version.etag, at=run.started)
    rows = [cbf.as_posted(row) for row in snapshot.rows]
    return prepare(run, source, [(Month.parse(snapshot.month), rows)], objects)
