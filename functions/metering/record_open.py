"""RecordOpen: note why a contract is left open for the next run. Nobody is to blame for it yet."""

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import keys, wiring
from functions.adapters.books import Books
from functions.domain.months.outcome import Open
from functions.metering.payloads import ContractTask
from functions.payloads import Problem, task_handler

logger = Logger()


@task_handler
def handler(task: ContractTask, _context: object) -> None:
    """Return nothing."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    record_open(task, books)
    logger.error("contract left open", contract=task.contract.contract_id, month=task.month)


def record_open(task: ContractTask, books: Books) -> None:
    """Write the reason beside the run's files: the ledger itself may be what cannot be written."""
    name, problem = task.contract.contract_id, task.problem or Problem("UNKNOWN")
    root = keys.open_contracts(task.run.plan, task.of, task.run.name)
    reason = Open(contract_id=name, error=problem.error, message=problem.message[:1_000])
    books.objects.put(keys.open_contract(root, name), msgspec.json.encode(reason))
