"""What a month's message names of its contracts beside their errors: money that needs a look."""

from collections.abc import Iterable

from functions.domain.formula import ByDimension
from functions.domain.ledger.coverage import never_read, partly_read
from functions.domain.ledger.entry import TAKEN_OVER, Ledger
from functions.domain.usage.bill import ContractBill
from functions.domain.wording import grouped, some
from functions.partners import RECEIVER


def unread(
    month: str, bills: Iterable[ContractBill], ledger: Ledger, formulas: ByDimension
) -> list[str]:
    """Name usage of billed contracts that is read only by formulas configured since."""
    pairs = [(bill, ledger[bill.contract_id]) for bill in bills if bill.contract_id in ledger]
    billed = [(b, e) for b, e in pairs if e.settled_at and not (e.failure or e.waived)]
    added = [
        (bill.contract_id, name)
        for bill, entry in billed
        for name in sorted(never_read(entry, bill.quantities, formulas))
    ]
    partly = [
        (bill.contract_id, name)
        for bill, entry in billed
        for name in sorted(partly_read(entry, bill.usage, formulas))
    ]
    how = f'take them out of success_contracts of {month} and start {{"months": ["{month}"]}}'
    said = (
        (added, "the formula was added since", f"to bill it, {how}"),
        (partly, "a part of its usage is billed under another name", "settle the rest by hand"),
    )
    return [
        f"{month}: not billed, as {why}: {'; '.join(grouped(found, 20))}; {what_next}"
        for found, why, what_next in said
        if found
    ]


def withdrawn(processed: Iterable[str], ledger: Ledger) -> list[str]:
    """Name what was refused, and has no usage any more now that its contract is tried again."""
    entries = [ledger[name] for name in sorted(processed) if name in ledger]
    return some(
        f"{entry.month}: {entry.contract_id} {dimension}: {quantity} was not billed before, and "
        "today's files and configuration no longer come to it"
        for entry in entries
        for dimension, quantity in sorted(entry.withdrawn.items())
    )


def settled_before(execution: str, asked: Iterable[str], ledger: Ledger) -> list[str]:
    """Name contracts that were asked for and that this execution has left as they were."""
    entries = [ledger[name] for name in sorted(asked) if name in ledger]
    left = [e for e in entries if e.execution != execution and e.settled_at and not e.failure]
    names = (f"{entry.contract_id}{' (waived)' if entry.waived else ''}" for entry in left)
    what = "settled before, so nothing was sent"
    return [f"{left[0].month}: {what}: {', '.join(some(names))}"] if left else []


def noticed(processed: Iterable[str], ledger: Ledger) -> list[str]:
    """Name what this pipeline has not sent and takes for billed, and what may be billed twice."""
    entries = [ledger[name] for name in sorted(processed) if name in ledger]
    lines = [(entry, line) for entry in entries for line in entry.lines]
    taken = [
        f"{entry.contract_id} {line.dimension} {line.quantity} (record {line.record_id or '?'})"
        for entry, line in lines
        if line.evidence == TAKEN_OVER
    ]
    twice = [f"{e.month}: {e.contract_id}: {line.surplus}" for e, line in lines if line.surplus]
    if taken:
        what = f"{TAKEN_OVER}, not sent by this pipeline"
        taken = [f"{entries[0].month}: {what}: {len(taken)}: {', '.join(some(taken))}"]
    return taken + some(twice)


def overtaken(month: str, execution: str, done: Iterable[str], ledger: Ledger) -> list[str]:
    """Name contracts that an execution has sent and that an operator has settled meanwhile."""
    return some(
        f"{month}: {name} was put into success_contracts while it was being sent; "
        f"look in {RECEIVER}"
        for name in sorted(done)
        if name in ledger and ledger[name].sent_by(execution)
    )
