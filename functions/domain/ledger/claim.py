"""Claiming a contract's month: what an execution does with what the ledger holds already. Pure."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from functions.domain.formula import ByDimension
from functions.domain.ledger import coverage, transitions
from functions.domain.ledger.entry import Decision, Entry, Line
from functions.domain.ledger.failures import CONFIGURATION_CHANGED, FORMULA, NO_USAGE
from functions.domain.plan import Plan

Action = Literal["submit", "record_error", "nothing"]
_STEPS = (
    "Nothing was sent: deploy the earlier configuration and retry, or resolve the contract as "
    "waived"
)


class ContractItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the contract map: what a contract's month amounts to before it is claimed.

    `quantities`: what is to be sent. `amounts`: the exact usage of this month that they are rounded
    from, `carried`: what was added to it. `usage`: before any formula. `retry`: its recorded error
    is to be tried again. `done`: the state file lists it as a success as well. `failure`: why it
    has no quantities. `without_usage`: only the ledger or the state file knows of it, the month's
    files do not. `approval`: who has let the held month through, and why.
    """

    contract_id: str
    quantities: dict[str, str]
    amounts: dict[str, str] = {}
    carried: dict[str, str] = {}
    usage: dict[str, str] = {}
    retry: bool = False
    done: bool = False
    failure: str | None = None
    without_usage: bool = False
    approval: Decision | None = None


class Terms(NamedTuple):
    """Who claims, when and why. `until`: the end of a cancelled contract's window."""

    plan: Plan
    month: str
    execution: str
    at: str
    reason: str = ""
    until: str | None = None


class Claim(NamedTuple):
    """The entry as it is to be written, and what is left to do.

    `error`, `cause`: why there is nothing to send, for `record_error`.
    """

    entry: Entry
    action: Action
    error: str = ""
    cause: str = ""


def claim(known: Entry | None, item: ContractItem, terms: Terms) -> Claim:
    """Write down what is to be sent, before anything is."""
    entry = known or Entry(
        plan=terms.plan.key,
        month=terms.month,
        contract_id=item.contract_id,
        execution=terms.execution,
        claimed_at=terms.at,
    )
    settled = entry.accepted and entry.settled_at is not None and not entry.failure
    closed = settled or (entry.failure is not None and not entry.lines)
    final = closed and entry.until is not None and terms.until is None
    if entry.waived or final or (entry.failure and not item.retry):
        return Claim(entry, "nothing")
    reopened = _reopened(entry, item, terms)
    if entry.lines and entry.accepted:
        # What is billed takes only lines for usage that has come since. Where nothing was to be
        # billed, today's formulas may say otherwise.
        due = coverage.still_due(entry, item.quantities, item.usage, terms.plan.dimensions)
        taken_in = {n: q for n, q in item.quantities.items() if n in due | entry.fixed}
        item = replace(item, quantities=taken_in)
    elif not (_has_no_quantities(entry, item) or _keeps_window(entry, terms.until)) and (
        found := coverage.conflicts(reopened, item.quantities, terms.plan)
    ):
        taken = replace(reopened, execution=terms.execution, settled_at=None)
        return Claim(taken, "record_error", CONFIGURATION_CHANGED, f"{'; '.join(found)}. {_STEPS}")
    taken = _brought_up_to_date(reopened, item, terms)
    if settled and entry.lines == taken.lines and not item.failure:
        return Claim(entry, "nothing")
    return _next(taken, item, terms)


def _reopened(entry: Entry, item: ContractItem, terms: Terms) -> Entry:
    if not entry.failure:
        return entry
    decided = entry.last_word == "not_accepted"
    reason = "it was resolved as not_accepted" if decided else terms.reason
    reopening = Decision(what="reopened", execution=terms.execution, at=terms.at, reason=reason)
    return transitions.reopen(entry, reopening, lines=not _has_no_quantities(entry, item))


def _has_no_quantities(entry: Entry, item: ContractItem) -> bool:
    """Return True if today's files no longer contain what was to be billed: it must not be lost."""
    return bool(item.failure) or (item.retry and item.without_usage and not entry.in_doubt)


def _brought_up_to_date(entry: Entry, item: ContractItem, terms: Terms) -> Entry:
    """Take an entry over for this execution and bring its open lines up to date.

    A quantity that was accepted or may have been is never changed, nor is the window it was sent
    for. What is left of a window that was cut elsewhere stays what it was.
    """
    claimed = replace(
        entry,
        execution=terms.execution,
        claimed_at=terms.at,
        asked=None,
        settled_at=None,
        decisions=_with_approval(entry, item),
    )
    if _has_no_quantities(entry, item):
        return claimed if entry.lines else replace(claimed, until=terms.until or entry.until)
    if _keeps_window(entry, terms.until):
        return claimed
    formulas, due = terms.plan.dimensions, entry.fixed | item.quantities.keys()
    left = coverage.not_covered(entry, item.amounts, formulas) - due
    return replace(
        claimed,
        lines=tuple(_lines(entry, item, due)),
        unbilled={name: item.amounts[name] for name in sorted(left)},
        withdrawn=_withdrawn(entry, item, formulas, due),
        cloud=entry.cloud if entry.fixed else terms.plan.cloud,
        formulas=coverage.recorded(entry, formulas),
        usage=coverage.usage_of(entry, item.usage),
        until=terms.until,
    )


def _with_approval(entry: Entry, item: ContractItem) -> tuple[Decision, ...]:
    """Note who approved the month, before what was decided about the contract itself."""
    known, approval = entry.decisions, item.approval
    return known if approval is None or approval in known else (approval, *known)


def _withdrawn(
    entry: Entry, item: ContractItem, formulas: ByDimension, due: frozenset[str]
) -> dict[str, str]:
    """Return the lines whose usage no quantity bills now, by whatever name."""
    read = {source for name in item.quantities for source in coverage.sources(name, formulas)}
    lines = {line.dimension: line.quantity for line in entry.lines} if item.retry else {}
    gone = {n: q for n, q in lines.items() if not coverage.sources(n, entry.formulas) & read}
    there = due | item.amounts.keys()
    return {n: q for n, q in (entry.withdrawn | gone).items() if n not in there}


def _keeps_window(entry: Entry, until: str | None) -> bool:
    """Return True if the quantities belong to another window than the one this run has computed.

    Final usage stays final usage in the month's own run; another `until` may correct it as long as
    nothing of it may have been accepted.
    """
    if entry.until is not None and until is None:
        return True
    return entry.until != until and bool(entry.fixed)


def _lines(entry: Entry, item: ContractItem, due: frozenset[str]) -> Iterator[Line]:
    """Yield the lines that are due, those of the entry first; a fixed one stays as it is."""
    before = {line.dimension: line for line in entry.lines if line.dimension in due}
    added = (Line(dimension=name, quantity="") for name in sorted(due - before.keys()))
    for line in (*before.values(), *added):
        name = line.dimension
        yield (
            line
            if line.is_fixed
            else replace(
                line,
                quantity=item.quantities[name],
                amount=item.amounts.get(name, ""),
                carried=item.carried.get(name, ""),
            )
        )


def _next(entry: Entry, item: ContractItem, terms: Terms) -> Claim:
    if _has_no_quantities(entry, item):
        cause = item.failure or "the month's files hold no usage of this contract"
        return Claim(entry, "record_error", FORMULA if item.failure else NO_USAGE, cause)
    if entry.until is not None and terms.until is None and not entry.lines:
        # Final usage that was never worked out, and this is the whole month.
        return Claim(entry, "record_error", "FINAL_USAGE", "its final usage was not billed")
    if entry.accepted:
        return Claim(transitions.succeed(entry, terms.at), "nothing")
    return Claim(entry, "submit")
