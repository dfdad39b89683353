"""ResolveContract: settle a parked contract as an operator decided, in ledger and state file."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import NamedTuple

from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import ledger, state_file
from functions.domain.failures import NOT_COMPUTED, explain
from functions.domain.journal import watched
from functions.domain.ledger_entry import Decision, Entry
from functions.domain.month import Month, format_instant
from functions.domain.outcome import error_record
from functions.domain.resolution import resolve
from functions.errors import BadInput, OutcomeUnknown
from functions.metering.payloads import Resolve, Resolved, Run, RunTask
from functions.metering.reconcile_state import show_settled
from functions.payloads import dump, task_handler

logger = Logger()


class Outside(NamedTuple):
    """What this use case needs of the world."""

    objects: Objects
    now: datetime
    settle_seconds: float


@task_handler
def handler(task: RunTask, _context: object) -> Resolved:
    """Return what became of the contract's month."""
    run = task.run
    outside = Outside(
        configuration.state_bucket(),
        clock.now(),
        configuration.settle_seconds(),
    )
    state_bucket.check_lease(outside.objects, run.plan, run.execution)
    resolved = resolve_contract(run, outside)
    logger.info("contract resolved", resolved=dump(resolved))
    return resolved


def resolve_contract(run: Run, outside: Outside) -> Resolved:
    """Write the decision into the ledger first; the state file and the journal follow from it."""
    asked = run.resolve
    if asked is None:
        raise BadInput("resolve: nothing to resolve was given")
    entry = _decide(run, asked, outside)
    settled = entry.accepted and entry.settled_at is not None
    _record(run, asked, entry, outside, settled=settled)
    return Resolved(
        contract=asked.contract,
        month=asked.month,
        outcome=asked.outcome,
        settled=settled,
        message=_message(asked, entry, settled=settled),
    )


def _decide(run: Run, asked: Resolve, outside: Outside) -> Entry:
    document = state_bucket.entry(
        outside.objects, run.plan, Month.parse(asked.month), asked.contract
    )
    at = format_instant(outside.now)
    decision = Decision(what=asked.outcome, execution=run.execution, at=at, reason=asked.reason)
    by_hand = _is_settled_by_hand(run, asked, outside.objects)

    def decided(entry: Entry | None) -> Entry:
        if entry is None:
            raise BadInput(f"resolve: the ledger has no {asked.contract} in {asked.month}")
        if not ledger.is_over(entry, outside.now, outside.settle_seconds):
            raise OutcomeUnknown(f"the last request for {asked.contract} may still be underway")
        try:
            resolved = resolve(entry, decision)
        except ValueError as error:
            raise BadInput(f"resolve: {error}") from error
        if by_hand and asked.outcome == "not_accepted":
            where = f"success_contracts of {asked.month}"
            raise BadInput(f"resolve: {asked.contract} is settled by hand, in {where}")
        failure = resolved.failure
        if failure and failure.code not in NOT_COMPUTED and asked.outcome == "accepted":
            # What is left was refused or never sent; the doubt is over.
            left = explain(resolved, at, error="NOT_SENT", cause="not sent so far")
            return ledger.fail(resolved, left)
        return resolved

    return document.change(decided).value


def _is_settled_by_hand(run: Run, asked: Resolve, objects: Objects) -> bool:
    """Whether the state file lists the contract as a success alone: no run would send it again."""
    state = state_bucket.read_state(objects, run.plan).at(Month.parse(asked.month))
    return asked.contract in state.done - state.failed


def _record(run: Run, asked: Resolve, entry: Entry, outside: Outside, *, settled: bool) -> None:
    """Show the decision in the state file, unless the month is open and comes to it by itself."""
    if not settled and not entry.failure:
        return
    if asked.outcome == "not_accepted":
        _reopen(run, asked, entry, outside)
        return
    month, at = Month.parse(asked.month), format_instant(outside.now)
    if settled:
        show_settled(run, month, [entry], outside.objects, at)
        return
    record = partial(state_file.record_month, plan_key=run.plan.key, month=month, at=at)
    left = [error_record(entry)]
    state_bucket.change_state(outside.objects, run.plan, partial(record, errors=left))


def _reopen(run: Run, asked: Resolve, entry: Entry, outside: Outside) -> None:
    """Take the error out of the state file, with the journal knowing of it.

    That is what a contract looks like that an operator has re-opened: the next run takes it up.
    """
    month, name, at = Month.parse(asked.month), asked.contract, format_instant(outside.now)
    code = entry.failure.code if entry.failure else ""
    state_bucket.change_journal(
        outside.objects, run.plan, lambda journal: watched(journal, month, name, code, at)
    )
    record = partial(state_file.record_month, plan_key=run.plan.key, month=month, at=at)
    state_bucket.change_state(outside.objects, run.plan, partial(record, reopened=[name]))


def _message(asked: Resolve, entry: Entry, *, settled: bool) -> str:
    head = f"{asked.month}: {asked.contract} resolved as {asked.outcome}"
    if settled:
        return head
    if asked.outcome == "accepted" and entry.failure:
        return f"{head}; still to be looked at: {entry.failure.code} {entry.failure.message}"
    if entry.until:
        return (
            f"{head}; what Clazar does not list is sent by the month's own run, or sooner if the "
            f"same final usage is started again: contracts, and until {entry.until}"
        )
    return f"{head}; the next run asks Clazar and sends what it does not list"
