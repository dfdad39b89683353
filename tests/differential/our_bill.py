"""The bill of a generated month by the code that bills: partitions, sums, bill."""

import random
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby

from functions.domain.formula import exact_text
from functions.domain.usage import billing
from functions.domain.usage.bill import MonthBill
from functions.domain.usage.tally import Tally
from tests.differential.generated_months import GeneratedMonth

Files = list[tuple[str | None, bytes]]


def our_facts(month: GeneratedMonth) -> list[str]:
    """Return what this application says of a month, one line of text per fact."""
    tallies = [_tally(month, part) for part in random_partitions(month)]
    problems = [str(problem) for tally in tallies for problem in tally.problems]
    sums = [item for tally in tallies for item in tally.groups.items()]
    bill = billing.bill(month.plan, sums)
    billing.check_conservation(month.plan, sums, bill)
    return sorted([*problems, *_counts(tallies), *_billed(bill)])


def random_partitions(month: GeneratedMonth) -> list[Files]:
    """Cut a month between its hours, somewhere; the flat layout is one partition."""
    chance = random.Random(month.seed + 1)  # noqa: S311  # repeatable on purpose, not secret
    parts: list[Files] = [[]]
    for _, files in groupby(month.files, key=lambda file: file[0]):
        if chance.random() < 0.5:
            parts.append([])
        parts[-1] += files
    chance.shuffle(parts)
    return parts


def _tally(month: GeneratedMonth, files: Files) -> Tally:
    tally = Tally(duplicates=month.plan.duplicates)
    for number, (hour, body) in enumerate(files):
        tally.add_file(f"{hour}/{number}.json", hour, body)
    tally.end()
    return tally


def _counts(tallies: list[Tally]) -> Iterator[str]:
    if records := sum(tally.records for tally in tallies):
        yield f"records {records}"
    if duplicates := sum(tally.duplicates for tally in tallies):
        yield f"duplicates {duplicates}"
    dropped: dict[str, Fraction] = defaultdict(Fraction)
    for tally in tallies:
        for dimension, value in tally.dropped.items():
            dropped[dimension] += Fraction(value)
    for dimension, total in dropped.items():
        if total:
            yield f"dropped | {dimension} | {exact_text(total)}"


def _billed(bill: MonthBill) -> Iterator[str]:
    for contract in bill.contracts:
        name = contract.contract_id
        if contract.failure:
            yield f"failed {name}"
        for what, found in (
            ("usage", contract.usage),
            ("quantity", contract.quantities),
            ("remainder", contract.remainders),
        ):
            for dimension, text in found.items():
                yield f"{what} | {name} | {dimension} | {text}"
    for held in bill.quarantined:
        yield f"quarantined | {held.subscription} | {held.dimension} | {held.quantity}"
    for dimension in bill.unbilled_dimensions:
        yield f"unbilled {dimension}"
