"""ParseCredits: read the newest upload, or a snapshot, and prepare a request per month."""

from collections.abc import Mapping, Sequence

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import credits_bucket, wiring
from functions.adapters.objects import Objects
from functions.credits.payloads import DropItem, Parsed, Run, RunTask
from functions.domain.credits import cbf
from functions.domain.credits.contents import read_rows
from functions.domain.credits.credits_report import superseded
from functions.domain.credits.drop import Source, outdated
from functions.domain.credits.file import MOST_FILE_BYTES, read_credits
from functions.domain.credits.name import months_of
from functions.domain.month import Month, format_instant, parse_instant
from functions.errors import BadCredits, DropHeld
from functions.payloads import task_handler

logger = Logger()
Rows = Mapping[Month, Sequence[cbf.Row]]


@task_handler
def handler(task: RunTask, _context: object) -> Parsed:
    """Return one item per month to post."""
    run, bucket = task.run, wiring.credits_bucket()
    if run.restore:
        return read_snapshot(run, bucket)
    return parse_credits(run, bucket, allow_reversals=wiring.allow_reversals())


def parse_credits(run: Run, bucket: Objects, *, allow_reversals: bool) -> Parsed:
    """Read a file as a whole or not at all; months that have something newer are left out."""
    months = months_of(run.file, Month.of(parse_instant(run.as_of)))
    found = bucket.read(run.file, most_bytes=MOST_FILE_BYTES)
    if found is None:
        raise BadCredits(f"{run.file}: there is no such object in the credits bucket")
    if found.size > MOST_FILE_BYTES:
        raise BadCredits(
            f"{run.file}: {found.size} bytes, at most {MOST_FILE_BYTES} are read; not posted"
        )
    file = read_credits(
        run.file, found.body, months, found.metadata, allow_reversals=allow_reversals
    )
    source = Source(kind="upload", key=run.file, version=found.version, at=format_instant(found.at))
    rows = {
        month: cbf.credit_rows(month, ((name, all_of[at]) for name, all_of in file.credits.items()))
        for at, month in enumerate(months)
    }
    parsed = _prepare(run, source, rows, bucket, file.doubts)
    repeated = credits_bucket.repeated(bucket, run.name, found.version)
    bucket.put(repeated.key, msgspec.json.encode(file.repeated))
    for row in file.repeated:
        logger.warning("repeated account skipped", file=run.file, row=msgspec.to_builtins(row))
    return parsed


def read_snapshot(run: Run, objects: Objects) -> Parsed:
    """Restore is a newer source than every upload before it; a later upload counts again."""
    if not run.file.startswith("snapshots/"):
        raise BadCredits(f"restore: {run.file!r} is not the key of a snapshot (snapshots/…)")
    if (stored := credits_bucket.snapshot(objects, run.file).read()) is None:
        raise BadCredits(f"restore: there is no {run.file} in the credits bucket")
    snapshot = stored.value
    if snapshot.connection != run.connection:
        raise BadCredits(
            f"restore: {run.file} is of the stream {snapshot.connection}, not of {run.connection}"
        )
    if (unseen := snapshot.unseen) and not run.accept_shrink:
        raise DropHeld(
            f"{run.file} does not show what had been posted last, so it is no way back. To put "
            f"that back, {unseen.source.again}; to restore the snapshot all the same, start an "
            f"execution with {run.accepting}"
        )
    try:
        month = Month.parse(snapshot.month)
    except ValueError as error:
        raise BadCredits(f"restore: {run.file}: {error}") from error
    source = Source(kind="snapshot", key=run.file, version=stored.etag, at=run.started)
    return _prepare(run, source, {month: cbf.as_posted(month, snapshot.rows, run.file)}, objects)


def _prepare(
    run: Run, source: Source, rows: Rows, objects: Objects, doubts: Sequence[str] = ()
) -> Parsed:
    """Write a request for each month, but for those that have something newer."""
    last = {drop.month: drop for drop in credits_bucket.last_drops(objects, run.connection)}
    twins = {drop.digest: month for month, drop in last.items() if Month.parse(month) not in rows}
    # An operator accepts what was there when the execution was started, nothing that came later.
    accepted = run.accept_shrink and parse_instant(source.at) <= parse_instant(run.started)
    drops, left = [], []
    for month, of_month in rows.items():
        newest = last.get(str(month))
        if newest and outdated(source, newest):
            left.append(superseded(newest, source))
            continue
        body, contents = cbf.drop_body(month, of_month), read_rows(of_month)
        twin = twins.get(contents.digest) if contents.cost else None
        drops.append(
            DropItem(
                month=str(month),
                source=source,
                body_key=credits_bucket.put_prepared(objects, run.name, month, body),
                digest=contents.digest,
                totals=contents.totals,
                accepted=accepted,
                doubts=[*doubts, *([f"the rows equal those of {twin}"] if twin else [])],
            )
        )
    return Parsed(version=source.version, drops=drops, superseded=left)
