"""ListUsage: list the month's files, check that no hour is missing, cut them into partitions."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration
from functions.adapters.storage import Objects, folders
from functions.domain import keys, manifest, usage_files
from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.problem import Problem
from functions.domain.spelling import suggestion
from functions.domain.usage import MAX_PROBLEMS
from functions.domain.usage_files import UsageFile
from functions.errors import BadUsage
from functions.metering.payloads import Listing, MonthTask, Partition, Run
from functions.payloads import task_handler

logger = Logger()


@task_handler
def handler(task: MonthTask, _context: object) -> Listing:
    """Return where the partitions are listed."""
    listing = list_usage(task, configuration.usage_bucket(), configuration.state_bucket())
    logger.info("usage listed", month=task.month, files=listing.files, size=listing.size)
    return listing


def list_usage(task: MonthTask, usage: Objects, objects: Objects) -> Listing:
    """Write down a month's files with ETag and size, cut into partitions.

    The lists of a month that is billed are kept: later runs compare with them.
    """
    run, month = task.run, task.of
    end = month.end if task.late else month.window_end(run.until)
    files = usage_files.within(_files(run.plan, month, usage), month, end)
    warnings = [] if task.late else _uncovered(run, month, end, usage, files)
    if end < month.end and any(file.hour is None for file in files):
        raise BadUsage(f"{month}: usage is not in hour folders, so it cannot be cut at {run.until}")
    root = keys.run(run.plan, month, run.name, dry_run=run.dry_run)
    passing = run.dry_run or task.late or run.until is not None
    lists = f"{root}partitions/" if passing else keys.manifest_files(run.plan, month, run.name)
    partitions = []
    for index, part in enumerate(usage_files.partitions(files)):
        partitions.append(Partition(index, f"{lists}{index:05d}.json"))
        objects.put(partitions[-1].key, msgspec.json.encode(part))
    objects.put(f"{root}partitions.json", msgspec.json.encode(partitions))
    return Listing(
        partitions_key=f"{root}partitions.json",
        partitions=len(partitions),
        lists=lists,
        files=len(files),
        size=sum(file.size for file in files),
        digest=manifest.digest((file.key, file.etag) for file in files),
        warnings=warnings,
    )


def _files(plan: Plan, month: Month, usage: Objects) -> list[UsageFile]:
    prefix = keys.usage_prefix(plan, month)
    listed = [item for item in usage.list(prefix) if not usage_files.is_folder(item.key, item.size)]
    placed = [
        usage_files.place(item.key, prefix, month, etag=item.etag, size=item.size)
        for item in listed
    ]
    problems = [item for item in placed if isinstance(item, Problem)]
    if problems:
        shown = "; ".join(str(problem) for problem in problems[:MAX_PROBLEMS])
        raise BadUsage(f"{month}: unexpected objects: {len(problems)}: {shown[:2_000]}")
    files = [item for item in placed if isinstance(item, UsageFile)]
    flat = [file for file in files if file.hour is None]
    if flat and len(flat) < len(files):
        raise BadUsage(f"{month}: {flat[0].key} is not in an hour folder, other files are")
    return files


def _first_file(usage: Objects, prefix: str, *, after: str) -> str | None:
    listed = usage.list(prefix, after=after)
    return next(
        (item.key for item in listed if not usage_files.is_folder(item.key, item.size)), None
    )


def _uncovered(
    run: Run, month: Month, end: datetime, usage: Objects, files: list[UsageFile]
) -> list[str]:
    plan = run.plan
    root, prefix = keys.usage_prefix(plan), keys.usage_prefix(plan, month)
    behind = f"{prefix[:-1]}0" if end == month.end else f"{prefix}{end:%d/%H}/"  # 0 follows /
    first = _first_file(usage, root, after="")
    later = _first_file(usage, root, after=behind) is not None
    earlier = first is not None and first < prefix
    by_calendar = plan.completeness == "calendar"
    if not files and not later and (by_calendar or not earlier):
        where = prefix if earlier else root
        text = f"{month}: no usage at all under {where}; was the service or plan renamed?"
        raise BadUsage(f"{text} {suggestion([plan.path], set(folders(usage, keys.USAGE_ROOT, 3)))}")
    # By the calendar nothing says that the export got to the end of the month but its files. Final
    # usage is billed soon after its last hour, so that one has to be there as well.
    to_the_end = later or by_calendar or run.until is not None
    missing = usage_files.missing_hours(month, files, end=end, earlier=earlier, later=to_the_end)
    if not missing:
        partly = usage_files.partly_covered(month, files, end)
        return partly if files else [f"{month} is before the plan's first usage: nothing to bill"]
    text = f"{month}: hours without a file under {prefix}: {usage_files.ranges(missing)}"
    if plan.missing_hours == "stop":
        raise BadUsage(f'{text}; set the plan\'s "missing_hours" to "warn" to bill without them')
    return [text]
