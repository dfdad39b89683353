"""ClaimContract: write down what is to be sent for a contract's month, before anything is."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from functions.adapters import clock, state_bucket, wiring
from functions.adapters.storage import Objects
from functions.domain.ledger.claim import Terms, claim
from functions.domain.month import format_instant
from functions.metering.payloads import Claimed, ContractTask, MonthTask
from functions.payloads import Problem, task_handler

logger = Logger()


@task_handler
def handler(task: ContractTask, _context: object) -> Claimed:
    """Return what is left to do for the contract."""
    objects, at = wiring.state_bucket(), format_instant(clock.now())
    state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    claimed = claim_contract(task, objects, at)
    logger.info("contract claimed", contract=task.contract.contract_id, action=claimed.action)
    return claimed


def claim_contract(task: ContractTask, objects: Objects, at: str) -> Claimed:
    """Open the ledger entry, or take over that of an earlier execution.

    The plan's lease keeps others away; a function that was given up loses the conditional write.
    """
    item = task.contract
    document = state_bucket.entry(objects, task.run.plan, task.of, item.contract_id)
    read = document.read()
    claimed = claim(read.value if read else None, item, terms_of(task, at))
    if read is None or claimed.entry != read.value:
        document.write(claimed.entry, read)
    return Claimed(claimed.action, Problem(claimed.error, claimed.cause))


def terms_of(task: MonthTask, at: str) -> Terms:
    """Return what the run claims with."""
    run = task.run
    asked = "retry_errors" if run.retry_errors else run.until and f"final usage until {run.until}"
    return Terms(
        plan=run.plan,
        month=task.month,
        execution=run.execution,
        at=at,
        reason=run.reason or asked or "its entry was removed from error_contracts",
        until=run.until,
    )
