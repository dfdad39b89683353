"""Claiming a contract's month: what an execution does with what the ledger holds already. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from msgspec.structs import replace

from functions.domain import ledger
from functions.domain.ledger_entry import Decision, Entry, Line
from functions.domain.run_files import ContractItem

Action = Literal["submit", "record_success", "record_error", "nothing"]


class Terms(NamedTuple):
    """Who claims, when and why. `until`: the end of a cancelled contract's window.

    `formulas`: what the plan computes its dimensions with.
    """

    plan: str
    month: str
    execution: str
    at: str
    reason: str = ""
    until: str | None = None
    formulas: Mapping[str, str] = MappingProxyType({})


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
        return Claim(first, _next(first, item, terms))
    settled = entry.accepted and entry.settled_at is not None and not entry.failure
    final = settled or (entry.failure is not None and not entry.lines)
    final = final and entry.until is not None and terms.until is None
    if entry.waived or final or (entry.failure and not item.retry):
        return Claim(entry, "nothing")
    taken = _brought_up_to_date(_reopened(entry, item, terms), item, terms)
    if settled and entry.lines == taken.lines and not item.failure:
        return Claim(entry, "nothing")
    return Claim(taken, _next(taken, item, terms))


def _reopened(entry: Entry, item: ContractItem, terms: Terms) -> Entry:
    if not entry.failure:
        return entry
    last = entry.decisions[-1] if entry.decisions else None
    decided = last is not None and last.what == "not_accepted"
    reason = "it was resolved as not_accepted" if decided else terms.reason
    reopening = Decision(what="reopened", execution=terms.execution, at=terms.at, reason=reason)
    return ledger.reopen(entry, reopening, lines=not _has_no_quantities(entry, item))


def _has_no_quantities(entry: Entry, item: ContractItem) -> bool:
    """Whether today's files say nothing of what was to be billed: then it must not be forgotten."""
    return bool(item.failure) or (item.retry and item.without_usage and not entry.in_doubt)


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
    for; a different result of today's computation is kept beside it. What is left of a window that
    was cut elsewhere stays what it was.
    """
    taken_over = entry.execution != terms.execution
    unsure = tuple(_looked_up_again(line, taken_over=taken_over) for line in entry.lines)
    claimed = replace(
        entry,
        execution=terms.execution,
        claimed_at=terms.at,
        lines=unsure,
        hindered_by="",
        settled_at=None,
    )
    if _has_no_quantities(entry, item):
        return claimed if entry.lines else replace(claimed, until=terms.until or entry.until)
    if _keeps_window(entry, terms.until):
        return claimed
    found = (_refreshed(line, item) for line in unsure)
    kept = tuple(line for line in found if line is not None)
    known = {line.dimension for line in kept}
    gone = {line.dimension: line.quantity for line in unsure if line.dimension not in known}
    added = tuple(
        Line(
            dimension=name,
            quantity=quantity,
            amount=item.amounts.get(name, ""),
            carried=item.carried.get(name, ""),
        )
        for name, quantity in sorted(item.quantities.items())
        if name not in known
    )
    names = known | item.quantities.keys()
    gone = {**entry.withdrawn, **(gone if item.retry else {})}
    return replace(
        claimed,
        lines=kept + added,
        unbilled={name: text for name, text in item.amounts.items() if name not in names},
        withdrawn={n: text for n, text in gone.items() if n not in names | item.amounts.keys()},
        formulas=_formulas(entry, item, terms, unsure),
        until=terms.until,
    )


def _formulas(
    entry: Entry, item: ContractItem, terms: Terms, lines: tuple[Line, ...]
) -> dict[str, str]:
    """Return what each amount was computed with; a quantity that is fixed was computed before."""
    fixed = {line.dimension for line in lines if _is_fixed(line)}
    now = {
        name: text for name, text in terms.formulas.items() if name in item.amounts.keys() - fixed
    }
    return now | {name: text for name, text in entry.formulas.items() if name in fixed}


def _is_fixed(line: Line) -> bool:
    """Whether the quantity was accepted, or may have been."""
    return line.state not in ("open", "unsure") or line.in_doubt_before


def _keeps_window(entry: Entry, until: str | None) -> bool:
    """Whether the quantities belong to another window than the one that this run has computed.

    Final usage stays final usage in the month's own run; another `until` may correct it as long as
    nothing of it may have been accepted.
    """
    if entry.until is not None and until is None:
        return True
    return entry.until != until and any(_is_fixed(line) for line in entry.lines)


def _looked_up_again(line: Line, *, taken_over: bool) -> Line:
    """What an earlier execution has seen at the receiver may be old."""
    return replace(line, state="unsure") if line.state == "open" and taken_over else line


def _refreshed(line: Line, item: ContractItem) -> Line | None:
    quantity = item.quantities.get(line.dimension)
    if not _is_fixed(line):
        if not quantity:
            return None
        amount, carried = (found.get(line.dimension, "") for found in (item.amounts, item.carried))
        return replace(line, quantity=quantity, amount=amount, carried=carried)
    later = None if quantity == line.quantity else quantity or "0"
    return replace(line, computed_later=later)


def _next(entry: Entry, item: ContractItem, terms: Terms) -> Action:
    if _has_no_quantities(entry, item):
        return "record_error"
    if entry.until is not None and terms.until is None and not entry.lines:
        return "record_error"  # final usage that was never worked out, and this is the whole month
    return "record_success" if entry.accepted else "submit"
