"""RecordSuccess: close a contract's ledger entry, provided that the evidence is there."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import ledger
from functions.domain.ledger_entry import Entry
from functions.domain.month import format_instant
from functions.metering.payloads import ContractTask
from functions.payloads import task_handler

logger = Logger()


@task_handler
def handler(task: ContractTask, _context: object) -> None:
    """Return nothing."""
    objects = configuration.state_bucket()
    state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    record_success(task, objects, format_instant(clock.now()))


def record_success(task: ContractTask, objects: Objects, at: str) -> None:
    """Mark the entry as settled; an entry without evidence for every line is an error."""
    document = state_bucket.entry(objects, task.run.plan, task.of, task.contract.contract_id)

    def settled(found: Entry | None) -> Entry:
        entry = ledger.claimed(found, task.run.execution, document.key)
        return entry if entry.settled_at else ledger.succeed(entry, at)

    document.change(settled)
