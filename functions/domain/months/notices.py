"""What a month's message names of its contracts beside their errors: money that needs a look."""

from collections.abc import Iterable

from functions.domain.formula import ByDimension
from functions.domain.ledger.coverage import never_read
from functions.domain.ledger.entry import TAKEN_OVER, Ledger
from functions.domain.usage.bill import ContractBill
from functions.domain.wording import grouped, some
from functions.partners import RECEIVER


def unread(
    month: str, bills: Iterable[ContractBill], ledger: Ledger, formulas: ByDimension
) -> list[str]:
    """Name usage of billed contracts that is read only by formulas configured since."""
    found = [
        (bill.contract_id, name)
        for bill in bills
        if (entry := ledger.get(bill.contract_id))
        and entry.settled_at
        and not (entry.failure or entry.waived)
        for name in sorted(never_read(entry, bill.quantities, formulas))
    ]
    how = f'take them out of success_contracts of {month} and start {{"months": ["{month}"]}}'
    what = f"not billed, as the formula was added since: {'; '.join(grouped(found, 20))}"
    return [f"{month}: {what}; to bill it, {how}"] if found else []


def withdrawn(processed: Iterable[str], ledger: Ledger) -> list[str]:
    """Name what was refused, and has no usage any more now that its contract is tried again."""
    entries = [ledger[name] for name in sorted(processed) if name in ledger]
    return some(
        f"{entry.month}: {entry.contract_id} {dimension}: {quantity} was not billed before, and "
        "the files no longer contain it"
        for entry in entries
        for dimension, quantity in sorted(entry.withdrawn.items())
    )


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
