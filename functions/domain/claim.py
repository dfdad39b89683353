"""Claiming a contract's month: what an execution does with what the ledger holds already. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec.structs import replace

from functions.domain import ledger
from functions.domain.ledger_entry import Decision, Entry, Line
from functions.domain.run_files import ContractItem

Action = Literal["submit", "record_success", "record_error", "nothing"]


class Terms(NamedTuple):
    """Who claims, when and why. `until`: the end of a cancelled contract's window."""

    plan: str
    month: str
    execution: str
    at: str
    reason: str = ""
    until: str | None = None


class Claim(NamedTuple):
    """The entry as it is to be written, and what is left to do. `nothing` writes nothing."""

    entry: Entry
    action: Action


def holder(entry: Entry, execution: str) -> str | None:
    """Return the execution that may still be sending this contract, if it is another one."""
    if entry.settled_at is not None or entry.execution == execution:
        return None
    return entry.execution


def claim(entry: Entry | None, item: ContractItem, terms: Terms) -> Claim:
    """Write down what is to be sent, before anything is."""
    if entry is None:
        first = _brought_up_to_date(_empty(item, terms), item, terms)
        return Claim(first, _next(first, item))
    if entry.waived or (entry.failure and not item.retry):
        return Claim(entry, "nothing")
    if entry.failure:
        reopening = Decision(
            what="reopened", execution=terms.execution, at=terms.at, reason=terms.reason
        )
        taken = _brought_up_to_date(ledger.reopen(entry, reopening), item, terms)
    else:
        taken = _brought_up_to_date(entry, item, terms)
        settled = entry.accepted and entry.settled_at is not None
        if settled and entry.lines == taken.lines and not item.failure:
            return Claim(entry, "nothing")
    return Claim(taken, _next(taken, item))


def _empty(item: ContractItem, terms: Terms) -> Entry:
    return Entry(
        plan=terms.plan,
        month=terms.month,
        contract_id=item.contract_id,
        execution=terms.execution,
        claimed_at=terms.at,
    )


def _brought_up_to_date(entry: Entry, item: ContractItem, terms: Terms) -> Entry:
    """Take an entry over for this execution and bring its open lines up to date.

    A quantity that was accepted or may have been is never changed, nor is the window it was sent
    for; a different result of today's computation is kept beside it.
    """
    taken_over = entry.execution != terms.execution
    found = (_refreshed(line, item, taken_over=taken_over) for line in entry.lines)
    kept = tuple(line for line in found if line is not None)
    known = {line.dimension for line in kept}
    added = tuple(
        Line(dimension=name, quantity=quantity, amount=item.amounts.get(name, ""))
        for name, quantity in sorted(item.quantities.items())
        if name not in known
    )
    names = known | item.quantities.keys()
    fixed = any(line.state not in ("open", "unsure") or line.in_doubt_before for line in kept)
    return replace(
        entry,
        execution=terms.execution,
        claimed_at=terms.at,
        lines=kept + added,
        unbilled={name: text for name, text in item.amounts.items() if name not in names},
        until=entry.until if fixed else terms.until,
        hindered_by="",
        settled_at=None,
    )


def _refreshed(line: Line, item: ContractItem, *, taken_over: bool) -> Line | None:
    quantity = item.quantities.get(line.dimension)
    if line.state == "open" and taken_over:  # what an earlier execution has seen may be old
        line = replace(line, state="unsure")
    if line.state in ("open", "unsure") and not line.in_doubt_before:
        amount = item.amounts.get(line.dimension, "")
        return replace(line, quantity=quantity, amount=amount) if quantity else None
    later = None if quantity == line.quantity else quantity or "0"
    return replace(line, computed_later=later)


def _next(entry: Entry, item: ContractItem) -> Action:
    missed = item.retry and item.without_usage and not entry.lines
    if item.failure or missed:
        return "record_error"
    return "record_success" if entry.accepted else "submit"
