"""What became of a month's contracts, read from the ledger."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from functions.domain.formula import ByDimension
from functions.domain.ledger import submission
from functions.domain.ledger.coverage import still_due
from functions.domain.ledger.entry import Entry, Failure, Ledger
from functions.domain.ledger.failures import explain
from functions.domain.months.state_file import ErrorRecord, MonthState
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import grouped


class Outcome(NamedTuple):
    """What is true of a month's contracts once its map has ended."""

    accepted: list[str]
    failed: dict[str, Entry]
    unaccounted: list[str]

    @property
    def complete(self) -> bool:
        """Every contract is accounted for, so the month may count as done."""
        return not self.unaccounted


def account(
    usage: MonthUsage,
    ledger: Ledger,
    state: MonthState,
    left: frozenset[str],
    *,
    formulas: ByDimension,
    closed: bool = False,
) -> Outcome:
    """Sort the contracts of a month. What is not settled may be a claim without lines.

    `left` were re-opened but are not part of this run: their error, which an operator has removed,
    must not come back. `closed`: the month was closed before; what is new in it came late.
    """
    processed = frozenset(usage.processed)
    bills = {bill.contract_id: bill for bill in usage.bill.contracts}
    accepted, failed, unaccounted = [], {}, []
    for name in sorted(bills.keys() | processed | ledger.keys()):
        entry = ledger.get(name)
        if name not in processed and (_stands(name, entry, state) or (closed and entry is None)):
            continue
        if entry is None or name in left or not entry.settled_at:
            unaccounted.append(name)
        elif entry.failure:
            failed[name] = entry
        elif entry.accepted and _covers(entry, bills.get(name), formulas):
            accepted.append(name)
        else:
            unaccounted.append(name)
    return Outcome(accepted, failed, unaccounted)


def _stands(name: str, entry: Entry | None, state: MonthState) -> bool:
    """Return True if the state file's word on a contract that this run left alone stands.

    It does not where the ledger has replaced an error since, in a run that ended early.
    """
    stands = not (entry and entry.failure) or is_shown(entry, state)
    return name in state.done or (name in state.errors and stands)


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Why an execution has left a contract open: the name and the message of an error."""

    contract_id: str
    error: str
    message: str


def blamed(
    left_open: Iterable[Open], ledger: Ledger, execution: str, at: str
) -> dict[str, Failure]:
    """Return contracts that are not served although others are: errors of their own.

    If none gets through in this execution, the credentials or the receiver are to blame, and all
    stay open. A contract that is alone in this is compared with every execution.
    """
    unserved = [reason for reason in left_open if reason.error == "ContractUnserved"]
    alone = len(unserved) == 1
    sent, listed = set(), set()
    for held in ledger.values():
        if any(a.got_through and (alone or a.execution == execution) for a in held.attempts):
            sent.add(held.contract_id)
        if held.lines and held.accepted and (alone or held.execution == execution):
            listed.add(held.contract_id)
    found = {}
    for reason in unserved:
        name, entry = reason.contract_id, ledger.get(reason.contract_id)
        served = (sent | listed if reason.message.startswith("GET") else sent) - {name}
        if entry and not entry.settled_at and served:
            status = re.search(r"HTTP (\d{3})", reason.message)
            code = f"HTTP_{status[1]}" if status else "NOT_SERVED"
            found[name] = explain(entry, at, error=code, cause=reason.message)
    return found


def by_hand(entries: Iterable[Entry], shown: MonthState, in_both: set[str]) -> list[Entry]:
    """Return entries that are not settled and that an operator has put into the successes.

    `in_both`: contracts that an earlier program showed as errors as well. Others that are shown as
    errors too may be those of a CloseMonth that has ended before the journal knew of them.
    """
    given = shown.done - shown.failed - in_both
    return [
        entry
        for entry in entries
        if (entry.failure or not entry.settled_at) and entry.contract_id in given
    ]


def is_shown(entry: Entry, state: MonthState) -> bool:
    """Return True if the state file shows what the ledger holds, or an operator's last word."""
    failed = bool(entry.failure) and state.shows(error_record(entry))
    return failed or entry.contract_id in state.done


def _covers(entry: Entry, bill: ContractBill | None, formulas: ByDimension) -> bool:
    """Return True if all that is due has a line; a child may have failed before it claimed."""
    if bill is None or entry.waived or entry.until:
        return True
    return not still_due(entry, bill.quantities, bill.usage, formulas)


def error_record(entry: Entry) -> ErrorRecord:
    """Return a failed entry as the state file shows it, with the payload that is not billed."""
    failure = entry.failure
    if failure is None:
        raise ValueError(f"{entry.contract_id} has not failed")
    open_lines = [line for line in entry.lines if line.state != "accepted"]
    records = submission.records(entry, open_lines)
    return ErrorRecord(
        contract_id=entry.contract_id,
        errors=list(failure.errors),
        code=failure.code,
        message=failure.message,
        payload={"request": records} if records else None,
        retry_count=entry.retries,
        last_retry_time=failure.at if entry.retries else None,
    )


def explain_open(month: str, names: list[str], ledger: Ledger, left_open: Iterable[Open]) -> str:
    """Name which contracts keep a month open, and the last outcome of each; each reason once."""
    known = defaultdict[str, str](str)
    known |= {name: entry.attempts[-1].outcome for name, entry in ledger.items() if entry.attempts}
    known |= {reason.contract_id: f"{reason.error}: {reason.message}" for reason in left_open}
    found = [(name, known[name]) for name in names]
    listed = "; ".join(grouped(found, 20))
    return f"{month} stays open, run again; contracts left open: {len(names)}: {listed}"
