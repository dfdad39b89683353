"""FoldDay: list a day's files, and read them and add them up unless that was done before."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration, usage_reader
from functions.adapters.storage import Objects
from functions.adapters.usage_reader import UsageFiles
from functions.domain import fold, keys, usage_files
from functions.domain.fold import DayRead, Fold, FoldHead
from functions.domain.problem import Problem
from functions.domain.usage import MAX_PROBLEMS, Tally
from functions.domain.usage_files import FLAT, UsageFile
from functions.errors import BadUsage, StorageBusy, WriteConflict
from functions.metering.payloads import DayTask
from functions.payloads import task_handler

logger = Logger()


@task_handler
def handler(task: DayTask, _context: object) -> None:
    """Leave the day's fold, and what this execution has found of the day."""
    objects = configuration.state_bucket()
    usage = usage_reader.open_store(configuration.usage_bucket().name)
    read = fold_day(task, usage, objects)
    logger.info("day folded", month=task.month, day=task.day, files=read.files)


def fold_day(task: DayTask, usage: UsageFiles, objects: Objects) -> DayRead:
    """Write down what this execution has found, for the state that adds up the month.

    Bad usage is a result, not an error, so that every bad file gets named. Where the files could
    not be had, the reason is kept in case that no retry gets further.
    """
    key = keys.day_read(task.root, task.day)
    try:
        read = _read(task, usage, objects)
    except StorageBusy as error:
        objects.put(key, msgspec.json.encode(DayRead(trouble=str(error))))
        raise
    except BadUsage as error:  # a name that cannot be listed
        read = DayRead(problems=[Problem(key=task.day, detail=str(error))])
    objects.put(key, msgspec.json.encode(read))
    return read


def _read(task: DayTask, usage: UsageFiles, objects: Objects) -> DayRead:
    plan, key = task.run.plan, keys.day(task.run.plan, task.of, task.day)
    files, problems = _listed(task, usage)
    head = FoldHead(version=fold.version(plan), digest=usage_files.digest(files))
    read = DayRead(digest=head.digest, files=len(files), problems=problems[:MAX_PROBLEMS])
    stored = objects.read(key)
    if problems or not files or (stored and fold.is_of(stored.body, head)):
        return read
    tally = Tally(duplicates=plan.duplicates)
    for file, body in usage.read(files):
        tally.add_file(file.key, file.hour, body)
    tally.end_hour()
    if tally.problems:
        return msgspec.structs.replace(read, problems=tally.problems)
    body = msgspec.json.encode(Fold.of(tally, head, {file.hour for file in files}))
    if not (objects.replace(key, body, stored.etag) if stored else objects.create(key, body)):
        raise WriteConflict(f"{key}: another execution has folded the day at the same time")
    return read


def _listed(task: DayTask, usage: UsageFiles) -> tuple[list[UsageFile], list[Problem]]:
    """List the files of a day, or those beside the days with all that is in no day's folder."""
    month = task.of
    root = keys.usage_prefix(task.run.plan, month)
    prefix = root if task.day == FLAT else f"{root}{task.day[:2]}/"
    listed, folders = usage.folder(prefix)
    if task.day == FLAT:
        of_month = {f"{root}{day}/" for day in usage_files.days(month, month.end)}
        folders = [folder for folder in folders if folder not in of_month]
    listed += usage.under(folders)
    placed = [
        usage_files.place(item.key, root, month, etag=item.etag, size=item.size) for item in listed
    ]
    files = [item for item in placed if isinstance(item, UsageFile)]
    problems = [item for item in placed if isinstance(item, Problem)]
    return usage_files.of_day(task.day, files), problems
