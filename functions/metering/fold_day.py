"""FoldDay: list a day's files, and read them and add them up unless that was done before."""

from functools import partial

import msgspec

from functions.adapters import keys, usage_reader, wiring
from functions.adapters.objects import Objects
from functions.domain.usage import fold, usage_files
from functions.domain.usage.fold import DayRead, Fold
from functions.domain.usage.problem import Problem
from functions.domain.usage.tally import MAX_PROBLEMS, Tally
from functions.domain.usage.usage_files import FLAT, Listed
from functions.errors import WriteConflict
from functions.metering.payloads import DayTask
from functions.payloads import task_handler


@task_handler
def handler(task: DayTask, _context: object) -> DayRead:
    """Return which files the day has; its fold, or its problems, are in the state bucket."""
    usage = usage_reader.UsageStore(wiring.usage_bucket().name)
    return fold_day(task, usage, wiring.state_bucket())


def fold_day(task: DayTask, usage: usage_reader.UsageStore, objects: Objects) -> DayRead:
    """Bad usage is a result, not an error, so that every bad file of a month gets named."""
    plan, key = task.plan, keys.day(task.plan, task.of, task.day)
    files, problems = _listed(task, usage)
    digest = usage_files.digest(files) if files else ""
    made_of = fold.made_of(plan, digest)
    stored, at = objects.read(key), ""
    if files and not problems and not (stored and Fold.read(stored.body, made_of)):
        tally = Tally(duplicates=plan.duplicates)
        for file, body in usage.read(files):
            tally.add_file(file.key, file.hour, body)
        tally.end()
        problems = tally.problems
        if not problems:
            write = partial(objects.replace, etag=stored.etag) if stored else objects.create
            if not write(key, msgspec.json.encode(tally.fold(made_of))):
                raise WriteConflict(f"{key}: another execution has folded the day at the same time")
    if problems:
        at = f"{task.root}problems/{task.day}.json"
        objects.put(at, msgspec.json.encode(problems[:MAX_PROBLEMS]))
    return DayRead(day=task.day, digest=digest, files=len(files), problems=at)


def _listed(task: DayTask, usage: usage_reader.UsageStore) -> tuple[list[Listed], list[Problem]]:
    """List the files of a day, or those beside the days with all that is in no day's folder."""
    month, root = task.of, keys.usage_prefix(task.run.plan, task.of)
    prefix, of_days = f"{root}{task.day[:2]}/", set[str]()
    if task.day == FLAT:
        days = usage_files.days(month, month.end)
        prefix, of_days = root, {f"{root}{day}/" for day in days if day != FLAT}
    found = [usage_files.place(item, root, month) for item in usage.under(prefix, but=of_days)]
    files = usage_files.of_day(task.day, (one for one in found if isinstance(one, Listed)))
    return files, [one for one in found if isinstance(one, Problem)]
