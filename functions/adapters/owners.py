"""Who else may account for a contract's month: the ledgers and successes of other plans."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.adapters.storage import folders
from functions.domain.ledger.entry import BY_RESPONSE, Entry
from functions.domain.ledger.owner import Owner, owners_of
from functions.domain.ledger.reading import spellings
from functions.domain.month import Month
from functions.domain.months import state_file
from functions.domain.wording import counted, some


def owners(books: Books, month: Month, contract: str) -> list[Owner]:
    """Return what other plans may account for of a contract's month: ledgers and state file.

    They may write its id in another way. A success without an entry was settled elsewhere: nobody
    knows what of.
    """
    plan, names = books.plan, spellings(contract)
    tails = [keys.ledger_entry(plan, month, name) for name in names]
    tails = [key.removeprefix(f"{keys.LEDGER_ROOT}{plan.path}") for key in tails]
    plans = folders(books.objects, keys.LEDGER_ROOT, 3)
    roots = [f"{keys.LEDGER_ROOT}{path}" for path in plans if path != plan.path]
    entries = books.read_all([f"{root}{tail}" for root in roots for tail in tails], Entry)
    settled = {plan.key, *(entry.plan for entry in entries if entry.accepted and not entry.waived)}
    document = books.state_document().value() or {}
    others = sorted(key for key in document if key.count(":") > 1 and key not in settled)
    shown = {key: state_file.read_plan(document, key, plan.state_file).at(month) for key in others}
    return owners_of(entries) + [Owner(key) for key in others if shown[key].done & names]


def own_records(books: Books, month: Month, contract: str) -> set[str]:
    """Return the ids of the records that this plan has sent for a contract's other months.

    The answer to the request must say so: what a listing shows may have been moved there.
    """
    root = f"{keys.LEDGER_ROOT}{books.plan.path}/"
    names = [name for name in folders(books.objects, root, 1) if name != str(month)]
    tail = keys.ledger_entry(books.plan, month, contract).rpartition("/")[2]
    entries = books.read_all([f"{root}{name}/{tail}" for name in names], Entry, unreadable=[])
    lines = chain.from_iterable(entry.lines for entry in entries)
    return {line.record_id for line in lines if line.record_id and line.evidence == BY_RESPONSE}


def earlier_name(
    books: Books, usage: Objects, months: Iterable[Month], configured: Collection[str]
) -> str:
    """Say which month, not begun yet, is in the books of a plan with this id; empty for none.

    The exporter keeps the id of a plan whose service or environment is renamed. One that is
    `configured` and has usage files of that month is another plan.
    """
    plan, document = books.plan, books.state_document().value() or {}
    held = {path.replace("/", ":") for path in folders(books.objects, keys.LEDGER_ROOT, 3)}
    other = sorted((held | document.keys()) - {plan.key})
    namesakes = [key for key in other if key.split(":")[2:] == [plan.plan_id]]
    for month in months if namesakes else ():
        own = _has_any(books.objects, f"{keys.LEDGER_ROOT}{plan.path}/{month}/")
        for key in () if own else namesakes:
            path = key.replace(":", "/")
            state = state_file.read_plan(document, key, plan.state_file).at(month)
            begun = state.done or _has_any(books.objects, f"{keys.LEDGER_ROOT}{path}/{month}/")
            files = f"{keys.USAGE_ROOT}{path}/{month.path}/"
            if begun and not (key in configured and _has_any(usage, files)):
                return f"{month} is in the books of {key}"
    return ""


def forgotten(books: Books, configured: Collection[str]) -> Iterator[str]:
    """Name the open contracts of plans that are configured no longer: no run of theirs does."""
    document = books.state_document().value() or {}
    others = [key for key in document if key.count(":") > 1 and key not in configured]
    for key in sorted(others) if configured else ():
        found = state_file.read_plan(document, key, books.plan.state_file)
        names = {f"{name} {month}" for month, of in found.errors.items() for name in of}
        if names:
            yield (
                f"{key} is not configured, and {counted(len(names), 'contract')} of it not billed: "
                f"{', '.join(some(sorted(names)))}; configure it to bill them, or remove their "
                f"entries from error_contracts in {books.plan.state_file}"
            )


def _has_any(objects: Objects, prefix: str) -> bool:
    return any(objects.list(prefix, limit=1))
