"""Where a billed quantity comes from, down to single records, and whether that adds up exactly."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain import formula
from functions.domain.formula import PRICE, exact_text, names_in
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.remainders import Remainders
from functions.domain.month import Month
from functions.domain.usage.billing import round_to_whole
from functions.domain.wording import suggestion
from infra.operator.entry_dimension import EntryDimension, is_computed
from infra.operator.errors import Failed
from infra.operator.explained import Check, Explained, Explanation, total_of, tree_of
from infra.operator.month_files import read_month
from infra.operator.options import Where
from infra.operator.place import Place, find
from infra.operator.trace import Leaf


def explanations(
    where: Where, contract: str, month: Month, dimension: str | None
) -> list[Explanation]:
    """Explain a contract's month in every plan that has billed it; Failed if none has."""
    place = find(where)
    usage = place.needs_usage()
    found = [explain(books, usage, month, contract, dimension) for books in place.books()]
    known = [one for one in found if one]
    if not known:
        raise Failed(
            f"the ledger holds no entry of {contract} for {month}, so nothing was billed; "
            f"{_nearest(place, contract, month)}; what is open: {where.command('status')}; "
            f"what is missing: {where.command(f'reconcile {month}')}"
        )
    shown = [one for one in known if one.dimensions or dimension is None]
    if dimension and not shown:
        names = {name for one in known for name in one.names}
        raise Failed(f"{contract} has no {dimension} in {month}; {suggestion([dimension], names)}")
    return shown


def _nearest(place: Place, contract: str, month: Month) -> str:
    """Say which month before has the contract, else which contracts the month has."""
    books = place.books()
    before = month.plus(-1)
    if any(one.entry(before, contract).read() for one in books):
        return f"it has one for {before}"
    known = {name for one in books for name in one.contracts_in_ledger(month)}
    return suggestion([contract], known)


def explain(
    books: Books, usage: Objects, month: Month, contract: str, dimension: str | None = None
) -> Explanation | None:
    """Explain what the ledger holds of a contract's month; None if it holds nothing."""
    entry, plan = _entry_of(books, month, contract), books.plan
    if entry is None:
        return None
    files = read_month(plan, month, usage, books.objects, month.window_end(entry.until))
    leaves = files.leaves(contract)
    left, why = _left_by_month(books, month, contract), entry.failure
    exported = entry.usage.keys() | {leaf.dimension for leaf in leaves}
    names = _names_of(entry) or exported  # nothing could be computed from it
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
        not_billed=f"{why.code} since {why.at[:10]}: {why.message}" if why else "",
        files=sum(len(day.files) for day in files.days),
        problems=[str(problem) for problem in files.problems],
        dimensions=found,
        names=sorted(names | exported),
        read_by=read_by,
    )


def _entry_of(books: Books, month: Month, contract: str) -> Entry | None:
    """Return an entry; of one for which nothing could be computed, the formulas are the plan's."""
    read = books.entry(month, contract).read()
    if read and not is_computed(read.value):
        return msgspec.structs.replace(read.value, formulas=books.plan.dimensions)
    return read.value if read else None


def _names_of(entry: Entry) -> set[str]:
    names = {line.dimension for line in entry.lines} | entry.unbilled.keys()
    return names | (entry.formulas.keys() or entry.usage.keys())


def _explained(
    entry: Entry, name: str, leaves: Sequence[Leaf], left: dict[str, str], rounding: str
) -> Explained:
    line = next((line for line in entry.lines if line.dimension == name), None)
    held = EntryDimension(entry, name, line)
    read = _read(held.formula, name)
    values = {item: _value(item, leaves, entry) for item in read}
    sources = _sources(entry, name, leaves)
    of = {item: [leaf for leaf in leaves if leaf.dimension == item] for item in sources}
    checks = list(_checks(held, of, values, rounding))
    return Explained(
        dimension=name,
        quantity=held.quantity,
        state=held.state,
        formula=held.formula,
        reads={n: exact_text(v) for n, v in values.items() if held.formula and held.quantity},
        amount=held.amount,
        carried=held.carried,
        carried_from=left if sum(map(Fraction, left.values())) == Fraction(held.carried) else {},
        remainder=held.remainder,
        usage=[tree_of(item, found) for item, found in of.items()],
        duplicates=[leaf for found in of.values() for leaf in found if leaf.duplicate_of],
        checks=checks,
        exact=bool(checks) and all(check.holds for check in checks),
    )


def _checks(
    held: EntryDimension,
    of: Mapping[str, Sequence[Leaf]],
    values: dict[str, Fraction],
    rounding: str,
) -> Iterator[Check]:
    """Yield the equations from the records to the quantity."""
    for item, leaves in of.items():
        if item in held.entry.usage:
            what = f"the records of {item} add up to the usage that it was computed from"
            yield Check.of(what, total_of(leaves), held.entry.usage[item])
    if held.is_billed:
        what = f"{held.formula or held.name} of these records is the amount"
        worth = _evaluated(held.formula, values, held.name)
        yield Check.of(what, worth, held.amount or "not in the ledger")
    if held.amount:
        whole = str(max(0, round_to_whole(held.due, rounding)))
        yield Check.of("amount + carried in, rounded, is the quantity", whole, held.quantity)


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
