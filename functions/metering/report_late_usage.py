"""ReportLateUsage: what changed in a month since it was billed, and by how much. Sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, keys, month_days, state_bucket, wiring
from functions.adapters.storage import Objects
from functions.domain.ledger.entry import Entry
from functions.domain.month import format_instant
from functions.domain.months.announcement import with_notices
from functions.domain.months.late_usage import Compared, Difference, compare_usage, texts
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.month_usage import MonthUsage
from functions.metering.merge_usage import warnings_of, work_out
from functions.metering.payloads import ClosedMonth, DaysTask, MonthTask
from functions.payloads import dump, task_handler

logger = Logger()
metrics = Metrics()


class LateUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The report: files of which days, and what they would change."""

    plan: str
    month: str
    execution: str
    generated_at: str
    days: list[str]
    differences: list[Difference]
    not_compared: list[str]
    quarantined: list[Any]


@task_handler
@metrics.log_metrics
def handler(task: DaysTask, _context: object) -> ClosedMonth | None:
    """Return the month in numbers, None if it is as it was billed or reported."""
    objects, at = wiring.state_bucket(), format_instant(clock.now())
    if not task.run.dry_run:
        state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    reported = report_late_usage(task, objects, at)
    alarmed = reported is not None and reported.changed and not task.run.dry_run
    metrics.add_metric("LateUsage", MetricUnit.Count, int(alarmed))
    logger.info("closed month compared", summary=reported and dump(reported))
    return reported


def report_late_usage(task: DaysTask, objects: Objects, at: str) -> ClosedMonth | None:
    """Compare files and usage, write it down, and see that it is reported once."""
    run, month, days = task.run, task.of, task.of_days
    document = state_bucket.manifest(objects, run.plan, month)
    billed = document.read()
    if billed is None or (days.are_sound and billed.value.is_of(days.digests)):
        return None  # without a manifest it was closed by an earlier program or by other means
    total = month_days.add_up(days, objects)
    bill = work_out(task, total, objects, {})
    usage = total.usage(bill, days, list(warnings_of(task, bill, total)))
    compared = _compare(task, usage, billed.value, objects)
    key = write(task, usage, compared, objects, at)
    changed = compared.differs or bool(compared.days)
    warnings = [*texts(task.month, compared), *usage.warnings] if changed else []
    if not changed and billed.value.reported is not None and not billed.value.recheck:
        warnings = [f"{month}: its files are again those that it was billed from"]
    if not run.dry_run:
        state_bucket.change_journal(objects, run.plan, lambda old: with_notices(old, warnings))
        document.change(lambda before: (before or billed.value).as_reported(usage.days))
    usage = msgspec.structs.replace(usage, warnings=warnings)
    return ClosedMonth.of(task.month, usage, closed=True, late=True, changed=changed, report=key)


def _compare(task: MonthTask, usage: MonthUsage, billed: Manifest, objects: Objects) -> Compared:
    plan, month = task.run.plan, task.of
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, plan, month)}
    state = state_bucket.read_state(objects, plan).at(month)
    # Nobody knows what was billed for those that an operator or the earlier script has settled.
    by_hand = state.done - ledger.keys()
    return compare(usage, ledger, billed, formulas=plan.dimensions, by_hand=by_hand)


def compare(
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    billed: Manifest | None,
    *,
    formulas: Mapping[str, str],
    by_hand: frozenset[str],
) -> Compared:
    """Compare today's bill with ledger and manifest. Nobody knows what those `by_hand` were."""
    days = billed.changed(usage.days) if billed else []
    return Compared(days, *compare_usage(usage.bill.contracts, ledger, formulas, by_hand=by_hand))


def write(task: MonthTask, usage: MonthUsage, compared: Compared, objects: Objects, at: str) -> str:
    """Write the report. Returns its key."""
    key = key_of(task)
    report = LateUsage(
        plan=task.run.plan.key,
        month=task.month,
        execution=task.run.execution,
        generated_at=at,
        days=compared.days,
        differences=compared.differences,
        not_compared=compared.left_out,
        quarantined=list(usage.bill.quarantined),
    )
    objects.put(key, msgspec.json.format(msgspec.json.encode(report), indent=1))
    return key


def key_of(task: MonthTask) -> str:
    """Return where the report is; that of a dry run is in its own folder."""
    run = task.run
    return f"{task.root if run.dry_run else keys.report(run.plan, task.of)}late-usage.json"
