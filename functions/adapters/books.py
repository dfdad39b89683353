"""The books of a plan: ledger, journal, lease, remainders, manifests and state file."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from functions.adapters import keys
from functions.adapters.documents import Document
from functions.adapters.objects import Objects
from functions.domain.lease import Lease
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.remainders import (
    Carried,
    Remainders,
    balance,
    remainders_of,
    with_entries,
)
from functions.domain.ledger.resolution import settle_by_hand
from functions.domain.month import Month, parse_instant
from functions.domain.months import state_file
from functions.domain.months.journal import Journal, resolved
from functions.domain.months.outcome import Open
from functions.domain.months.state_file import PlanState
from functions.domain.months.totals import History, MonthTotals
from functions.domain.plan import Plan
from functions.domain.usage.manifest import Manifest
from functions.errors import BadState, LeaseLost

T = TypeVar("T")


class Books:
    """A plan's documents in the state bucket. Whoever opens them knows no key."""

    def __init__(self, objects: Objects, plan: Plan) -> None:
        self.objects, self.plan = objects, plan

    def lease(self) -> Document[Lease]:
        """Return the plan's lease."""
        return Document(self.objects, keys.lease(self.plan), Lease)

    def check_lease(self, execution: str) -> datetime:
        """Return when this execution took the plan; LeaseLost unless it holds it.

        One that was stopped and is redriven resumes with what it knew, which others may have
        changed.
        """
        held = self.lease().value()
        if held and held.execution == execution:
            return parse_instant(held.at)
        holder = (held.execution if held else "") or "nobody"
        why = "others have worked on this plan since this execution stopped; start a new one"
        raise LeaseLost(f"{keys.lease(self.plan)} is held by {holder}: {why}")

    def journal(self) -> Document[Journal]:
        """Return what the pipeline remembers of the plan."""
        return Document(self.objects, keys.journal(self.plan), Journal)

    def read_journal(self) -> Journal:
        """Return the journal as it is, an empty one if there is none."""
        return self.journal().value() or Journal()

    def change_journal(self, change: Callable[[Journal], Journal]) -> Journal:
        """Change the journal, an empty one if there is none; return it as it is then."""
        return self.journal().change(lambda found: change(found or Journal())).value

    def entry(self, month: Month, contract: str) -> Document[Entry]:
        """Return the ledger entry of one contract's month."""
        return Document(self.objects, keys.ledger_entry(self.plan, month, contract), Entry)

    def entries(
        self,
        month: Month,
        contracts: Iterable[str] | None = None,
        *,
        unreadable: list[str] | None = None,
    ) -> list[Entry]:
        """Return the ledger entries of a month: all, or those of some contracts that have one.

        One that cannot be read is BadState, or named in `unreadable` and left out if that is given.
        """
        if contracts is None:
            found = [item.key for item in self.objects.list(keys.ledger_month(self.plan, month))]
        else:
            found = [keys.ledger_entry(self.plan, month, contract) for contract in contracts]
        return self.read_all(found, Entry, unreadable)

    def read_all(
        self, found: list[str], kind: type[T], unreadable: list[str] | None = None
    ) -> list[T]:
        """Read many documents at once; return those that are there."""
        read = list[T]()
        for key, stored in zip(found, self.objects.read_many(found), strict=True):
            try:
                read += [Document(self.objects, key, kind).decode(stored.body)] if stored else []
            except BadState as error:
                if unreadable is None:
                    raise
                unreadable.append(str(error))
        return read

    def contracts_in_ledger(self, month: Month) -> set[str]:
        """Return the contracts that have an entry in a month."""
        prefix = keys.ledger_month(self.plan, month)
        return {keys.name_in(item.key) for item in self.objects.list(prefix)}

    def open_contracts(self, month: Month, run_id: str) -> list[Open]:
        """Return why an execution has left contracts open."""
        prefix = keys.open_contracts(self.plan, month, run_id)
        return self.read_all([item.key for item in self.objects.list(prefix)], Open)

    def manifest(self, month: Month) -> Document[Manifest]:
        """Return what a closed month was billed from."""
        return Document(self.objects, keys.manifest(self.plan, month), Manifest)

    def closed_months(self) -> list[Month]:
        """Return the months that this pipeline has closed, in order."""
        return self._months_at(keys.manifest(self.plan))

    def _months_at(self, prefix: str) -> list[Month]:
        return sorted(Month.parse(keys.name_in(item.key)) for item in self.objects.list(prefix))

    def totals(self, month: Month) -> MonthTotals | None:
        """Return the totals of a closed month; None if an earlier program has closed it."""
        known = Document(self.objects, keys.totals(self.plan, month), History).value()
        return known.at(str(month)) if known else None

    def remainders(self, month: Month) -> Document[Remainders]:
        """Return what rounding left in a month."""
        return Document(self.objects, keys.remainders(self.plan, month), Remainders)

    def waive(
        self, month: Month, entries: Iterable[Entry], execution: str, at: str
    ) -> dict[str, Entry]:
        """Note in the ledger what an operator has settled by hand; remainders are not renewed."""

        def waived(known: Entry) -> Entry:
            document, where = self.entry(month, known.contract_id), self.plan.state_file
            return document.change(
                lambda now: settle_by_hand(now or known, execution, at, where)
            ).value

        return {entry.contract_id: waived(entry) for entry in entries}

    def renew_remainders(self, month: Month, entries: Collection[Entry]) -> None:
        """Write down what entries leave now. Of a month not accounted for yet CloseMonth does."""
        document = self.remainders(month)
        if document.read():
            document.change(lambda found: with_entries(found or Remainders(), entries))

    def carries(self, month: Month, entries: Iterable[Entry]) -> bool:
        """Return True if what rounding leaves in a month is written down, if it is not so far.

        It is by the setting that the month was closed with, and where it has taken something in.
        """
        billed = self.manifest(month).value()
        carries = billed.carries if billed else self.plan.carry_remainders
        return carries or any(line.carried for entry in entries for line in entry.lines)

    def balance_of_other_months(self, month: Month, state: PlanState, journal: Journal) -> Carried:
        """Add up what rounding left in other months; what leaves nothing takes nothing in either.

        Of a month that a run has begun and not accounted for, the ledger itself knows best, and of
        a closed one whose remainders are gone.
        """
        if not self.plan.carry_remainders:
            return Carried()
        listed = self._months_at(keys.remainders(self.plan))
        gone = {*self.closed_months()}.difference(listed)
        nothing = {other for other in gone if not self.carries(other, ())}
        if month in nothing:
            return Carried()
        underway = {*map(Month.parse, journal.underway), *gone} - nothing
        # One at a time: years of months of all contracts need not fit into memory together.
        left = (
            (str(other), self._left_in(other, state.at(other).done, underway=other in underway))
            for other in sorted(underway.union(listed) - {month})
        )
        # For three months every month names what a changed formula has left before it.
        return balance(left, self.plan.dimensions, since=str(month.plus(-3)))

    def _left_in(self, month: Month, done: frozenset[str], *, underway: bool) -> Remainders:
        """Return what a month leaves, underway by its ledger if that can be read.

        An entry that cannot be read stops its own month. For others a balance that is corrected
        once it can be read again is better than none.
        """
        if underway:
            with suppress(BadState):
                return remainders_of(self.entries(month), self.plan.dimensions, done=done)
        return self.remainders(month).value() or Remainders()

    def state_document(self) -> Document[state_file.Document]:
        """Return the state file with what it says of all plans."""
        return _StateFile(self.objects, self.plan.state_file, dict)

    def read_state(self) -> PlanState:
        """Return what the state file says of the plan; BadState if it cannot be understood."""
        return self.read_state_version()[0] or PlanState()

    def read_state_version(self, known: str = "") -> tuple[PlanState | None, str]:
        """Return what the state file says, and its ETag; None if that is the known one still."""
        stored = self.objects.read(self.plan.state_file, unless=known)
        if stored and stored.etag == known:
            return None, known
        document = state_file.parse(stored.body, self.plan.state_file) if stored else {}
        return self._of_plan(document), stored.etag if stored else ""

    def change_state(
        self, change: Callable[[state_file.Document], state_file.Document]
    ) -> PlanState:
        """Change the state file; return what it says of the plan then."""

        def changed(found: state_file.Document | None) -> state_file.Document:
            document = found or {}
            self._of_plan(document)
            return change(document)

        return self._of_plan(self.state_document().change(changed).value)

    def _of_plan(self, document: state_file.Document) -> PlanState:
        return state_file.read_plan(document, self.plan.key, self.plan.state_file)

    def show_settled(self, month: Month, entries: list[Entry], at: str) -> None:
        """Write settled contracts into the state file; the journal forgets their errors.

        The manifest is marked: what they were billed for can be compared with the files from now
        on.
        """
        names = [entry.contract_id for entry in entries]
        self.renew_remainders(month, entries)
        manifest = self.manifest(month)
        if billed := manifest.read():
            manifest.change(lambda before: replace(before or billed.value, recheck=True))
        record = partial(state_file.record_month, plan_key=self.plan.key, month=month, at=at)
        self.change_state(partial(record, successes=names))
        self.change_journal(lambda old: resolved(old, month, names))


class _StateFile(Document[state_file.Document]):
    """The state file, which is read and written as people edit it."""

    def decode(self, body: bytes) -> state_file.Document:
        return state_file.parse(body, self.key)

    def _encode(self, value: state_file.Document) -> bytes:
        return state_file.encode(value)
