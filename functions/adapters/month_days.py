"""What an execution has found of a month's days: their folds, what is wrong, what is not there."""

from functions.adapters import keys
from functions.adapters.documents import read_run_file
from functions.adapters.objects import Objects
from functions.adapters.storage import folders
from functions.domain.usage.fold import Days, Fold, Total, made_of
from functions.domain.usage.problem import Problem
from functions.domain.usage.usage_files import FLAT, missing_hours, partly_covered
from functions.domain.wording import some, suggestion
from functions.errors import BadUsage, DaysMissing

_SHOWN, _CAUSE = 4_000, 500
_BILL_WITHOUT = 'set the plan\'s "missing_hours" to "warn" to bill without them'


def add_up(days: Days, objects: Objects) -> Total:
    """Add up the folds of the files that the execution has found.

    BadUsage names every problem of every day; DaysMissing the days that could not be read.
    """
    total, problems, missing = Total(), list[str](), dict[str, str]()
    for name, read in days.read.items():
        if read.error == BadUsage.__name__:  # a key that no request can name stays as it is
            problems.append(f"day {name}: {read.cause}")
        elif read.error:
            missing[name] = f"{read.error}: {read.cause[:_CAUSE]}"
        elif read.problems:
            problems += map(str, read_run_file(objects, read.problems, list[Problem]))
        elif read.files:
            stored = objects.read(keys.day(days.plan, days.month, name))
            found = stored and Fold.read(stored.body, made_of(days.plan, read.digest))
            if found:
                total.add(found)
            else:
                missing[name] = "another execution has read other files since"
    if problems:
        raise BadUsage(f"{days.month}: nothing was sent; problems: {_listed(problems, days)}")
    if missing:
        count = f"{len(missing)} of {len(days.read)} days could not be read: {', '.join(missing)}"
        first = next(iter(missing.values()))
        raise DaysMissing(f"{days.month}: {count}; the first: {first}; run again")
    return total


def _listed(problems: list[str], days: Days) -> str:
    lines = "; ".join(problems)
    where = ", ".join(read.problems for read in days.read.values() if read.problems)
    more = "" if len(lines) <= _SHOWN else f" … all of them in {where}"
    return f"{len(problems)}: {lines[:_SHOWN]}{more}"


def uncovered(days: Days, total: Total, usage: Objects, *, to_the_end: bool) -> list[str]:
    """Return warnings about hours without a file; BadUsage where they must be there.

    `to_the_end`: the last hour has to be there whether usage follows it or not.
    """
    plan, month, end = days.plan, days.month, days.end
    root, prefix = keys.usage_prefix(plan), keys.usage_prefix(plan, month)
    if _are_flat(days, total, prefix):
        return []
    behind = f"{prefix[:-1]}0" if end == month.end else f"{prefix}{end:%d/%H}/"  # 0 follows /
    earlier = "" < _first_file(usage, root) < prefix
    later = _first_file(usage, root, after=behind) > ""
    by_calendar = plan.completeness == "calendar"
    if not total.files and not later and (by_calendar or not earlier):
        text = f"{month}: no usage at all under {prefix if earlier else root}"
        known = suggestion([plan.path], set(folders(usage, keys.USAGE_ROOT, 3)))
        raise BadUsage(f"{text}; was the service or plan renamed? {known}")
    later = later or by_calendar or to_the_end
    if missing := missing_hours(month, total.hours, end=end, earlier=earlier, later=later):
        named = f"{len(missing)} ({', '.join(some(missing, 5))})"
        text = f"{month}: hours without a file under {prefix}: {named}"
        if plan.missing_hours == "stop":
            raise BadUsage(f"{text}; {_BILL_WITHOUT}")
        return [text]
    if not total.files:
        return [f"{month} is before the plan's first usage: nothing to bill"]
    return list(partly_covered(month, total.hours, end))


def _are_flat(days: Days, total: Total, prefix: str) -> bool:
    month, flat = days.month, days.read[FLAT].files > 0  # such files say nothing about hours
    if flat and total.hours:
        raise BadUsage(f"{month}: some files under {prefix} are in hour folders, others are not")
    if flat and days.end < month.end:
        raise BadUsage(f"{month}: usage is not in hour folders, so it cannot be cut at {days.end}")
    return flat


def _first_file(usage: Objects, root: str, after: str = "") -> str:
    listed = usage.list(root, after=after)
    return next((item.key for item in listed if item.size or not item.key.endswith("/")), "")
