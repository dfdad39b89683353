"""MergeUsage: add up the partitions, work out the bill, list the contracts still to process."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from aws_lambda_powertools import Logger
from msgspec.structs import replace

from functions.adapters import configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import billing, keys
from functions.domain.billing import MonthBill
from functions.domain.contracts_due import Asked, Known, contracts_due
from functions.domain.formula import names_in
from functions.domain.journal import beginning, reopened
from functions.domain.months_due import is_closed
from functions.domain.problem import Problem
from functions.domain.run_files import ContractItem, MonthUsage, Partial
from functions.domain.state_file import PlanState
from functions.domain.usage import EXACT
from functions.errors import BadInput, BadUsage
from functions.metering.aggregate_partition import partial_key
from functions.metering.payloads import ListedMonth, Merged, MonthTask, Partition
from functions.payloads import task_handler

logger = Logger()
_SHOWN = 4_000


@task_handler
def handler(task: ListedMonth, _context: object) -> Merged:
    """Return where the bill and the contracts to process are."""
    objects = configuration.state_bucket()
    if not task.run.dry_run:
        state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    merged = merge_usage(task, objects)
    logger.info("usage merged", month=task.month, to_process=merged.to_process)
    return merged


def merge_usage(task: ListedMonth, objects: Objects) -> Merged:
    """Turn all partials into one bill; nothing of a month with a problem goes any further."""
    run, plan, month = task.run, task.run.plan, task.of
    partials = list(_partials(task, objects))
    problems = [problem for partial in partials for problem in partial.problems]
    files = sum(partial.files for partial in partials)
    root = keys.run(plan, month, run.name, dry_run=run.dry_run)
    if problems:
        objects.put(f"{root}problems.json", msgspec.json.encode(problems))
        raise BadUsage(_explain(task.month, problems, f"{root}problems.json"))
    if files != task.listed.files:
        raise BadUsage(f"{task.month}: {files} files were summed, {task.listed.files} were listed")
    sums = [item for partial in partials for item in partial.sums]
    carries = plan.carry_remainders and not task.late
    carried = state_bucket.balance_of_other_months(objects, plan, month) if carries else {}
    known = _known_contracts(task, objects) | {contract for contract, _ in carried}
    bill = billing.bill(plan, sums, carried, _exported_before(task, objects), known)
    billing.check_conservation(plan, sums, bill)
    items, state_version = ([], "") if task.late else to_process(task, bill, objects)
    if items and not run.dry_run:
        state_bucket.change_journal(
            objects, plan, lambda old: replace(beginning(old, month), dimensions=bill.dimensions)
        )
    warnings = [f"{month}: {text}" for text in _warnings(task, bill, partials, items)]
    usage = MonthUsage(
        files=files,
        records=sum(partial.records for partial in partials),
        duplicates=sum(partial.duplicates for partial in partials),
        dropped=_dropped(partials),
        warnings=[*task.listed.warnings, *warnings],
        processed=[item.contract_id for item in items],
        lists=[f"{task.listed.lists}{index:05d}.json" for index in range(task.listed.partitions)],
        digest=task.listed.digest,
        bill=bill,
    )
    bill_key, contracts_key = f"{root}bill.json", f"{root}contracts.json"
    objects.put(bill_key, msgspec.json.encode(usage))
    objects.put(contracts_key, msgspec.json.encode(items))
    return Merged(
        bill_key=bill_key,
        contracts_key=contracts_key,
        to_process=len(items),
        state_version=state_version,
    )


def _known_contracts(task: ListedMonth, objects: Objects) -> set[str]:
    """Return the month's contracts as ledger and state file spell them."""
    shown = state_bucket.read_state(objects, task.run.plan).at(task.of)
    held = state_bucket.contracts_in_ledger(objects, task.run.plan, task.of)
    return held | shown.done | shown.failed


def _exported_before(task: ListedMonth, objects: Objects) -> set[str]:
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


def _partials(task: ListedMonth, objects: Objects) -> Iterator[Partial]:
    missing = []
    for index in range(task.listed.partitions):
        stored = objects.read(partial_key(task, Partition(index, "")))
        if stored is None:
            missing.append(index)
        else:
            yield msgspec.json.decode(stored.body, type=Partial)
    if missing:
        raise BadUsage(
            f"{task.month}: {len(missing)} of {task.listed.partitions} partitions were not summed "
            f"(first {task.listed.partitions_key} item {missing[0]}); its map run says why"
        )


def _dropped(partials: list[Partial]) -> dict[str, str]:
    total: dict[str, Decimal] = {}
    for partial in partials:
        for name, value in partial.dropped.items():
            total[name] = EXACT.add(total.get(name, Decimal(0)), value)
    return {name: f"{value:f}" for name, value in sorted(total.items())}


def _explain(month: str, problems: list[Problem], key: str) -> str:
    lines = "; ".join(str(problem) for problem in problems)
    more = "" if len(lines) <= _SHOWN else f" … all of them in {key}"
    return f"{month}: nothing was sent; problems: {len(problems)}: {lines[:_SHOWN]}{more}"


def _warnings(
    task: MonthTask, bill: MonthBill, partials: list[Partial], items: list[ContractItem]
) -> Iterator[str]:
    if above := billing.above_limit(task.run.plan, bill.contracts):
        yield above
    if twins := [partial for partial in partials if partial.twins]:
        more = sum(partial.twins for partial in twins) - 1
        also = f" and {more} more" if more else ""
        yield f"identical files of one hour, which both count: {twins[0].twin}{also}"
    if bill.quarantined:
        held = ", ".join(
            f"{item.quantity} {item.dimension} of subscription {item.subscription}"
            for item in bill.quarantined[:5]
        )
        yield f"usage without externalPayerId is not billed: {len(bill.quarantined)}: {held}"
    if bill.unbilled_dimensions:
        yield f"no formula reads the dimensions {', '.join(bill.unbilled_dimensions[:10])}"
    asked = set(task.run.contracts or ()) if task.run.until else set()
    if done := sorted(asked - {item.contract_id for item in items}):
        yield f"settled before, nothing was sent for this final usage: {', '.join(done[:10])}"


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
