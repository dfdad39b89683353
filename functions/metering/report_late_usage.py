"""ReportLateUsage: what changed in a month since it was billed, and by how much. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys
from functions.domain.announcement import with_notices
from functions.domain.late_usage import Compared, Difference, compare_usage, texts
from functions.domain.ledger_entry import Entry
from functions.domain.manifest import Manifest, changes
from functions.domain.month import format_instant
from functions.domain.run_files import MonthUsage
from functions.domain.usage_files import UsageFile
from functions.errors import BadState
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.payloads import dump, task_handler

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
    not_compared: list[str]
    quarantined: list[Any]


@task_handler
@metrics.log_metrics
def handler(task: MergedMonth, _context: object) -> ClosedMonth:
    """Return the month in numbers."""
    objects, at = configuration.state_bucket(), format_instant(clock.now())
    if not task.run.dry_run:
        state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    reported = report_late_usage(task, objects, at)
    alarmed = reported.changed and not task.run.dry_run
    metrics.add_metric("LateUsage", MetricUnit.Count, int(alarmed))
    logger.warning("closed month compared with its files", summary=dump(reported))
    return reported


def report_late_usage(task: MergedMonth, objects: Objects, at: str) -> ClosedMonth:
    """Compare files and usage, write it down, and see that it is told once."""
    run, month = task.run, task.of
    usage = read_bill(objects, task.merged.bill_key)
    document = state_bucket.manifest(objects, run.plan, month)
    manifest = document.read()
    if manifest is None:
        raise BadState(f"{document.key} is missing: what {month} was billed from is not known")
    compared = _compare(task, usage, manifest.value, objects)
    key = write(task, usage, compared, objects, at)
    changed = compared.differs or any(compared.changed)
    told = [*texts(task.month, compared), *usage.warnings]
    warnings = told if changed else []
    if not changed and manifest.value.reported and not manifest.value.recheck:
        warnings = [f"{month}: its files are again those that it was billed from"]
    if not run.dry_run:
        state_bucket.change_journal(objects, run.plan, lambda old: with_notices(old, warnings))
        document.change(lambda before: _told(before or manifest.value, usage))
    usage = msgspec.structs.replace(usage, warnings=warnings)
    return ClosedMonth.of(task.month, usage, closed=True, late=True, changed=changed, report=key)


def _compare(task: MergedMonth, usage: MonthUsage, billed: Manifest, objects: Objects) -> Compared:
    plan, month = task.run.plan, task.of
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, plan, month)}
    state = state_bucket.read_state(objects, plan).at(month)
    # Nobody knows what was billed for those that a person or the earlier script has settled.
    by_hand = state.done - ledger.keys()
    return compare(usage, ledger, billed, objects, formulas=plan.dimensions, by_hand=by_hand)


def _told(manifest: Manifest, usage: MonthUsage) -> Manifest:
    return msgspec.structs.replace(manifest, reported=usage.digest, recheck=False)


def compare(
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    billed: Manifest | None,
    objects: Objects,
    *,
    formulas: Mapping[str, str],
    by_hand: frozenset[str],
) -> Compared:
    """Compare today's bill with ledger and manifest. Nobody knows what those `by_hand` were."""
    today = _files(objects, usage.lists) or []
    before = _files(objects, billed.lists) if billed else today
    return Compared(
        changes(today if before is None else before, today),
        *compare_usage(usage.bill.contracts, ledger, formulas, by_hand=by_hand),
    )


def _files(objects: Objects, lists: Iterable[str]) -> list[UsageFile] | None:
    """Return listed files; None if the lists are gone, as they are after a year and some months."""
    found: list[UsageFile] = []
    for key in lists:
        stored = objects.read(key)
        if stored is None:
            return None
        found += msgspec.json.decode(stored.body, type=list[UsageFile])
    return found


def write(
    task: MergedMonth, usage: MonthUsage, compared: Compared, objects: Objects, at: str
) -> str:
    """Write the report. Returns its key."""
    key = key_of(task)
    report = LateUsage(
        plan=task.run.plan.key,
        month=task.month,
        execution=task.run.execution,
        generated_at=at,
        **compared.changed._asdict(),
        differences=compared.differences,
        not_compared=compared.left_out,
        quarantined=list(usage.bill.quarantined),
    )
    objects.put(key, msgspec.json.format(msgspec.json.encode(report), indent=1))
    return key


def key_of(task: MergedMonth) -> str:
    """Return where the report is; that of a dry run is in its own folder."""
    run, month = task.run, task.of
    preview = keys.run(run.plan, month, run.name, dry_run=True)
    return f"{preview if run.dry_run else keys.report(run.plan, month)}late-usage.json"
