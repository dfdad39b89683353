"""A month four times over: files, bill, ledger, and what Clazar lists; differences first."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.adapters.receivers import ListingUnavailable, UsageReceiver
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.listing_pages import ask
from functions.domain.ledger.owner import Owner, owners_of
from functions.domain.month import Month, format_instant
from functions.domain.months.late_usage import Difference, compare_usage
from functions.domain.usage import billing
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.fold import Total
from functions.domain.usage.manifest import Manifest
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import some
from functions.errors import ContractUnserved, PartnerUnreachable
from infra.operator.errors import Failed
from infra.operator.month_files import MonthFiles, read_month
from infra.operator.reconcile_rows import Compared, Sources, rows_of

_ASKERS, _SECONDS, _PAUSES = 8, 600.0, (1.0, 5.0, 25.0)

Progress = Callable[[int, int], None]


class Reconciled(msgspec.Struct, kw_only=True):
    """A plan's month. `days`: those whose files are not the ones that were billed."""

    plan: str
    month: str
    equal: bool
    asked: bool
    days: list[str]
    notes: list[str]
    rows: list[Compared]

    @property
    def differing(self) -> list[Compared]:
        """The rows with a difference."""
        return [row for row in self.rows if row.differs]

    @property
    def open(self) -> list[Compared]:
        """The rows that are as the ledger holds them, and not settled there."""
        return [row for row in self.rows if row.open and not row.differs]


def reconcile(
    books: Books,
    usage: Objects,
    month: Month,
    clazar: UsageReceiver | None,
    *,
    others: Sequence[Books] = (),
    now: str = "",
    progress: Progress = lambda _ended, _of: None,
) -> Reconciled:
    """Compare everything that is known of a month. `others`: plans that share contracts."""
    unreadable: list[str] = []
    ledger = {entry.contract_id: entry for entry in books.entries(month, unreadable=unreadable)}
    files = read_month(books.plan, month, usage, books.objects)
    of, notes, days = _sources(books, files, ledger)
    of.elsewhere = _sent_by(others, month, of.names)
    if clazar:
        of.listings = _listings(clazar, of.names, month, now, progress)
    else:
        notes.append("Clazar was not asked; add --clazar URL, or use --env")
    rows, wrong = _rows(of), [*unreadable, *map(str, files.problems)]
    return Reconciled(
        plan=books.plan.key,
        month=str(month),
        equal=not (wrong or days or any(row.differs or row.open for row in rows)),
        asked=clazar is not None,
        days=days,
        notes=notes + wrong,
        rows=rows,
    )


def _rows(of: Sources) -> list[Compared]:
    rows = [row for name in of.names for row in rows_of(name, of)]
    return sorted(rows, key=lambda r: (not r.differs, not r.open, r.contract, r.dimension))


def _sources(
    books: Books, files: MonthFiles, ledger: Mapping[str, Entry]
) -> tuple[Sources, list[str], list[str]]:
    """Return what this plan's files, bills and ledger say, notes, and days that changed."""
    month, notes = files.month, list[str]()
    billed = books.manifest(month).read()
    manifest = billed.value if billed else None
    today = _bill_of(files, books, ledger, notes)
    bills, processed = _bills(books, month, ledger, manifest)
    shown = books.read_state().at(month).done if processed else frozenset()
    if manifest is None:
        notes.append(f"{month} is not closed: the digests of its days are not kept yet")
    of = Sources(
        files=today,
        bills=bills,
        ledger=ledger,
        by_hand=shown - ledger.keys() - processed,
        late=_late(today, ledger, books.plan.dimensions),
        rounding=books.plan.rounding,
    )
    return of, notes, manifest.changed(files.digests) if manifest else []


def _sent_by(others: Sequence[Books], month: Month, names: Sequence[str]) -> dict[str, list[Owner]]:
    """Return what other plans have sent for these contracts."""
    found: dict[str, list[Owner]] = defaultdict(list)
    for entry in chain.from_iterable(other.entries(month, names) for other in others):
        found[entry.contract_id] += owners_of([entry])
    return found


def _bill_of(
    files: MonthFiles, books: Books, ledger: Mapping[str, Entry], notes: list[str]
) -> dict[str, ContractBill]:
    """Bill today's files again, without what is carried: the ledger knows what that was."""
    total = Total()
    for day in files.days:
        total.add(files.folded(day))
    journal = books.read_journal()
    found = billing.bill(files.plan, total.groups.items(), {}, journal.dimensions, ledger.keys())
    if found.quarantined:
        held = ", ".join(some(map(str, found.quarantined), 3))
        notes.append(f"usage without a payer is not billed: {held}")
    return {bill.contract_id: bill for bill in found.contracts}


def _bills(
    books: Books, month: Month, ledger: Mapping[str, Entry], manifest: Manifest | None
) -> tuple[dict[str, ContractBill], set[str]]:
    """Return each contract's bill as the run that claimed it, or closed the month, computed it.

    With the contracts that these runs have processed: each of them must be in the ledger.
    """
    runs = {entry.execution for entry in ledger.values()}
    closing = manifest.execution if manifest else ""
    found, processed = dict[str, ContractBill](), set[str]()
    for execution in [*sorted(runs - {closing}), closing]:
        name = execution.rpartition(":")[2]
        stored = books.objects.read(f"{keys.run(books.plan, month, name, dry_run=False)}bill.json")
        computed = msgspec.json.decode(stored.body, type=MonthUsage) if stored else None
        processed.update(computed.processed if computed else ())
        for one in computed.bill.contracts if computed else ():
            entry = ledger.get(one.contract_id)
            if execution == (entry.execution if entry else closing):
                found[one.contract_id] = one
    return found, processed


def _late(
    today: Mapping[str, ContractBill], ledger: Mapping[str, Entry], formulas: Mapping[str, str]
) -> dict[tuple[str, str], Difference]:
    """Return what the files come to now and was not billed; final usage is a part of its month."""
    whole = {name: entry for name, entry in ledger.items() if not entry.until}
    others = frozenset(today.keys() - whole.keys())
    found, _ = compare_usage(today.values(), whole, formulas, by_hand=others)
    return {(one.contract_id, one.dimension): one for one in found}


def _listings(
    clazar: UsageReceiver, names: Sequence[str], month: Month, begun: str, progress: Progress
) -> dict[str, Listing]:
    """Ask what is listed for each contract, several at a time."""
    with ThreadPoolExecutor(_ASKERS) as pool:
        found: dict[str, Listing] = {}
        ask_for = partial(_listing, clazar, month, begun or format_instant(month.end))
        for name, listing in zip(names, pool.map(ask_for, names), strict=True):
            found[name] = listing
            progress(len(found), len(names))
    return found


def _listing(clazar: UsageReceiver, month: Month, begun: str, name: str) -> Listing:
    asked = ask(name, begun)
    try:
        for pause in _PAUSES:
            try:
                return clazar.read_listing(asked, name, month, lambda: _SECONDS).listing
            except PartnerUnreachable:  # throttled, mostly
                time.sleep(pause)
        return clazar.read_listing(asked, name, month, lambda: _SECONDS).listing
    except ContractUnserved as error:
        return Listing(doubts={"": str(error)})
    except ListingUnavailable as error:
        raise Failed(f"Clazar does not list records ({error}); compare by its console") from None
