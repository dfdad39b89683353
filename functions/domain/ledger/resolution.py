"""An operator's decision about a parked contract: a pure transition of its ledger entry."""

from msgspec.structs import replace

from functions.domain.ledger.entry import DUPLICATE, NOT_ACCEPTED, Decision, Entry, Line
from functions.domain.ledger.failures import NOT_COMPUTED, explain
from functions.domain.ledger.transitions import fail, succeed

BY_OPERATOR = "operator"
OUTCOMES = "accepted (it was billed), not_accepted (send it) or waived (never bill it)"


def resolve(entry: Entry, decision: Decision) -> Entry:
    """Note a decision and what follows from it; ValueError where there is nothing to decide.

    `accepted`: what is in doubt was billed. `not_accepted`: it was not, and is sent by a later run
    once the receiver was asked again. `waived`: nothing of the contract's month is billed any more.
    The same decision of the same execution again changes nothing. `accepted` takes `not_accepted`
    back as long as nothing was sent since. What stays parked is explained by what is left.
    """
    if _is_noted(entry, decision):
        return entry
    name = f"{entry.contract_id} in {entry.month}"
    begun = decision.what == "waived" and entry.settled_at is None
    if not entry.failure and not entry.in_doubt and not begun:
        raise ValueError(f"{name} is not parked: nothing of it failed or is in doubt")
    if decision.what == "waived":
        lines = tuple(_waived(line) for line in entry.lines)
    elif decision.what == "accepted":
        lines = tuple(_accepted(line, last=entry.last_word) for line in entry.lines)
        if lines == entry.lines:
            raise ValueError(f"nothing of {name} is in doubt: {_states(entry)}")
    else:
        lines = tuple(_not_accepted(line) for line in entry.lines)
    resolved = replace(entry, lines=lines, decisions=(*entry.decisions, decision))
    uncomputed = entry.failure is not None and entry.failure.code in NOT_COMPUTED
    if decision.what == "not_accepted" or (decision.what == "accepted" and uncomputed):
        return resolved
    if resolved.accepted:
        return succeed(resolved, decision.at)
    left = explain(resolved, decision.at, error="NOT_SENT", cause="not sent so far")
    return fail(resolved, left) if entry.failure else resolved


def settle_by_hand(entry: Entry, execution: str, at: str, state_file: str) -> Entry:
    """Waive what is open of a contract that an operator has put into the successes."""
    if entry.settled_at and not entry.failure and not entry.in_doubt:
        return entry
    reason = f"put into success_contracts of {state_file}"
    return resolve(entry, Decision(what="waived", execution=execution, at=at, reason=reason))


def _is_noted(entry: Entry, decision: Decision) -> bool:
    """Return True if the decision was noted before, or another execution's had the same outcome."""
    noted = {(known.what, known.execution) for known in entry.decisions}
    same = entry.last_word == decision.what and entry.failure is None and entry.accepted
    return same or (decision.what, decision.execution) in noted


def _waived(line: Line) -> Line:
    return line if line.state == "accepted" else replace(line, state="waived")


def _accepted(line: Line, *, last: str) -> Line:
    taken_back = last == "not_accepted" and (line.state, line.evidence) == ("unsure", NOT_ACCEPTED)
    doubtful = line.state in ("sent", "present") or taken_back
    if doubtful or (line.state == "refused" and line.code == DUPLICATE):
        return replace(line, state="accepted", evidence=BY_OPERATOR)
    return line


def _not_accepted(line: Line) -> Line:
    if line.state not in ("sent", "present"):
        return line
    return replace(line, state="unsure", doubts=0, code="", message="", evidence=NOT_ACCEPTED)


def _states(entry: Entry) -> str:
    if entry.failure and not entry.lines:
        return entry.failure.message
    return ", ".join(f"{line.dimension} is {line.state}" for line in entry.lines)
