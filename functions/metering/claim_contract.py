"""ClaimContract: write down what is to be sent for a contract's month, before anything is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, executions, state_bucket
from functions.adapters.storage import Objects
from functions.domain import ledger
from functions.domain.ledger_entry import Entry
from functions.domain.month import format_instant
from functions.errors import ContractBusy
from functions.metering.payloads import Claimed, ContractTask
from functions.payloads import dump, parse

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return what is left to do for the contract."""
    task = parse(event, ContractTask)
    at = format_instant(clock.now())
    claimed = claim_contract(task, configuration.state_bucket(), executions.is_running, at)
    logger.info("contract claimed", contract=task.contract.contract_id, action=claimed.action)
    return dump(claimed)


def claim_contract(
    task: ContractTask, objects: Objects, is_running: Callable[[str], bool], at: str
) -> Claimed:
    """Open the ledger entry, or take over one whose execution no longer runs."""
    item = task.contract
    document = state_bucket.entry(objects, task.run.plan, task.of, item.contract_id)
    read = document.read()
    if read is None:
        entry = _first(task, at)
    else:
        entry = read.value
        if entry.failure and not item.retry:
            return Claimed("nothing")
        holder = entry.execution
        if holder != task.run.execution and entry.settled_at is None and is_running(holder):
            raise ContractBusy(f"{item.contract_id} of {task.month} is being sent by {holder}")
        if entry.failure:
            entry = ledger.reopen(entry, execution=task.run.execution, at=at)
        entry = ledger.claim(entry, item.quantities, execution=task.run.execution, at=at)
        if _is_settled(read.value) and entry.lines == read.value.lines and not item.failure:
            return Claimed("nothing")
    document.write(entry, read)
    return _next(task, entry)


def _is_settled(entry: Entry) -> bool:
    return entry.accepted and not entry.failure and entry.settled_at is not None


def _first(task: ContractTask, at: str) -> Entry:
    return ledger.open_entry(
        plan=task.run.plan.key,
        month=task.month,
        contract=task.contract.contract_id,
        quantities=task.contract.quantities,
        execution=task.run.execution,
        at=at,
    )


def _next(task: ContractTask, entry: Entry) -> Claimed:
    missed = task.contract.retry and task.contract.without_usage and not entry.lines
    if task.contract.failure or missed:
        return Claimed("record_error")
    return Claimed("record_success" if entry.accepted else "submit")
