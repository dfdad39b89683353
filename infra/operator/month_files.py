"""A month's usage files as they are now, by day, with the folds that are still of these files."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.month import Month
from functions.domain.plan import Plan
from functions.domain.usage import fold, usage_files
from functions.domain.usage.fold import Fold
from functions.domain.usage.problem import Problem
from functions.domain.usage.tally import Tally
from functions.domain.usage.usage_files import FLAT, Listed
from functions.errors import StorageBusy
from infra.operator.trace import Leaf, Trace, same_contract


class Day(NamedTuple):
    """A day with files. `fold`: None where none was made of these files."""

    name: str
    files: list[Listed]
    digest: str
    fold: Fold | None

    def names_of(self, contract: str) -> set[str] | None:
        """Return how the day's files spell a contract; None if only they themselves can tell."""
        if self.fold is None:
            return None
        named = {group[0] for group, _ in self.fold.sums}
        return {name for name in named if name and same_contract(name, contract)}


class MonthFiles(NamedTuple):
    """The files of a plan's month."""

    plan: Plan
    month: Month
    usage: Objects
    days: list[Day]
    problems: list[Problem]

    @property
    def digests(self) -> dict[str, str]:
        """What the month would be billed from today, as a manifest says it."""
        return {day.name: day.digest for day in self.days}

    def bodies(self, files: list[Listed]) -> Iterator[tuple[Listed, bytes]]:
        """Yield the content of files, as long as they are those that were listed."""
        stored = self.usage.read_many(file.key for file in files)
        for file, found in zip(files, stored, strict=True):
            if found is None or found.etag.strip('"') != file.etag.strip('"'):
                raise StorageBusy(f"{file.key} was rewritten or removed meanwhile; run it again")
            yield file, found.body

    def folded(self, day: Day) -> Fold:
        """Return a day's sums, from its files where no fold was made of them."""
        if day.fold:
            return day.fold
        tally = Tally(duplicates=self.plan.duplicates)
        for file, body in self.bodies(day.files):
            tally.add_file(file.key, file.hour, body)
        tally.end()
        self.problems.extend(tally.problems)
        return tally.fold(fold.made_of(self.plan, day.digest))

    def leaves(self, contract: str) -> list[Leaf]:
        """Return every record of a contract; files that cannot hold one are left aside."""
        trace = Trace(duplicates=self.plan.duplicates, contract=contract)
        named = [(day, day.names_of(contract)) for day in self.days]
        wanted = [(day, names) for day, names in named if names is None or names]
        spelled = {file.key: names for day, names in wanted for file in day.files}
        for file, body in self.bodies([file for day, _ in wanted for file in day.files]):
            if _may_name(body, spelled[file.key]):
                trace.add_file(file.key, file.hour, body)
        trace.end()
        self.problems.extend(trace.problems)
        return trace.leaves


def list_days(
    plan: Plan, month: Month, listed: Iterable[Listed], end: datetime
) -> tuple[dict[str, list[Listed]], list[Problem]]:
    """Return a month's files up to an hour, by day; with what is wrong."""
    prefix = keys.usage_prefix(plan, month)
    problems: list[Problem] = []
    by_day: dict[str, list[Listed]] = defaultdict(list)
    for item in listed:
        if not item.size and not item.key.endswith(".json"):
            continue
        placed = usage_files.place(item, prefix, month)
        if isinstance(placed, Problem):
            problems.append(placed)
        else:
            by_day[placed.hour[:2] if placed.hour else FLAT].append(placed)
    of_days = {
        name: usage_files.of_day(name, by_day.get(name if name == FLAT else name[:2], []))
        for name in usage_files.days(month, end)
    }
    return {name: files for name, files in of_days.items() if files}, problems


def read_month(
    plan: Plan, month: Month, usage: Objects, state: Objects, end: datetime | None = None
) -> MonthFiles:
    """List a month up to an hour, and find the folds that were made of these files.

    Of a closed month duplicates are counted as they were when it was billed.
    """
    billed = Books(state, plan).manifest(month).read()
    plan = plan.counting(billed.value.duplicates if billed else "")
    listed = usage.list(keys.usage_prefix(plan, month))
    found, problems = list_days(plan, month, listed, end or month.end)
    stored = state.read_many([keys.day(plan, month, name) for name in found])
    days = []
    for (name, files), body in zip(found.items(), stored, strict=True):
        digest = usage_files.digest(files)
        valid = Fold.read(body.body, fold.made_of(plan, digest)) if body else None
        days.append(Day(name, files, digest, valid))
    return MonthFiles(plan, month, usage, days, problems)


def _may_name(body: bytes, names: Collection[str] | None) -> bool:
    """Return False only if a file cannot hold one of these names; escaped, it has a backslash."""
    if names is None or b"\\" in body:
        return True
    return any(json.dumps(name, ensure_ascii=False).encode() in body for name in names)
