"""The state bucket's documents under their names: ledger, journal, lease, state file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from functions.adapters import keys, storage
from functions.adapters.documents import Document
from functions.adapters.storage import Objects
from functions.domain.lease import Lease
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.listing import spellings
from functions.domain.ledger.lookup import Owner
from functions.domain.ledger.remainders import (
    Balance,
    Remainders,
    balance,
    remainders_of,
    with_entries,
)
from functions.domain.month import Month, parse_instant
from functions.domain.months import state_file
from functions.domain.months.journal import Journal
from functions.domain.months.outcome import Open
from functions.domain.months.state_file import PlanState
from functions.domain.plan import Plan
from functions.domain.usage.manifest import Manifest
from functions.errors import BadState, LeaseLost

T = TypeVar("T")


def lease(objects: Objects, plan: Plan) -> Document[Lease]:
    """Return the plan's lease."""
    return Document(objects, keys.lease(plan), Lease)


def check_lease(objects: Objects, plan: Plan, execution: str) -> datetime:
    """Return when this execution took the plan; LeaseLost unless it holds it.

    One that was stopped and is redriven goes on with what it knew, which others may have changed.
    """
    held = lease(objects, plan).read()
    if held and held.value.execution == execution:
        return parse_instant(held.value.at)
    holder = (held.value.execution if held else "") or "nobody"
    raise LeaseLost(
        f"{keys.lease(plan)} is held by {holder}: others have worked on this plan "
        "since this execution stopped; start a new one"
    )


def journal(objects: Objects, plan: Plan) -> Document[Journal]:
    """Return what the pipeline remembers of the plan."""
    return Document(objects, keys.journal(plan), Journal)


def read_journal(objects: Objects, plan: Plan) -> Journal:
    """Return the journal as it is, an empty one if there is none."""
    read = journal(objects, plan).read()
    return read.value if read else Journal()


def change_journal(objects: Objects, plan: Plan, change: Callable[[Journal], Journal]) -> Journal:
    """Change the journal, an empty one if there is none; return it as it is then."""
    return journal(objects, plan).change(lambda found: change(found or Journal())).value


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
    state = read_state(objects, plan)
    begun = [_left_so_far(objects, plan, other, state.at(other).done) for other in sorted(underway)]
    return balance([*begun, *_read_all(objects, found, Remainders)], plan.dimensions)


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


def entries(
    objects: Objects,
    plan: Plan,
    month: Month,
    contracts: Iterable[str] | None = None,
    *,
    unreadable: list[str] | None = None,
) -> list[Entry]:
    """Return the ledger entries of a month: all, or those of some contracts that have one.

    One that cannot be read is BadState, or named in `unreadable` and left out if that is given.
    """
    if contracts is None:
        found = [item.key for item in objects.list(keys.ledger_month(plan, month))]
    else:
        found = [keys.ledger_entry(plan, month, contract) for contract in contracts]
    return _read_all(objects, found, Entry, unreadable)


def _read_all(
    objects: Objects, found: list[str], kind: type[T], unreadable: list[str] | None = None
) -> list[T]:
    """Read many documents at once; return those that are there."""
    read = list[T]()
    for key, stored in zip(found, objects.read_many(found), strict=True):
        try:
            read += [Document(objects, key, kind).decode(stored.body)] if stored else []
        except BadState as error:
            if unreadable is None:
                raise
            unreadable.append(str(error))
    return read


def contracts_in_ledger(objects: Objects, plan: Plan, month: Month) -> set[str]:
    """Return the contracts that have an entry in a month."""
    prefix = keys.ledger_month(plan, month)
    return {keys.contract_of(item.key) for item in objects.list(prefix)}


def owners(objects: Objects, plan: Plan, month: Month, contract: str) -> list[Owner]:
    """Return what other plans may account for of a contract's month: ledgers and state file.

    A success without an entry was settled elsewhere: nobody knows what of.
    """
    tails = [keys.ledger_entry(plan, month, name) for name in spellings(contract)]
    tails = [key.removeprefix(f"{keys.LEDGER_ROOT}{plan.path}") for key in tails]
    plans = storage.folders(objects, keys.LEDGER_ROOT, 3)
    roots = [f"{keys.LEDGER_ROOT}{path}" for path in plans if path != plan.path]
    entries = _read_all(objects, [f"{root}{tail}" for root in roots for tail in tails], Entry)
    found = [
        Owner(entry.plan, line.dimension, line.taken, certain=line.state == "accepted")
        for entry in entries
        for line in entry.may_be_billed
    ]
    read = _StateFile(objects, plan.state_file, dict).read()
    settled = {entry.plan for entry in entries if entry.accepted and not entry.waived}
    names, known = set(spellings(contract)), {plan.key, *settled}
    document = read.value if read else {}
    others = sorted(key for key in document.keys() - known if key.count(":") > 1)
    return found + [
        Owner(key)
        for key in others
        if state_file.read_plan(document, key, plan.state_file).at(month).done & names
    ]


class _StateFile(Document[state_file.Document]):
    """The state file, which is read and written as people edit it."""

    def decode(self, body: bytes) -> state_file.Document:
        return state_file.parse(body, self.key)

    def _encode(self, value: state_file.Document) -> bytes:
        return state_file.encode(value)


def read_state(objects: Objects, plan: Plan) -> PlanState:
    """Return what the state file says of the plan; BadState if it cannot be understood."""
    return read_state_version(objects, plan)[0] or PlanState()


def read_state_version(
    objects: Objects, plan: Plan, known: str = ""
) -> tuple[PlanState | None, str]:
    """Return what the state file says, and its ETag; None if that is the known one still."""
    stored = objects.read(plan.state_file, unless=known)
    if stored and stored.etag == known:
        return None, known
    document = state_file.parse(stored.body, plan.state_file) if stored else {}
    read = state_file.read_plan(document, plan.key, plan.state_file)
    return read, stored.etag if stored else ""


def change_state(
    objects: Objects, plan: Plan, change: Callable[[state_file.Document], state_file.Document]
) -> PlanState:
    """Change the state file; return what it says of the plan then."""

    def changed(found: state_file.Document | None) -> state_file.Document:
        document = found or {}
        state_file.read_plan(document, plan.key, plan.state_file)
        return change(document)

    written = _StateFile(objects, plan.state_file, dict).change(changed).value
    return state_file.read_plan(written, plan.key, plan.state_file)


def open_contracts(objects: Objects, plan: Plan, month: Month, run_id: str) -> list[Open]:
    """Return why an execution has left contracts open."""
    found = [item.key for item in objects.list(keys.open_contracts(plan, month, run_id))]
    return _read_all(objects, found, Open)
