"""One contract's row per dimension: what each of the four says, and what is not equal."""

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

import msgspec

from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.failures import NOT_COMPUTED
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.owner import Owner
from functions.domain.ledger.reconciliation import MISSING, NONE, by_all, held, unknown
from functions.domain.months.late_usage import Difference
from functions.domain.months.report_rows import BY_HAND
from functions.domain.usage import billing
from functions.domain.usage.bill import ContractBill


class Compared(msgspec.Struct, kw_only=True):
    """One contract's dimension: quantities, or why there is none.

    `differs`: what is not equal; of that, `changed`: the files are not those that were billed, and
    `listed`: Clazar lists something else. `open`: why it is not settled in the ledger, if so.
    """

    contract: str
    dimension: str
    files: str
    bill: str
    ledger: str
    clazar: str
    differs: list[str]
    changed: bool = False
    listed: bool = False
    open: str = ""


class Sources(msgspec.Struct, kw_only=True):
    """What each of the four says, by contract; `elsewhere`: what other plans have sent."""

    files: Mapping[str, ContractBill]
    bills: Mapping[str, ContractBill]
    ledger: Mapping[str, Entry]
    by_hand: Collection[str]
    late: Mapping[tuple[str, str], Difference]
    rounding: str
    elsewhere: Mapping[str, list[Owner]] = {}
    listings: Mapping[str, Listing] | None = None

    @property
    def names(self) -> list[str]:
        """The contracts that files, bill or ledger know."""
        return sorted(self.files.keys() | self.bills.keys() | self.ledger.keys())


def rows_of(name: str, of: Sources) -> list[Compared]:
    """Compare one contract, dimension by dimension, with what nobody of us has sent as well."""
    entry, bill, today = of.ledger.get(name), of.bills.get(name), of.files.get(name)
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    dimensions = set(lines)
    for one in (bill, today):
        dimensions |= (one.quantities.keys() | one.amounts.keys()) if one else set()
    dimensions |= entry.unbilled.keys() if entry else set()
    dimensions |= {dimension for contract, dimension in of.late if contract == name}
    others = of.elsewhere.get(name, ())
    listing = by_all(of.listings[name], dimensions, others) if of.listings else None
    of = msgspec.structs.replace(of, listings=listing and {name: listing})
    rows = [
        _row(name, dimension, entry, lines.get(dimension), of) for dimension in sorted(dimensions)
    ]
    if entry and entry.failure and not entry.lines:
        # Nothing could be computed of it: a formula or the configuration has failed.
        row = _missing(name, "", "not asked" if listing is None else NONE, [])
        rows.append(msgspec.structs.replace(row, open=entry.failure.code))
    if name in of.by_hand or listing is None:
        return rows
    # What only Clazar lists; what another plan has sent is not strange.
    found = {one: held(listing, one, None, others) for one in unknown(listing, dimensions)}
    return rows + [_missing(name, one, *lists) for one, lists in found.items()]


def _missing(name: str, dimension: str, clazar: str, differs: list[str]) -> Compared:
    """Return a row of which neither files nor bill nor ledger know a quantity."""
    return Compared(
        contract=name,
        dimension=dimension,
        files=MISSING,
        bill=MISSING,
        ledger=MISSING,
        clazar=clazar,
        differs=differs,
    )


def _row(
    name: str, dimension: str, entry: Entry | None, line: Line | None, of: Sources
) -> Compared:
    bill, today = of.bills.get(name), of.files.get(name)
    amount = today.amounts.get(dimension, "0") if today else ""
    files = _quantity(amount, line, entry, dimension, of.rounding) if today else MISSING
    ledger = line.quantity if line else "0" if entry else MISSING
    differs = list(_differing(name, dimension, entry, line, of))
    if line and line.amount == amount and files != ledger:
        differs.append("the ledger's quantity is not its amount and what was carried, rounded")
    if entry is None and name not in of.by_hand and files not in ("0", MISSING):
        differs.append("the ledger has no entry")
    clazar, wrong = _listed(name, dimension, line, of)
    is_open = _open(entry, line)
    noted = [f"open in the ledger: {is_open}"] if is_open and (differs or wrong) else []
    return Compared(
        contract=name,
        dimension=dimension,
        files=files,
        bill=bill.quantities.get(dimension, "0") if bill else "not kept",
        ledger=BY_HAND if name in of.by_hand else ledger,
        clazar=clazar,
        differs=[*differs, *wrong, *noted],
        changed=(name, dimension) in of.late,
        listed=bool(wrong),
        open=is_open,
    )


def _differing(
    name: str, dimension: str, entry: Entry | None, line: Line | None, of: Sources
) -> Iterator[str]:
    """Yield where files and bill are not what the ledger was billed."""
    bill, today = of.bills.get(name), of.files.get(name)
    uncomputed = entry and entry.failure and entry.failure.code in NOT_COMPUTED
    if today and today.failure and not uncomputed:
        yield f"files: {today.failure}"
    if late := of.late.get((name, dimension)):
        yield f"the files come to {late.now}, the ledger was billed {late.billed}"
    if bill and line and line.amount and bill.amounts.get(dimension, "0") != line.amount:
        yield f"the bill comes to {bill.amounts.get(dimension, '0')}, not {line.amount}"


def _listed(name: str, dimension: str, line: Line | None, of: Sources) -> tuple[str, list[str]]:
    """Return what Clazar lists, and where that is not what the ledger holds."""
    if of.listings is None:
        return "not asked", []
    if name in of.by_hand:
        return "not compared", []  # who settled it elsewhere knows what is there
    return held(of.listings[name], dimension, line, of.elsewhere.get(name, ()))


def _open(entry: Entry | None, line: Line | None) -> str:
    """Return why a line is not settled: what the ledger calls it, or the code of its failure."""
    if line is None or line.state in ("accepted", "waived"):
        return ""
    return line.code or (entry.failure.code if entry and entry.failure else line.state)


def _quantity(
    amount: str, line: Line | None, entry: Entry | None, dimension: str, rounding: str
) -> str:
    """Return what the files come to now, with what was carried in when it was billed."""
    if entry and dimension in entry.unbilled:
        return "0"
    due = Fraction(amount) + Fraction((line.carried if line else "") or "0")
    return str(max(0, billing.round_to_whole(due, rounding)))
