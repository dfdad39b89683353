"""`reconcile`: files = bill = ledger = Clazar, per contract and dimension; differences first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.storage import folders
from functions.domain.formula import exact_text
from functions.domain.ledger import coverage
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.listing import (
    Listing,
    Stored,
    as_uuid,
    read_quantity,
    same_dimension,
    same_quantity,
)
from functions.domain.month import Month
from functions.domain.months.report import Report
from functions.domain.months.report_rows import BY_HAND, Row
from functions.domain.plan import Plan, parse_plan
from functions.domain.usage import billing, usage_files
from functions.domain.usage.fold import Fold
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.tally import Group
from functions.domain.usage.usage_files import UsageFile
from infra.operator.listings import listings
from infra.operator.where import CannotRun, Where

MISSING, NOT_ASKED = "missing", "not asked"
Progress = Callable[[int, int], None]


class Compared(msgspec.Struct, kw_only=True):
    """One contract's dimension in its four places, and what differs between them."""

    contract: str
    dimension: str
    files: str = MISSING
    bill: str = MISSING
    ledger: str = MISSING
    clazar: str = NOT_ASKED
    differs: list[str] = []


class Sides(NamedTuple):
    """What a plan's month is in files, report and ledger. `files`: exact amounts by place."""

    files: Mapping[tuple[str, str], Fraction] | None
    report: Mapping[tuple[str, str], Row]
    ledger: Mapping[str, Entry]
    others: Mapping[object, list[Line]]


def reconcile(where: Where, plan: Plan, month: Month, progress: Progress) -> dict[str, Any]:
    """Compare everything; `differences` of the files' days stand before those of contracts."""
    stored = where.state.read(f"{keys.report(plan, month)}report.json")
    report = msgspec.json.decode(stored.body, type=Report) if stored else None
    ledger = {e.contract_id: e for e in Books(where.state, plan).entries(month)}
    if report is None and not ledger:
        raise CannotRun(f"{month} of {plan.key} was never billed; see `billing status`")
    manifest = Books(where.state, plan).manifest(month).read()
    of_days, files = _files(where, plan, month, manifest.value if manifest else None, ledger)
    rows = {(row.contract_id, row.dimension): row for row in (report.rows if report else ())}
    books = Sides(files, rows, ledger, _other_plans(where, plan, month))
    places = {*rows, *(files or {})}
    places |= {(name, line.dimension) for name, e in ledger.items() for line in e.lines}
    contracts = sorted({name for name, _ in places} | ledger.keys())
    clazar, listed = where.clazar(), dict[str, Listing]()
    if clazar:
        listed = dict(listings(clazar, contracts, month, progress))
    found = [
        one
        for name in contracts
        for one in _contract(name, sorted(d for c, d in places if c == name), books, listed)
    ]
    found.sort(key=lambda one: (not one.differs, one.contract, one.dimension))
    return {
        "plan": plan.key,
        "month": str(month),
        "clazar_asked": clazar is not None,
        "days": of_days,
        "differences": len(of_days) + sum(bool(one.differs) for one in found),
        "rows": msgspec.to_builtins(found),
    }


def _files(
    where: Where, plan: Plan, month: Month, manifest: Manifest | None, ledger: Mapping[str, Entry]
) -> tuple[list[str], Mapping[tuple[str, str], Fraction] | None]:
    """Compare the files' digests with those billed, and add up the folds of the same days."""
    if manifest is None:
        return [f"{month} is not closed: nothing says which files it was billed from"], None
    wrong = []
    if where.usage is None:
        wrong.append("the usage files were not read: give --usage DIR")
    else:
        root = keys.usage_prefix(plan, month)
        by_day: dict[str, list[UsageFile]] = defaultdict(list)
        for item in where.usage.list(root):
            placed = usage_files.place(item, root, month)
            if isinstance(placed, UsageFile) and (item.size or item.key.endswith(".json")):
                by_day[placed.hour[:2] if placed.hour else usage_files.FLAT].append(placed)
        now = {
            day: usage_files.digest(usage_files.of_day(day, files)) for day, files in by_day.items()
        }
        wrong += [
            f"day {day}: files came, changed or went since the month was billed; "
            f"`billing run` compares them"
            for day in manifest.changed(now)
        ]
    sums: dict[Group, Fraction] = defaultdict(Fraction)
    days = sorted(manifest.days)
    read = where.state.read_many([keys.day(plan, month, day) for day in days])
    for day, stored in zip(days, read, strict=True):
        fold = Fold.read(stored.body) if stored else None
        if fold is None:
            return [*wrong, f"day {day}: its fold is missing; `billing run` makes it again"], None
        for group, value in fold.sums:
            sums[group] += Fraction(value)
    return wrong, _amounts(plan, sums, ledger)


def _amounts(
    plan: Plan, sums: Mapping[Group, Fraction], ledger: Mapping[str, Entry]
) -> Mapping[tuple[str, str], Fraction]:
    """Return what the files come to by the formulas that each contract was billed with."""
    by_contract: dict[object, list[tuple[Group, Any]]] = defaultdict(list)
    for group, value in sums.items():
        if group[0] is not None:
            by_contract[as_uuid(group[0]) or group[0]].append((group, value))
    spelled: dict[object, str] = {as_uuid(name) or name: name for name in ledger}
    found: dict[tuple[str, str], Fraction] = {}
    for contract, usage in by_contract.items():
        name = spelled.get(contract) or str(usage[0][0][0])
        formulas = ledger[name].formulas if name in ledger else plan.dimensions
        exported = {g[1] for g, _ in usage}.union(
            *(coverage.sources(n, formulas) for n in formulas)
        )
        used = replace(plan, dimensions=dict(formulas))
        for bill in billing.bill(used, usage, {}, exported, [name]).contracts:
            found |= {(name, dimension): bill.amount(dimension) for dimension in bill.amounts}
    return {place: amount for place, amount in found.items() if amount}


def _other_plans(where: Where, plan: Plan, month: Month) -> Mapping[object, list[Line]]:
    """Return what other plans have billed of the same contracts."""
    found: dict[object, list[Line]] = defaultdict(list)
    for path in folders(where.state, keys.LEDGER_ROOT, 3):
        if path != plan.path:
            names = zip(("service", "environment_type", "plan_id"), path.split("/"), strict=True)
            for entry in Books(where.state, parse_plan(dict(names))).entries(month):
                lines = [line for line in entry.lines if line.state == "accepted"]
                found[as_uuid(entry.contract_id) or entry.contract_id] += lines
    return found


def _contract(
    name: str, dimensions: list[str], books: Sides, listed: Mapping[str, Listing]
) -> Iterator[Compared]:
    entry, listing = books.ledger.get(name), listed.get(name)
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    for dimension in dimensions:
        row, line = books.report.get((name, dimension)), lines.get(dimension)
        one = Compared(contract=name, dimension=dimension, differs=[])
        _compare_books(one, books, row, entry, line)
        if listing is not None:
            others = books.others.get(as_uuid(name) or name, [])
            _compare_clazar(one, line, row, listing, others)
        yield one
    for dimension, records in (listing.stored if listing else {}).items():
        billed = [record for record in records.values() if record.status == "billed"]
        billed = _without(billed, dimension, books.others.get(as_uuid(name) or name, []))
        if billed and not any(same_dimension(dimension, known) for known in dimensions):
            said = f"Clazar bills {_named(billed)}, which nothing here accounts for"
            yield Compared(
                contract=name, dimension=dimension, clazar=_shown(billed), differs=[said]
            )


def _compare_books(
    one: Compared, books: Sides, row: Row | None, entry: Entry | None, line: Line | None
) -> None:
    amount = books.files.get((one.contract, one.dimension)) if books.files is not None else None
    held = entry.amounts.get(one.dimension) if entry else None
    elsewhere = row is not None and row.outcome == BY_HAND and entry is None
    if amount is not None:
        one.files = exact_text(amount)
    if row is not None and row.due:
        one.bill = exact_text(Fraction(row.due) - Fraction(row.remainder))
    if line:
        one.ledger = f"{line.taken} {line.state}"
    elif elsewhere:
        one.ledger = BY_HAND
    elif held:
        one.ledger = f"nothing of {held}"
    if not elsewhere:
        one.differs += _differences(one, books, row, entry, line)


def _differences(
    one: Compared, books: Sides, row: Row | None, entry: Entry | None, line: Line | None
) -> Iterator[str]:
    """Yield what differs between files, report and ledger."""
    if entry is None:
        yield "the ledger has no entry"
        return
    held = entry.amounts.get(one.dimension)
    place = (one.contract, one.dimension)
    amount = books.files.get(place, Fraction(0)) if books.files is not None else None
    if amount is not None and held and amount != Fraction(held):
        yield f"billed from {held}, the files hold {one.files}"
    if line is None:
        if not held and (amount or (row and Fraction(row.due or 0))):
            yield "the ledger entry does not know it"
        return
    if line.state != "waived" and row is None:
        yield "the report does not know it"
    if line.state != "waived" and row and row.due and Fraction(one.bill) != Fraction(line.taken):
        yield f"the report says {one.bill}, the ledger {line.taken}"
    if line.state not in ("accepted", "waived"):
        yield f"not billed: {line.state} {line.code} {line.message}".rstrip()


def _compare_clazar(
    one: Compared, line: Line | None, row: Row | None, listing: Listing, others: list[Line]
) -> None:
    if doubt := listing.doubt(one.dimension):
        one.clazar = "not known"
        one.differs.append(f"Clazar's listing cannot be relied on: {doubt}")
        return
    stored = [record for record in listing.of(one.dimension) if record.status == "billed"]
    stored = _without(stored, one.dimension, others)
    one.clazar = _shown(stored) if stored else MISSING
    if line is None and row is not None and row.outcome == BY_HAND:
        return  # nobody knows what was sent by the earlier program
    if line is None or line.state != "accepted":
        if stored:
            one.differs.append(f"Clazar bills {_named(stored)}, the ledger does not say so")
    elif not stored:
        one.differs.append(f"Clazar lists no billed record, the ledger {line.taken}")
    elif len(stored) > 1:
        one.differs.append(f"Clazar bills {len(stored)} records: {_named(stored)}")
    elif not same_quantity(stored[0].quantity, line.taken):
        one.differs.append(f"Clazar bills {_named(stored)}, the ledger {line.taken}")


def _without(stored: list[Stored], dimension: str, others: list[Line]) -> list[Stored]:
    """Return the records that other plans do not account for."""
    left = list(stored)
    for line in others:
        if same_dimension(dimension, line.dimension):
            same = [record for record in left if same_quantity(record.quantity, line.taken)]
            if same and len(left) > 1:
                left.remove(same[0])
    return left


def _shown(stored: list[Stored]) -> str:
    total = sum((Fraction(read_quantity(record.quantity) or 0) for record in stored), Fraction(0))
    return exact_text(total)


def _named(stored: list[Stored]) -> str:
    return ", ".join(f"{r.quantity} (record {r.record_id or 'without id'})" for r in stored)


def as_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the comparison for the screen."""
    count = found["differences"]
    head = "nothing differs" if not count else f"differences: {count}"
    lines = [f"{found['month']} of {found['plan']}: {head}"]
    if not found["clazar_asked"]:
        lines.append("Clazar was not asked: give --clazar URL with --state")
    lines += [f"DIFFERS files: {text}" for text in found["days"]]
    for row in found["rows"]:
        said = (
            f"{row['contract']} {row['dimension']}: files {row['files']}, bill {row['bill']}, "
            f"ledger {row['ledger']}, Clazar {row['clazar']}"
        )
        differs = "; ".join(row["differs"])
        lines.append(f"DIFFERS {said}: {differs}" if differs else f"equal {said}")
    return lines
