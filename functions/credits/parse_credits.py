"""ParseCredits: read the newest upload of a credits file and prepare a request per month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration, credits_bucket
from functions.adapters.storage import Objects, Uploads
from functions.credits.payloads import DropItem, Parsed, PostedMonth, Run, RunTask
from functions.domain import cbf, keys
from functions.domain.credits_file import MOST_FILE_BYTES, read_credits
from functions.domain.credits_name import months_of
from functions.domain.drop import Source, outdated
from functions.domain.month import Month, format_instant, parse_instant
from functions.errors import BadCredits
from functions.payloads import dump, task_handler

logger = Logger()


@task_handler
def handler(task: RunTask, _context: object) -> Parsed:
    """Return one item per month to post."""
    run, bucket = task.run, configuration.credits_bucket()
    return parse_credits(run, bucket, bucket, allow_reversals=configuration.allow_reversals())


def parse_credits(run: Run, uploads: Uploads, objects: Objects, *, allow_reversals: bool) -> Parsed:
    """Read a file as a whole or not at all; months that have something newer are left out."""
    months = months_of(run.file, Month.of(parse_instant(run.as_of)))
    found = uploads.upload(run.file, MOST_FILE_BYTES)
    if found is None:
        raise BadCredits(f"{run.file}: there is no such object in the credits bucket")
    if found.body is None:
        raise BadCredits(
            f"{run.file}: {found.size} bytes, at most {MOST_FILE_BYTES} are read; not posted"
        )
    file = read_credits(
        run.file, found.body, months, found.metadata, allow_reversals=allow_reversals
    )
    source = Source(kind="upload", key=run.file, version=found.version, at=format_instant(found.at))
    rows = (
        cbf.credit_rows(month, ((name, amounts[number]) for name, amounts in file.credits.items()))
        for number, month in enumerate(months)
    )
    parsed = prepare(run, source, zip(months, rows, strict=True), objects)
    objects.put(keys.repeated_rows(run.name, found.version), msgspec.json.encode(file.repeated))
    for row in file.repeated:
        logger.warning("repeated account skipped", file=run.file, row=dump(row))
    return parsed


def prepare(
    run: Run, source: Source, months: Iterable[tuple[Month, Sequence[cbf.Row]]], objects: Objects
) -> Parsed:
    """Write a request for each month, but for those that have something newer."""
    again = "restore all the same, start" if run.restore else "post this, upload it"
    drops, superseded = [], []
    for month, rows in months:
        last = credits_bucket.last_drop(objects, run.connection, month).read()
        if newer := outdated(source, last.value if last else None):
            message = f"{newer.key} of {newer.at} is newer; to {again} again"
            superseded.append(
                PostedMonth(billing_month=str(month), status="superseded", message=message)
            )
        else:
            drops.append(_write_drop(run, month, rows, source, objects))
    return Parsed(version=source.version, drops=drops, superseded=superseded)


def _write_drop(
    run: Run, month: Month, rows: Sequence[cbf.Row], source: Source, objects: Objects
) -> DropItem:
    """Write the request that replaces a month; BadCredits if CloudZero would not take its size."""
    body = cbf.drop_body(month, rows)
    if len(body) >= cbf.MOST_BYTES:
        raise BadCredits(
            f"{run.file}: {month} has {len(rows):,} rows, {len(body):,} bytes as a request; "
            f"CloudZero takes less than {cbf.MOST_BYTES:,} bytes and replaces a month in one "
            "request. Nothing was posted. Leave out accounts with $0.00; if that is not enough, "
            "split the accounts over two AnyCost Stream connections, an environment each"
        )
    contents = cbf.read_rows(rows)
    key = keys.drop_body(run.name, month, contents.digest)
    objects.put(key, body)
    # A person accepts what was there when the execution was started, nothing that came later.
    seen = parse_instant(source.at) <= parse_instant(run.started)
    return DropItem(
        may_shrink=source.kind == "snapshot" or (run.accept_shrink and seen),
        month=str(month),
        body_key=key,
        digest=contents.digest,
        row_count=contents.rows,
        unique_accounts=contents.accounts,
        total_credit_usd=f"{contents.credit:.2f}",
        source=source,
    )
