"""RecordError: close a contract's ledger entry with what an operator has to look at."""

from aws_lambda_powertools import Logger

from functions.adapters import clock, wiring
from functions.adapters.books import Books
from functions.domain.ledger import transitions
from functions.domain.ledger.entry import Entry
from functions.domain.ledger.failures import NOT_COMPUTED, explain
from functions.domain.month import format_instant
from functions.metering.payloads import ContractTask
from functions.payloads import Problem, task_handler

logger = Logger()


@task_handler
def handler(task: ContractTask, _context: object) -> None:
    """Return nothing."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    record_error(task, books, format_instant(clock.now()))
    logger.error("contract needs attention", contract=task.contract.contract_id, month=task.month)


def record_error(task: ContractTask, books: Books, at: str) -> None:
    """Close the entry as failed, unless the evidence that it was billed came in after all."""
    document = books.entry(task.of, task.contract.contract_id)
    problem = task.problem or Problem("UNKNOWN", "no reason was given")

    def failed(found: Entry | None) -> Entry:
        entry = transitions.claimed(found, task.run.execution, document.key)
        if entry.lines and entry.accepted and problem.error not in NOT_COMPUTED:
            return transitions.succeed(entry, at)
        failure = explain(entry, at, error=problem.error, cause=problem.message)
        return transitions.fail(entry, failure)

    document.change(failed)
