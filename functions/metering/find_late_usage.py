"""FindLateUsage: which months that were closed lately have other files now than were billed."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from functions.adapters import configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys, manifest, usage_files
from functions.domain.month import Month
from functions.domain.months_due import MOST_MONTHS, closed_lately
from functions.domain.plan import Plan
from functions.metering.payloads import MonthItem, PlannedTask, Work
from functions.payloads import dump, task_handler

logger = Logger()


@task_handler
def handler(task: PlannedTask, _context: object) -> Work:
    """Return the months to bill and behind them the closed months to compare."""
    work = find_late_usage(task, configuration.state_bucket(), configuration.usage_bucket())
    logger.info("closed months looked at", months=dump(work)["months"])
    return work


def find_late_usage(task: PlannedTask, objects: Objects, usage: Objects) -> Work:
    """Compare listings with manifests. Billing goes first, so that nothing late holds it up.

    What does not fit into this run is found by the next.
    """
    plan, planned = task.run.plan, task.planned.months
    state = state_bucket.read_state(objects, plan)
    closed = closed_lately(plan, state, state_bucket.read_journal(objects, plan))
    late = [
        str(month)
        for month in closed
        if str(month) not in planned and _has_changed(plan, month, objects, usage)
    ]
    items = [MonthItem(month, late=False) for month in planned]
    return Work((items + [MonthItem(month, late=True) for month in late])[:MOST_MONTHS])


def _has_changed(plan: Plan, month: Month, objects: Objects, usage: Objects) -> bool:
    """Say whether a month's files are not those that were billed, nor those reported last."""
    billed = state_bucket.manifest(objects, plan, month).read()
    if billed is None:  # closed by an earlier version or by other means
        return False
    found = manifest.digest(
        (item.key, item.etag)
        for item in usage.list(keys.usage_prefix(plan, month))
        if not usage_files.is_folder(item.key, item.size)
    )
    return not billed.value.is_of(found)
