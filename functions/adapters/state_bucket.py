"""The state bucket's documents under their names: ledger, journal, lease, state file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from functions.adapters import leases, storage
from functions.adapters.documents import Document, Version
from functions.adapters.storage import Objects
from functions.domain import keys, state_file
from functions.domain.journal import Journal
from functions.domain.lease import Lease
from functions.domain.ledger_entry import Entry
from functions.domain.listing import spellings
from functions.domain.lookup import Owner
from functions.domain.manifest import Manifest
from functions.domain.month import Month
from functions.domain.outcome import Open
from functions.domain.plan import Plan
from functions.domain.remainders import Balance, Remainders, balance, remainders_of, with_entries
from functions.errors import BadState, WriteConflict

_READERS = 32
_TRIES = 8


def lease(objects: Objects, plan: Plan) -> Document[Lease]:
    """Return the plan's lease."""
    return Document(objects, keys.lease(plan), Lease)


def check_lease(objects: Objects, plan: Plan, execution: str) -> None:
    """Raise LeaseLost unless this execution holds the plan."""
    leases.check_held(lease(objects, plan), execution)


def journal(objects: Objects, plan: Plan) -> Document[Journal]:
    """Return what the pipeline remembers of the plan."""
    return journal_of(objects, plan.key)


def journal_of(objects: Objects, plan_key: str) -> Document[Journal]:
    """Return what the pipeline remembers of the plan with this key."""
    return Document(objects, keys.journal(plan_key), Journal)


def read_journal(objects: Objects, plan: Plan) -> Journal:
    """Return the journal as it is, an empty one if there is none."""
    read = journal(objects, plan).read()
    return read.value if read else Journal()


def entry(objects: Objects, plan: Plan, month: Month, contract: str) -> Document[Entry]:
    """Return the ledger entry of one contract's month."""
    return Document(objects, keys.ledger_entry(plan, month, contract), Entry)


def manifest(objects: Objects, plan: Plan, month: Month) -> Document[Manifest]:
    """Return what a closed month was billed from."""
    return Document(objects, keys.manifest(plan, month), Manifest)


def remainders(objects: Objects, plan: Plan, month: Month) -> Document[Remainders]:
    """Return what rounding left in a month."""
    return Document(objects, keys.remainders(plan, month), Remainders)


def renew_remainders(objects: Objects, plan: Plan, month: Month, entries: list[Entry]) -> None:
    """Write down what entries leave now. Of a month not accounted for yet CloseMonth does it."""
    document = remainders(objects, plan, month)
    if document.read():
        document.change(lambda found: with_entries(found or Remainders(), entries))


def balance_of_other_months(objects: Objects, plan: Plan, month: Month) -> Balance:
    """Add up what rounding left in all months but one.

    Of a month that a run has begun and not accounted for, the ledger itself knows best.
    """
    underway = {Month.parse(text) for text in read_journal(objects, plan).underway} - {month}
    left_out = {keys.remainders(plan, other) for other in underway | {month}}
    found = [item.key for item in objects.list(keys.remainders(plan)) if item.key not in left_out]
    state = (read_state(objects, plan) if underway else None) or state_file.PlanState()
    begun = [_left_so_far(objects, plan, other, state.at(other).done) for other in sorted(underway)]
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda key: Document(objects, key, Remainders).read(), found)
        months = [*begun, *(version.value for version in read if version)]
    return balance(months, plan.dimensions)


def _left_so_far(objects: Objects, plan: Plan, month: Month, done: frozenset[str]) -> Remainders:
    """Return what a month that is underway leaves by now; its last summary if that cannot be read.

    An entry that cannot be read stops its own month. For others a balance that is corrected once it
    can be read again is better than none.
    """
    try:
        return remainders_of(entries(objects, plan, month), plan.dimensions, done=done)
    except BadState:
        read = remainders(objects, plan, month).read()
        return read.value if read else Remainders()


def entries(objects: Objects, plan: Plan, month: Month) -> Iterator[Entry]:
    """Yield every ledger entry of a month."""
    found = [item.key for item in objects.list(keys.ledger_month(plan, month))]
    yield from _read_entries(objects, found)


def entries_of(
    objects: Objects,
    plan: Plan,
    month: Month,
    contracts: Iterable[str],
    *,
    unreadable: list[str] | None = None,
) -> Iterator[Entry]:
    """Yield the ledger entries of some contracts of a month, of those that have one.

    One that cannot be read is BadState, or named in `unreadable` and left out if that is given.
    """
    found = [keys.ledger_entry(plan, month, contract) for contract in contracts]
    yield from _read_entries(objects, found, unreadable)


def _read_entries(
    objects: Objects, found: Iterable[str], unreadable: list[str] | None = None
) -> Iterator[Entry]:
    def read(key: str) -> Version[Entry] | BadState | None:
        try:
            return Document(objects, key, Entry).read()
        except BadState as error:
            return error

    with ThreadPoolExecutor(_READERS) as pool:
        for answer in pool.map(read, found):
            if isinstance(answer, Version):
                yield answer.value
            elif answer and unreadable is None:
                raise answer
            elif answer and unreadable is not None:
                unreadable.append(str(answer))


def contracts_in_ledger(objects: Objects, plan: Plan, month: Month) -> set[str]:
    """Return the contracts that have an entry in a month."""
    prefix = keys.ledger_month(plan, month)
    return {keys.contract_of(item.key) for item in objects.list(prefix)}


def entries_of_other_plans(
    objects: Objects, plan: Plan, month: Month, contract: str
) -> Iterator[Entry]:
    """Yield the entries of the same contract and month under every other plan."""
    tails = [keys.ledger_entry(plan, month, name) for name in spellings(contract)]
    tails = [key.removeprefix(f"{keys.LEDGER_ROOT}{plan.path}") for key in tails]
    plans = storage.folders(objects, keys.LEDGER_ROOT, 3)
    others = [path for path in plans if path != plan.path]
    yield from _read_entries(
        objects, (f"{keys.LEDGER_ROOT}{path}{tail}" for path in others for tail in tails)
    )


def owners(objects: Objects, plan: Plan, month: Month, contract: str) -> list[Owner]:
    """Return what other plans may account for of a contract's month: ledgers and state file.

    A success without an entry was settled elsewhere: nobody knows what of.
    """
    entries = list(entries_of_other_plans(objects, plan, month, contract))
    found = [
        Owner(entry.plan, line.dimension, line.taken, certain=line.state == "accepted")
        for entry in entries
        for line in entry.may_be_billed
    ]
    stored = objects.read(plan.state_file)
    document = state_file.parse(stored.body if stored else None, plan.state_file)
    settled = {entry.plan for entry in entries if entry.accepted and not entry.waived}
    names, known = set(spellings(contract)), {plan.key, *settled}
    for key in sorted(key for key in document.keys() - known if key.count(":") > 1):
        state = state_file.read_plan(document, key, plan.state_file)
        if state and state.at(month).done & names:
            found.append(Owner(key))
    return found


def read_state(objects: Objects, plan: Plan) -> state_file.PlanState | None:
    """Return what the state file says of the plan; BadState if it cannot be understood."""
    return read_state_version(objects, plan)[0]


def read_state_version(
    objects: Objects, plan: Plan, known: str = ""
) -> tuple[state_file.PlanState | None, str]:
    """Return what the state file says, and its ETag; None if that is the known one still."""
    stored = objects.read(plan.state_file, unless=known)
    if stored and stored.etag == known:
        return None, known
    document = state_file.parse(stored.body if stored else None, plan.state_file)
    read = state_file.read_plan(document, plan.key, plan.state_file)
    return read, stored.etag if stored else ""


def open_contracts(objects: Objects, plan: Plan, month: Month, run_id: str) -> list[Open]:
    """Return why an execution has left contracts open."""
    found = [item.key for item in objects.list(keys.open_contracts(plan, month, run_id))]
    with ThreadPoolExecutor(_READERS) as pool:
        read = [stored.body for stored in pool.map(objects.read, found) if stored]
    return [msgspec.json.decode(body, type=Open) for body in read]


def change_state(
    objects: Objects, plan: Plan, change: Callable[[state_file.Document], state_file.Document]
) -> None:
    """Change the state file unless somebody else just did; then read and change again."""
    for _ in range(_TRIES):
        stored = objects.read(plan.state_file)
        document = state_file.parse(stored.body if stored else None, plan.state_file)
        state_file.read_plan(document, plan.key, plan.state_file)
        body = state_file.encode(change(document))
        if stored is None:
            written = objects.create(plan.state_file, body)
        else:
            written = objects.replace(plan.state_file, body, stored.etag)
        if written is not None:
            return
    raise WriteConflict(f"{plan.state_file} changes too often")
