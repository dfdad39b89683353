"""ClaimContract: write down what is to be sent for a contract's month, before anything is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, executions, state_bucket
from functions.adapters.storage import Objects
from functions.domain import claim
from functions.domain.month import format_instant
from functions.errors import ContractBusy
from functions.metering.payloads import Claimed, ContractTask
from functions.payloads import dump, parse

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return what is left to do for the contract."""
    task = parse(event, ContractTask)
    objects, at = configuration.state_bucket(), format_instant(clock.now())
    state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    claimed = claim_contract(task, objects, executions.is_running, at)
    logger.info("contract claimed", contract=task.contract.contract_id, action=claimed.action)
    return dump(claimed)


def claim_contract(
    task: ContractTask, objects: Objects, is_running: Callable[[str], bool], at: str
) -> Claimed:
    """Open the ledger entry, or take over one whose execution no longer runs."""
    item = task.contract
    document = state_bucket.entry(objects, task.run.plan, task.of, item.contract_id)
    read = document.read()
    holder = read and claim.holder(read.value, task.run.execution)
    if holder and is_running(holder):
        raise ContractBusy(f"{item.contract_id} of {task.month} is being sent by {holder}")
    claimed = claim.claim(read.value if read else None, item, _terms(task, at))
    if claimed.action != "nothing":
        document.write(claimed.entry, read)
    return Claimed(claimed.action)


def _terms(task: ContractTask, at: str) -> claim.Terms:
    run = task.run
    asked = "retry_errors" if run.retry_errors else run.until and f"final usage until {run.until}"
    return claim.Terms(
        plan=run.plan.key,
        month=task.month,
        execution=run.execution,
        at=at,
        reason=run.reason or asked or "its entry was removed from error_contracts",
        until=run.until,
        formulas=run.plan.dimensions,
    )
