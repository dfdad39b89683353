"""ClaimContract: write down what is to be sent for a contract's month, before anything is."""

from functions.adapters import clock, wiring
from functions.adapters.books import Books
from functions.domain.ledger.claim import claim
from functions.domain.month import format_instant
from functions.metering.payloads import Claimed, ContractTask
from functions.payloads import Problem, task_handler


@task_handler
def handler(task: ContractTask, _context: object) -> Claimed:
    """Return what is left to do for the contract."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    return claim_contract(task, books, format_instant(clock.now()))


def claim_contract(task: ContractTask, books: Books, at: str) -> Claimed:
    """Open the ledger entry, or take over that of an earlier execution.

    The plan's lease keeps others away; a function that was given up loses the conditional write.
    """
    item = task.contract
    document = books.entry(task.of, item.contract_id)
    read = document.read()
    claimed = claim(read.value if read else None, item, task.terms(at))
    if read is None or claimed.entry != read.value:
        document.write(claimed.entry, read)
    return Claimed(claimed.action, Problem(claimed.error, claimed.cause))
