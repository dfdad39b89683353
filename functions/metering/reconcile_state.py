"""ReconcileState: state file and ledger say the same again, whoever came between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger
from msgspec.structs import replace

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys, state_file
from functions.domain.announcement import with_notices
from functions.domain.journal import Journal, after_resolution, moved_to, settled_by_hand
from functions.domain.ledger_entry import Decision, Entry
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.resolution import resolve
from functions.domain.state_file import PlanState
from functions.errors import BadState
from functions.metering.payloads import Reconciled, Run, RunTask
from functions.payloads import dump, parse

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return how much was taken over."""
    run, objects = parse(event, RunTask).run, configuration.state_bucket()
    state_bucket.check_lease(objects, run.plan, run.execution)
    reconciled = reconcile_state(run, objects, format_instant(clock.now()))
    logger.info("state reconciled", reconciled=dump(reconciled))
    return dump(reconciled)


def reconcile_state(run: Run, objects: Objects, at: str) -> Reconciled:
    """Waive what an operator has moved to the successes; show as one what the ledger has settled.

    The second is what an execution leaves that has settled a contract and ended before it could
    write that into the state file.
    """
    state = state_bucket.read_state(objects, run.plan) or PlanState()
    journal = state_bucket.read_journal(objects, run.plan)
    _check_last_month(run, state, journal, objects, at)
    waived = shown = 0
    for text, names in settled_by_hand(journal, state).items():
        month = Month.parse(text)
        for entry in state_bucket.entries_of(objects, run.plan, month, names):
            waived += _waive(run, month, entry, objects, at)
    for month, failed in sorted(state.errors.items()):
        names = sorted(failed - state.success.get(month, frozenset()))
        entries = state_bucket.entries_of(objects, run.plan, month, names)
        settled = [entry for entry in entries if entry.settled_at and not entry.failure]
        if settled:
            show_settled(run, month, settled, objects, at)
            shown += len(settled)
    return Reconciled(waived, shown)


def _check_last_month(
    run: Run, state: PlanState, journal: Journal, objects: Objects, at: str
) -> None:
    """Refuse a last month that is not over, and tell of months that were skipped by hand."""
    last, known = state.last_processed_month, journal.last_closed_month
    if last is None:
        return
    if last.end > parse_instant(at):
        raise BadState(
            f"state file {run.plan.state_file}, {run.plan.key}.last_processed_month: {last} is not "
            "over, so nothing would be billed until then. The file was left as it is."
        )
    skipped = []
    month = Month.parse(known).plus(1) if known else last.plus(1)
    while month <= last:
        if objects.read(f"{keys.report(run.plan, month)}report.json") is None:
            skipped.append(str(month))
        month = month.plus(1)
    if skipped:
        text = (
            f"last_processed_month was moved to {last} by hand; not closed by this pipeline and "
            f"not billed: {', '.join(skipped)}"
        )
        state_bucket.journal(objects, run.plan).change(
            lambda before: moved_to(with_notices(before or journal, [text]), last)
        )


def _waive(run: Run, month: Month, entry: Entry, objects: Objects, at: str) -> bool:
    """Note in the ledger that a person has settled a contract by hand: nothing more is billed."""
    if not entry.failure and not entry.in_doubt:
        return False
    reason = f"moved to success_contracts in {run.plan.state_file}"
    decision = Decision(what="waived", execution=run.execution, at=at, reason=reason)
    document = state_bucket.entry(objects, run.plan, month, entry.contract_id)
    waived = document.change(lambda found: resolve(found or entry, decision)).value
    state_bucket.renew_remainders(objects, run.plan, month, waived)
    return True


def show_settled(
    run: Run, month: Month, entries: Iterable[Entry], objects: Objects, at: str
) -> None:
    """Write settled contracts into the state file; the journal forgets their errors.

    The manifest is marked: what they were billed for can be compared with the files from now on.
    """
    names = [entry.contract_id for entry in entries]
    for entry in entries:
        if entry.waived:
            state_bucket.renew_remainders(objects, run.plan, month, entry)
    manifest = state_bucket.manifest(objects, run.plan, month)
    if billed := manifest.read():
        manifest.change(lambda before: replace(before or billed.value, recheck=True))

    def recorded(document: state_file.Document) -> state_file.Document:
        return state_file.record_month(
            document, run.plan.key, month, successes=names, errors=[], closes=False, at=at
        )

    state_bucket.change_state(objects, run.plan, recorded)
    journal = state_bucket.journal(objects, run.plan)
    journal.change(lambda before: after_resolution(before or Journal(), month, names))
