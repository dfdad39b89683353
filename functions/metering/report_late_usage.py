"""ReportLateUsage: what changed in a month since it was billed, and by how much. Sends nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys
from functions.domain.announcement import with_notices
from functions.domain.journal import Journal
from functions.domain.late_usage import Difference, differences
from functions.domain.manifest import Changes, Manifest, changes
from functions.domain.month import format_instant
from functions.domain.outcome import some
from functions.domain.run_files import MonthUsage
from functions.domain.state_file import PlanState
from functions.domain.usage_files import UsageFile
from functions.errors import BadState
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.payloads import dump, parse

logger = Logger()
metrics = Metrics()


class LateUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The report: which files, and what they would change."""

    plan: str
    month: str
    execution: str
    generated_at: str
    new: list[str]
    rewritten: list[str]
    missing: list[str]
    differences: list[Difference]
    quarantined: list[Any]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return the month in numbers."""
    task = parse(event, MergedMonth)
    at = format_instant(clock.now())
    reported = report_late_usage(task, configuration.state_bucket(), at)
    told = bool(reported.warnings) and not task.run.dry_run
    metrics.add_metric("LateUsage", MetricUnit.Count, int(told))
    logger.warning("closed month compared with its files", summary=dump(reported))
    return dump(reported)


def report_late_usage(task: MergedMonth, objects: Objects, at: str) -> ClosedMonth:
    """Compare files and usage, write it down, and see that it is told once."""
    run, month = task.run, task.of
    usage = read_bill(objects, task.merged.bill_key)
    document = state_bucket.manifest(objects, run.plan, month)
    manifest = document.read()
    if manifest is None:
        raise BadState(f"{document.key} is missing: what {month} was billed from is not known")
    changed = changes(_files(objects, manifest.value.lists), _files(objects, usage.lists))
    found = _differences(task, usage, objects)
    root = keys.run(run.plan, month, run.name, dry_run=True)
    key = f"{root if run.dry_run else keys.report(run.plan, month)}late-usage.json"
    report = _report(task, usage, changed, found, at)
    objects.put(key, msgspec.json.format(msgspec.json.encode(report), indent=1))
    texts = _texts(task.month, usage, changed, found)
    if not texts and manifest.value.reported and not manifest.value.recheck:
        texts = [f"{month}: its files are again those that it was billed from"]
    if not run.dry_run:
        journal = state_bucket.journal(objects, run.plan)
        journal.change(lambda before: with_notices(before or Journal(), texts))
        document.change(lambda before: _told(before or manifest.value, usage))
    usage = msgspec.structs.replace(usage, warnings=texts)
    return ClosedMonth.of(task.month, usage, closed=True, late=True, report=key)


def _files(objects: Objects, lists: list[str] | tuple[str, ...]) -> list[UsageFile]:
    found: list[UsageFile] = []
    for key in lists:
        stored = objects.read(key)
        if stored is None:
            raise BadState(f"{key} is missing: the list of files was removed")
        found += msgspec.json.decode(stored.body, type=list[UsageFile])
    return found


def _differences(task: MergedMonth, usage: MonthUsage, objects: Objects) -> list[Difference]:
    plan, month = task.run.plan, task.of
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, plan, month)}
    state = (state_bucket.read_state(objects, plan) or PlanState()).at(month)
    # Nobody knows what was billed for those that a person or the earlier script has settled.
    return differences(usage.bill.contracts, ledger, left_out=state.done - ledger.keys())


def _texts(month: str, usage: MonthUsage, changed: Changes, found: list[Difference]) -> list[str]:
    if not found and not any(changed):
        return []
    failing = [bill for bill in usage.bill.contracts if bill.failure]
    unknown = some(
        f"{month}: {bill.contract_id} cannot be computed now: {bill.failure}" for bill in failing
    )
    unknown += usage.warnings
    files = str(changed) or "the same files"
    head = f"{month}: usage changed after it was billed and is not billed: {files}"
    if not found:
        return [f"{head}; no contract's usage differs", *unknown]
    return [head, *some(f"{month}: {difference}" for difference in found), *unknown]


def _told(manifest: Manifest, usage: MonthUsage) -> Manifest:
    return msgspec.structs.replace(manifest, reported=usage.digest, recheck=False)


def _report(
    task: MergedMonth, usage: MonthUsage, changed: Changes, found: list[Difference], at: str
) -> LateUsage:
    return LateUsage(
        plan=task.run.plan.key,
        month=task.month,
        execution=task.run.execution,
        generated_at=at,
        **changed._asdict(),
        differences=found,
        quarantined=list(usage.bill.quarantined),
    )
