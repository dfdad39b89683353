"""`explain`: a billed quantity down to the records that it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

from msgspec.structs import asdict, replace

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.formula import exact_text
from functions.domain.ledger import coverage
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.listing import as_uuid
from functions.domain.month import Month
from functions.domain.months.report_rows import rows_of
from functions.domain.plan import Plan
from functions.domain.usage import billing, usage_files
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.fold import Fold
from functions.domain.usage.tally import Group
from functions.domain.usage.trace import Leaf, Trace
from functions.domain.usage.usage_files import UsageFile
from infra.operator.where import CannotRun, Where

Sums = dict[Group, Fraction]


def explain(
    where: Where, plan: Plan, contract: str, month: Month, dimension: str | None = None
) -> dict[str, Any]:
    """Return each billed dimension of a contract's month with all that it was made of."""
    if where.usage is None:
        raise CannotRun("explain needs the usage files: give --usage DIR")
    entries = {entry.contract_id: entry for entry in Books(where.state, plan).entries(month)}
    entry = next((e for name, e in entries.items() if _same(name, contract)), None)
    end = month.window_end(entry.until if entry else None)
    folds = dict(_folds(where.state, plan, month, usage_files.days(month, end)))
    spelled = {
        group[0]
        for fold in folds.values()
        for group, _ in fold.sums
        if group[0] and _same(group[0], contract)
    }
    if not spelled and entry is None:
        raise CannotRun(f"{contract} has no usage and no ledger entry in {month} of {plan.key}")
    days = [d for d, f in folds.items() if any(group[0] in spelled for group, _ in f.sums)]
    leaves = read_leaves(where.usage, plan, month, days, spelled)
    name = entry.contract_id if entry else min(spelled)
    done = Books(where.state, plan).read_state().at(month).done
    found = explained(plan, name, entry, leaves, by_hand=name in done)
    found["differences"] += _against_folds(leaves, folds, spelled)
    rows = [row for row in found["dimensions"] if dimension in (None, row["dimension"])]
    if not rows and dimension:
        known = ", ".join(row["dimension"] for row in found["dimensions"])
        raise CannotRun(f"{name} has no dimension {dimension!r} in {month}; it has {known}")
    return {"plan": plan.key, "month": str(month), **found, "dimensions": rows}


def _same(name: str | None, contract: str) -> bool:
    return name is not None and (as_uuid(name) or name) == (as_uuid(contract) or contract)


def _folds(
    objects: Objects, plan: Plan, month: Month, days: list[str]
) -> Iterable[tuple[str, Fold]]:
    stored = objects.read_many([keys.day(plan, month, day) for day in days])
    for day, found in zip(days, stored, strict=True):
        if found and (fold := Fold.read(found.body)):
            yield day, fold


def read_leaves(
    usage: Objects, plan: Plan, month: Month, days: list[str], contracts: Collection[str]
) -> list[Leaf]:
    """Read the files of some days, many at a time, and return the records of a contract."""
    root = keys.usage_prefix(plan, month)
    files: list[UsageFile] = []
    for day in days:
        prefix = root if day == usage_files.FLAT else f"{root}{day[:2]}/"
        listed = (item for item in usage.list(prefix) if item.size)
        placed = [usage_files.place(item, root, month) for item in listed]
        of_day = [file for file in placed if isinstance(file, UsageFile)]
        flat = day == usage_files.FLAT
        files += usage_files.of_day(day, [file for file in of_day if (file.hour is None) == flat])
    trace = Trace(duplicates=plan.duplicates, contracts=contracts)
    for file, body in zip(files, usage.read_many([file.key for file in files]), strict=True):
        if body is not None:
            trace.add_file(file.key, file.hour, body.body)
    trace.end_hour()
    return trace.leaves


def explained(
    plan: Plan, contract: str, entry: Entry | None, leaves: list[Leaf], *, by_hand: bool = False
) -> dict[str, Any]:
    """Work the quantity out again from the records, as it was billed, and hold both side by side.

    The formulas and what was carried in are those that the ledger has kept.
    """
    formulas = entry.formulas if entry else plan.dimensions
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    carried = {
        (contract, name): Fraction(line.carried) for name, line in lines.items() if line.carried
    }
    sums = _sums(leaf for leaf in leaves if leaf.counted)
    used = replace(plan, dimensions=dict(formulas))
    exported = {leaf.dimension for leaf in leaves}.union(
        *(coverage.sources(name, formulas) for name in formulas)
    )
    month = billing.bill(used, sums, carried, exported, [contract])
    bill = next(iter(month.contracts), None) or ContractBill(
        contract_id=contract, usage={}, quantities={}
    )
    dimensions, differences = [], list[str]()
    for row in rows_of(bill, entry, formulas, by_hand=by_hand):
        today = bill.amounts.get(row.dimension, "0")
        if row.usage and Fraction(row.usage) != Fraction(today):
            differences.append(f"{row.dimension}: billed from {row.usage}, the files hold {today}")
        names = coverage.sources(row.dimension, formulas) & exported
        dimensions.append(
            {
                **asdict(row),
                "quantity": lines[row.dimension].taken if row.dimension in lines else None,
                "formula": formulas.get(row.dimension),
                "from": [
                    _usage(name, [x for x in leaves if x.dimension == name])
                    for name in sorted(names)
                ],
            }
        )
    return {"contract": contract, "differences": differences, "dimensions": dimensions}


def _sums(leaves: Iterable[Leaf]) -> Any:
    found: defaultdict[Group, Fraction] = defaultdict(Fraction)
    for leaf in leaves:
        found[leaf.contract, leaf.dimension, leaf.price, None] += Fraction(leaf.value)
    return list(found.items())


def _total(leaves: Iterable[Leaf]) -> str:
    return exact_text(sum((Fraction(x.value) for x in leaves if x.counted), Fraction(0)))


def _usage(name: str, leaves: list[Leaf]) -> dict[str, Any]:
    """Return a dimension's usage by day, hour, file and record."""
    tree: dict[str, dict[str, dict[str, list[Leaf]]]] = {}
    for x in leaves:
        day, _, hour = (x.hour or "flat").partition("/")
        tree.setdefault(day, {}).setdefault(hour, {}).setdefault(x.file, []).append(x)
    priced = [x for x in leaves if x.counted and x.price is not None]
    price = sum((Fraction(x.value) * Fraction(x.price or 0) for x in priced), Fraction(0))
    dropped = [x for x in leaves if not x.counted]
    return {
        "usage": name,
        "total": _total(leaves),
        "total_price": exact_text(price) if priced else None,
        "duplicates_dropped": len(dropped),
        "days": [_branch("day", day, hours) for day, hours in sorted(tree.items())],
    }


def _branch(level: str, name: str, below: Mapping[str, Any]) -> dict[str, Any]:
    if level == "day":
        parts = [_branch("hour", hour, files) for hour, files in sorted(below.items())]
        total = sum((Fraction(part["total"]) for part in parts), Fraction(0))
        return {"day": name, "total": exact_text(total), "hours": parts}
    files = [
        {
            "file": file,
            "total": _total(leaves),
            "records": [
                {"record": x.number, "value": str(x.value), "counted": x.counted} for x in leaves
            ],
        }
        for file, leaves in sorted(below.items())
    ]
    total = sum((Fraction(str(part["total"])) for part in files), Fraction(0))
    return {"hour": name, "total": exact_text(total), "files": files}


def _against_folds(
    leaves: list[Leaf], folds: Mapping[str, Fold], contracts: Collection[str]
) -> list[str]:
    """Compare the records with the day folds that the month was added up from."""
    then: defaultdict[str, Fraction] = defaultdict(Fraction)
    for fold in folds.values():
        for (contract, name, _, _), value in fold.sums:
            if contract in contracts:
                then[name] += Fraction(value)
    now: defaultdict[str, Fraction] = defaultdict(Fraction)
    for x in leaves:
        now[x.dimension] += Fraction(x.value) if x.counted else 0
    return [
        f"usage {name}: the day folds hold {exact_text(then[name])}, "
        f"the records {exact_text(now[name])}"
        for name in sorted(then.keys() | now.keys())
        if then[name] != now[name]
    ]


def as_lines(found: Mapping[str, Any], day: str | None) -> list[str]:
    """Return the explanation for the screen; `day` opens one day down to its records."""
    lines = [f"{found['contract']}, {found['month']} of {found['plan']}"]
    lines += [f"DIFFERS: {text}" for text in found["differences"]]
    for row in found["dimensions"]:
        quantity = row["quantity"] if row["quantity"] is not None else "nothing"
        lines.append(f"{row['dimension']}: {quantity} billed or to be billed; {row['outcome']}")
        lines.append(
            f"  usage {row['usage']} + carried in {row['carried_in'] or 0} = due {row['due']} = "
            f"billed {row['billed']} + open {row['open']} + waived {row['waived']} + "
            f"remainder {row['remainder']}"
        )
        lines += [f"  {row['detail']}"] if row["detail"] else []
        lines += [f"  formula: {row['formula']}"] if row["formula"] else []
        for part in row["from"]:
            dropped = part["duplicates_dropped"]
            more = f", {dropped} duplicates dropped" if dropped else ""
            lines.append(f"  usage of {part['usage']}: {part['total']}{more}")
            for one in part["days"]:
                lines.append(f"    day {one['day']}: {one['total']}")
                lines += _opened(one) if one["day"] == day else []
    return lines


def _opened(day: Mapping[str, Any]) -> list[str]:
    lines = []
    for hour in day["hours"]:
        lines.append(f"      hour {hour['hour']}: {hour['total']}")
        for file in hour["files"]:
            lines.append(f"        {file['file']}: {file['total']}")
            for record in file["records"]:
                word = "" if record["counted"] else " (duplicate, dropped)"
                lines.append(f"          record {record['record']}: {record['value']}{word}")
    return lines
