"""MergeUsage: add up the days, work out the bill, list the contracts still to process."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from aws_lambda_powertools import Logger
from msgspec.structs import replace

from functions.adapters import clock, keys, month_days, state_bucket, wiring
from functions.adapters.storage import Objects
from functions.domain.formula import names_in
from functions.domain.ledger.item import ContractItem
from functions.domain.ledger.remainders import Balance
from functions.domain.months.contracts_due import Asked, Known, contracts_due
from functions.domain.months.journal import beginning, reopened
from functions.domain.months.months_due import HAND_OVER, is_closed
from functions.domain.months.state_file import PlanState
from functions.domain.usage import billing
from functions.domain.usage.billing import MonthBill
from functions.domain.usage.fold import MonthTotal
from functions.domain.usage.month_usage import MonthUsage
from functions.errors import BadInput, BadUsage
from functions.metering.payloads import DaysTask, Merged, MonthTask
from functions.payloads import task_handler

logger = Logger()


@task_handler
def handler(task: DaysTask, _context: object) -> Merged:
    """Return where the bill and the contracts to process are."""
    objects = wiring.state_bucket()
    if not task.run.dry_run:
        began = state_bucket.check_lease(objects, task.run.plan, task.run.execution)
        if clock.now() - began > HAND_OVER:
            return Merged(left=True)
    merged = merge_usage(task, objects, wiring.usage_bucket())
    logger.info("usage merged", month=task.month, to_process=merged.to_process)
    return merged


def merge_usage(task: DaysTask, objects: Objects, usage: Objects) -> Merged:
    """Turn all days into one bill; nothing of a month with a problem goes any further."""
    run, plan, month = task.run, task.run.plan, task.of
    total = month_days.add_up(task.of_days, objects)
    # Final usage is billed soon after its last hour, so that one has to be there as well.
    hours = month_days.uncovered(task.of_days, total, usage, to_the_end=run.until is not None)
    carries = plan.carry_remainders
    carried = state_bucket.balance_of_other_months(objects, plan, month) if carries else {}
    bill = work_out(task, total, objects, carried)
    items, state_version = to_process(task, bill, objects)
    if items and not run.dry_run:
        state_bucket.change_journal(
            objects, plan, lambda old: replace(beginning(old, month), dimensions=bill.dimensions)
        )
    warnings = [*hours, *warnings_of(task, bill, total), *_settled_before(task, items)]
    found = total.usage(bill, task.of_days, warnings)
    found = replace(found, processed=[item.contract_id for item in items])
    bill_key, contracts_key = f"{task.root}bill.json", f"{task.root}contracts.json"
    objects.put(bill_key, msgspec.json.encode(found))
    objects.put(contracts_key, msgspec.json.encode(items))
    return Merged(
        bill_key=bill_key,
        contracts_key=contracts_key,
        to_process=len(items),
        state_version=state_version,
    )


def work_out(task: MonthTask, total: MonthTotal, objects: Objects, carried: Balance) -> MonthBill:
    """Return the bill of a month's usage."""
    known = _known_contracts(task, objects) | {contract for contract, _ in carried}
    exported = _exported_before(task, objects)
    bill = billing.bill(task.run.plan, total.sums.items(), carried, exported, known)
    billing.check_conservation(task.run.plan, total.sums.items(), bill)
    return bill


def _known_contracts(task: MonthTask, objects: Objects) -> set[str]:
    """Return the month's contracts as ledger and state file spell them."""
    shown = state_bucket.read_state(objects, task.run.plan).at(task.of)
    held = state_bucket.contracts_in_ledger(objects, task.run.plan, task.of)
    return held | shown.done | shown.failed


def _exported_before(task: MonthTask, objects: Objects) -> set[str]:
    """Return the names of usage of earlier months; a dry run adds those of its month before.

    What a part of a month lacks may come in the rest of it.
    """
    run, before = task.run, task.of.plus(-1)
    if run.until:
        return {name for text in run.plan.dimensions.values() for name in names_in(text)}
    known = set(state_bucket.read_journal(objects, run.plan).dimensions)
    key = f"{keys.run(run.plan, before, run.name, dry_run=True)}bill.json"
    if run.dry_run and objects.read(key):
        known.update(read_bill(objects, key).bill.dimensions)
    return known


def read_bill(objects: Objects, key: str) -> MonthUsage:
    """Return the bill that this run wrote."""
    stored = objects.read(key)
    if stored is None:
        raise BadUsage(f"{key} is missing: the run's files were removed")
    return msgspec.json.decode(stored.body, type=MonthUsage)


def warnings_of(task: MonthTask, bill: MonthBill, total: MonthTotal) -> Iterator[str]:
    """Yield what an operator has to know of a month's usage."""
    month = task.month
    if above := billing.above_limit(task.run.plan, bill.contracts):
        yield f"{month}: {above}"
    if total.twins:
        also = f" and {total.twins - 1} more" if total.twins > 1 else ""
        yield f"{month}: identical files of one hour, which both count: {total.twin}{also}"
    if bill.quarantined:
        held = ", ".join(
            f"{item.quantity} {item.dimension} of subscription {item.subscription}"
            for item in bill.quarantined[:5]
        )
        count = len(bill.quarantined)
        yield f"{month}: usage without externalPayerId is not billed: {count}: {held}"
    if bill.unbilled_dimensions:
        names = ", ".join(bill.unbilled_dimensions[:10])
        yield f"{month}: no formula reads the dimensions {names}"


def _settled_before(task: MonthTask, items: list[ContractItem]) -> Iterator[str]:
    asked = set(task.run.contracts or ()) if task.run.until else set()
    if done := ", ".join(sorted(asked - {item.contract_id for item in items})[:10]):
        yield f"{task.month}: settled before, nothing was sent for this final usage: {done}"


def to_process(
    task: MonthTask, bill: MonthBill, objects: Objects
) -> tuple[list[ContractItem], str]:
    """Return the contracts to work on, and the version of the state file that says so.

    BadInput for one that was asked for and is not known.
    """
    run, month = task.run, task.of
    read, version = state_bucket.read_state_version(objects, run.plan)
    state = read or PlanState()
    journal = state_bucket.read_journal(objects, run.plan)
    shown = state.at(month)
    known = Known(
        state=shown,
        reopened=reopened(journal, state, month),
        interrupted=_interrupted(task, shown.failed - shown.done, objects),
        in_ledger=frozenset(state_bucket.contracts_in_ledger(objects, run.plan, month)),
        closed=is_closed(month, state, journal),
    )
    asked = Asked(
        contracts=None if run.contracts is None else frozenset(run.contracts),
        by_name=run.months is not None or run.contracts is not None,
        errors=run.retry_errors or run.until is not None,  # final usage is asked for by name
    )
    try:
        return contracts_due(bill.contracts, known, asked), version
    except ValueError as error:
        raise BadInput(f"contracts: {error} have no usage in {task.month}") from error


def _interrupted(task: MonthTask, failed: frozenset[str], objects: Objects) -> frozenset[str]:
    """Return contracts shown as errors that a run has begun to try again, and not ended."""
    read = state_bucket.entries(objects, task.run.plan, task.of, sorted(failed))
    return frozenset(entry.contract_id for entry in read if not entry.failure)
