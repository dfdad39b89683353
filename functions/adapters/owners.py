"""Who else may account for a contract's month: the ledgers and successes of other plans."""

from __future__ import annotations

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.storage import folders
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.listing import spellings
from functions.domain.ledger.lookup import Owner, owners_of
from functions.domain.month import Month
from functions.domain.months import state_file


def owners(books: Books, month: Month, contract: str) -> list[Owner]:
    """Return what other plans may account for of a contract's month: ledgers and state file.

    A success without an entry was settled elsewhere: nobody knows what of.
    """
    plan, names = books.plan, set(spellings(contract))
    tails = [keys.ledger_entry(plan, month, name) for name in spellings(contract)]
    tails = [key.removeprefix(f"{keys.LEDGER_ROOT}{plan.path}") for key in tails]
    plans = folders(books.objects, keys.LEDGER_ROOT, 3)
    roots = [f"{keys.LEDGER_ROOT}{path}" for path in plans if path != plan.path]
    entries = books.read_all([f"{root}{tail}" for root in roots for tail in tails], Entry)
    read = books.state_document().read()
    document = read.value if read else {}
    settled = {entry.plan for entry in entries if entry.accepted and not entry.waived}
    others = sorted(key for key in document if key.count(":") > 1)
    return owners_of(entries) + [
        Owner(key)
        for key in others
        if key not in {plan.key, *settled}
        and state_file.read_plan(document, key, plan.state_file).at(month).done & names
    ]
