"""SnapshotDrop: keep what a month holds, and prove that it can be put back."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import credits_account, credits_bucket, wiring
from functions.adapters.objects import Objects
from functions.adapters.streams import Stream
from functions.credits.payloads import DropTask, Snapshot
from functions.domain.credits import cbf
from functions.domain.credits.contents import Contents, Totals, read_rows
from functions.domain.credits.drop import (
    Drop,
    Limits,
    MonthSnapshot,
    is_named,
    is_stored,
    others_erased,
    reasons_to_hold,
)
from functions.errors import BadCredits
from functions.payloads import task_handler


@task_handler
def handler(task: DropTask, context: LambdaContext) -> Snapshot:
    """Return where the month's rows are kept, unless they are what was to be posted."""
    stream = credits_account.stream(task.run.connection, task.run.execution, context)
    return snapshot_drop(task, wiring.credits_bucket(), stream, wiring.limits())


def snapshot_drop(task: DropTask, objects: Objects, stream: Stream, limits: Limits) -> Snapshot:
    """Hold what an operator has not accepted: PostDrop ends the month with the reasons."""
    run, drop = task.run, task.drop
    _, wanted = credits_bucket.read_prepared(objects, drop.body_key)
    last = credits_bucket.last_drop(objects, run.connection, task.of).value()
    rows = stream.stored(task.of)
    stored = read_rows(rows)
    if is_stored(last, wanted, stored):
        return Snapshot(held=stored.totals, is_stored=True)
    lost = _no_way_back(task, rows)
    is_upload = drop.source.kind == "upload"
    reasons = reasons_to_hold(wanted, stored, last, limits) if is_upload else []
    reasons += drop.doubts if is_upload else others_erased(stored, last, "snapshot")
    said = [text for text in (lost, *reasons) if text]
    if said and not _is_accepted(task, said, objects):
        return Snapshot(held=_held(stored, last), reasons="; ".join(said))
    key, snapshot = _keep(task, rows, last, objects, stream.at)
    return Snapshot(
        held=_held(stored, last),
        key=key,
        differed=not stored.shows(wanted),
        unseen=snapshot.unseen,
        lost=lost,
        overridden="; ".join(reasons),
    )


def _is_accepted(task: DropTask, reasons: list[str], objects: Objects) -> bool:
    """Return True if an operator has accepted these reasons; else they are kept.

    Once a month of the upload was held, only what was named is accepted, in the others too.
    """
    drop = task.drop
    held = credits_bucket.held(objects, task.run.connection, drop.source.version)
    before = held.value() if drop.accepted else None
    if drop.accepted and (before is None or is_named(reasons, before.get(drop.month, []))):
        return True
    held.change(lambda named: {**(named or {}), drop.month: reasons})
    return False


def _keep(
    task: DropTask, rows: list[dict[str, Any]], last: Drop | None, objects: Objects, at: str
) -> tuple[str, MonthSnapshot]:
    run = task.run
    snapshot = MonthSnapshot(
        connection=run.connection,
        month=task.drop.month,
        taken_at=at,
        execution=run.execution,
        last_posted=last,
        rows=rows,
    )
    return credits_bucket.put_snapshot(objects, run.name, snapshot), snapshot


def _held(stored: Contents, last: Drop | None) -> Totals | None:
    """Return what CloudZero holds; None while a drop may be on its way that is not seen."""
    here = last is not None and last.state == "posted" and last.digest == stored.digest
    seen = last is None or last.state == "verified" or here
    return stored.totals if seen and not stored.unreadable else None


def _no_way_back(task: DropTask, rows: Sequence[cbf.Row]) -> str:
    """Explain why the stored rows could not be put back, by building the request that would."""
    try:
        cbf.drop_body(task.of, cbf.as_posted(task.of, rows), advice="")
    except (BadCredits, UnicodeError) as error:  # JSON may hold half a character
        return f"what is stored could not be put back: {error}"
    return ""
