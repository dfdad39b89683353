"""Where a billed quantity comes from, down to single records, and whether that adds up exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain import formula
from functions.domain.formula import PRICE, exact_text, names_in
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.remainders import Remainders
from functions.domain.month import Month
from functions.domain.usage.billing import round_to_whole
from functions.partners import RECEIVER
from infra.operator.month_files import read_month
from infra.operator.trace import Leaf


class Sum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A total with what it is the sum of: days, their hours, their files, their records."""

    name: str
    total: str
    parts: list[Sum] = []
    records: list[Leaf] = []


class Check(msgspec.Struct, kw_only=True):
    """Something that must be equal, and whether it is."""

    what: str
    found: str
    expected: str
    holds: bool


class Explained(msgspec.Struct, kw_only=True):
    """One dimension: usage -> formula -> amount + carried = quantity + remainder."""

    dimension: str
    quantity: str
    state: str
    formula: str
    amount: str
    carried: str
    carried_from: dict[str, str]
    remainder: str
    usage: list[Sum]
    duplicates: list[Leaf]
    checks: list[Check]
    exact: bool


class Explanation(msgspec.Struct, kw_only=True):
    """A contract's month. `not_billed`: why an operator has to settle it, if one has to.

    `read_by`: where a name of the files was asked for, the billed dimensions that read it. `names`:
    what can be asked for.
    """

    plan: str
    contract: str
    month: str
    exact: bool
    not_billed: str
    files: int
    problems: list[str]
    dimensions: list[Explained]
    names: list[str]
    read_by: list[str] | None = None


def explain(
    books: Books, usage: Objects, month: Month, contract: str, dimension: str | None = None
) -> Explanation | None:
    """Explain what the ledger holds of a contract's month; None if it holds nothing."""
    read = books.entry(month, contract).read()
    if read is None:
        return None
    entry, plan = read.value, books.plan
    files = read_month(plan, month, usage, books.objects, month.window_end(entry.until))
    leaves = files.leaves(contract)
    left = _left_by_month(books, month, contract)
    names = {line.dimension for line in entry.lines} | entry.unbilled.keys()
    names |= entry.formulas.keys() or entry.usage.keys()
    exported = entry.usage.keys() | {leaf.dimension for leaf in leaves}
    names = names or exported  # nothing could be computed from it
    chosen, read_by = sorted(names if dimension is None else names & {dimension}), None
    if dimension in exported - names:
        read_by = [n for n in sorted(names) if dimension in _sources(entry, n, leaves)]
        chosen = read_by or [dimension]
    found = [_explained(entry, name, leaves, left.get(name, {}), plan.rounding) for name in chosen]
    return Explanation(
        plan=plan.key,
        contract=contract,
        month=str(month),
        exact=bool(found) and all(one.exact for one in found) and not files.problems,
        not_billed=_not_billed(entry),
        files=sum(len(day.files) for day in files.days),
        problems=[str(problem) for problem in files.problems],
        dimensions=found,
        names=sorted(names | exported),
        read_by=read_by,
    )


def _not_billed(entry: Entry) -> str:
    failure = entry.failure
    return f"{failure.code} since {failure.at[:10]}: {failure.message}" if failure else ""


def _explained(
    entry: Entry, name: str, leaves: Sequence[Leaf], left: dict[str, str], rounding: str
) -> Explained:
    line = next((line for line in entry.lines if line.dimension == name), None)
    text = entry.formulas.get(name, "")
    sources = _sources(entry, name, leaves)
    of = {item: [leaf for leaf in leaves if leaf.dimension == item] for item in sources}
    values = {item: _value(item, leaves, entry) for item in _read(text, name)}
    quantity = line.quantity if line else "0"
    of_plan = name in entry.unbilled or (not entry.formulas and name in entry.usage)
    billed = bool(text or line or of_plan)
    amount = entry.amounts.get(name, "0" if billed and not line else "")  # what is zero is not kept
    carried = (line.carried if line else "") or "0"
    checks = [
        _check(
            f"the records of {item} add up to the usage that was billed",
            _total(of[item]),
            entry.usage[item],
        )
        for item in sources
        if item in entry.usage
    ]
    if billed:
        worth, what = (
            _evaluated(text, values, name),
            f"{text or name} of these records is the amount",
        )
        checks.append(_check(what, worth, amount or "not in the ledger"))
    remainder = ""
    if amount:
        due = Fraction(amount) + Fraction(carried)
        remainder = exact_text(due - Fraction(line.taken if line else quantity))
        whole = str(max(0, round_to_whole(due, rounding)))
        checks.append(_check("amount + carried in, rounded, is the quantity", whole, quantity))
    return Explained(
        dimension=name,
        quantity=quantity,
        state=_state(entry, line, billed=billed),
        formula=text,
        amount=amount,
        carried=carried,
        carried_from=left if sum(map(Fraction, left.values())) == Fraction(carried) else {},
        remainder=remainder,
        usage=[_tree(item, of[item]) for item in sources],
        duplicates=[leaf for item in sources for leaf in of[item] if leaf.duplicate_of],
        checks=checks,
        exact=bool(checks) and all(check.holds for check in checks),
    )


def _state(entry: Entry, line: Line | None, *, billed: bool) -> str:
    if line is None and entry.failure:
        return entry.failure.code
    if line is None:
        unread = "no formula reads it" if entry.formulas else "came after the bill"
        return "nothing to bill" if billed else unread
    return f"{line.state}, {RECEIVER} bills {line.billed}" if line.billed else line.state


def _read(text: str, name: str) -> list[str]:
    """Return the names in a formula; without one a dimension is usage of its own name."""
    return sorted(names_in(text)) if text else [name]


def _sources(entry: Entry, name: str, leaves: Sequence[Leaf]) -> list[str]:
    """Return the usage that a billed dimension is computed from."""
    read = _read(entry.formulas.get(name, ""), name)
    return sorted({_source(item, leaves, entry) for item in read})


def _source(name: str, leaves: Sequence[Leaf], entry: Entry) -> str:
    """Return the usage that a name in a formula stands for: its quantity, or what it costs."""
    exported = entry.usage.keys() | {leaf.dimension for leaf in leaves}
    return name if name in exported else name.removesuffix(PRICE)


def _value(name: str, leaves: Sequence[Leaf], entry: Entry) -> Fraction:
    source = _source(name, leaves, entry)
    counted = (leaf for leaf in leaves if leaf.dimension == source and not leaf.duplicate_of)
    if source == name:
        return sum((Fraction(leaf.value) for leaf in counted), Fraction(0))
    return sum((Fraction(leaf.value) * Fraction(leaf.price or 0) for leaf in counted), Fraction(0))


def _evaluated(text: str, values: dict[str, Fraction], name: str) -> str:
    try:
        return exact_text(formula.evaluate(text, values) if text else values[name])
    except formula.FormulaError as error:
        return str(error)


def _check(what: str, found: str, expected: str) -> Check:
    return Check(what=what, found=found, expected=expected, holds=found == expected)


def _total(leaves: Iterable[Leaf]) -> str:
    counted = (Fraction(leaf.value) for leaf in leaves if not leaf.duplicate_of)
    return exact_text(sum(counted, Fraction(0)))


def _tree(name: str, leaves: Sequence[Leaf]) -> Sum:
    """Return usage by day, hour and file; leaves come in the order of their hours and files."""
    days = [
        Sum(
            name=day or "beside the days",
            total=_total(of_day),
            parts=[
                Sum(
                    name=hour or "in no hour folder",
                    total=_total(of_hour),
                    parts=[
                        Sum(name=file, total=_total(records), records=records)
                        for file, found in groupby(of_hour, lambda leaf: leaf.file)
                        if (records := list(found))
                    ],
                )
                for hour, inside in groupby(of_day, lambda leaf: leaf.hour)
                if (of_hour := list(inside))
            ],
        )
        for day, within in groupby(leaves, lambda leaf: leaf.hour[:2])
        if (of_day := list(within))
    ]
    return Sum(name=name, total=_total(leaves), parts=days)


def _left_by_month(books: Books, month: Month, contract: str) -> dict[str, dict[str, str]]:
    """Return what rounding left of other months, by dimension and month, as the books say now."""
    listed = [item.key for item in books.objects.list(keys.remainders(books.plan))]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key, left in zip(listed, books.read_all(listed, Remainders), strict=True):
        other = key.rpartition("/")[2].removesuffix(".json")
        for name, text in left.contracts.get(contract, {}).items():
            if other != str(month):
                found[name][other] = text
    return found
