"""RecordError: close a contract's ledger entry with what a person has to look at."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import ledger
from functions.domain.ledger_entry import Entry, Failure
from functions.domain.month import format_instant
from functions.errors import BadState
from functions.metering.payloads import ContractTask, Recorded
from functions.payloads import dump, parse

logger = Logger()
OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return the contract with its outcome."""
    task = parse(event, ContractTask)
    at = format_instant(clock.now())
    recorded = record_error(task, configuration.state_bucket(), at)
    logger.error("contract needs attention", contract=recorded.contract_id, month=task.month)
    return dump(recorded)


def record_error(task: ContractTask, objects: Objects, at: str) -> Recorded:
    """Close the entry as failed, unless the evidence that it was billed came in after all."""
    name = task.contract.contract_id
    document = state_bucket.entry(objects, task.run.plan, task.of, name)

    def failed(entry: Entry | None) -> Entry:
        if entry is None:
            raise BadState(f"{document.key} is missing: the contract was not claimed")
        if entry.lines and entry.accepted and not task.contract.failure:
            return ledger.succeed(entry, at)
        return ledger.fail(entry, explain(task, entry, at))

    written = document.change(failed).value
    return Recorded(name, "error" if written.failure else "success")


def explain(task: ContractTask, entry: Entry, at: str) -> Failure:
    """Say what went wrong: a formula, an unknown outcome, a refusal, or a partner that is busy."""
    if task.contract.failure:
        text = task.contract.failure
        return Failure(code="FORMULA", message=text, errors=(text,), at=at)
    if not entry.lines:
        text = f"the files of {task.month} hold no usage of this contract"
        return Failure(code="NO_USAGE", message=text, errors=(text,), at=at)
    refusals = tuple(
        f"{line.dimension}: {text}"
        for line in entry.refused
        for text in line.errors or (line.message,)
    )
    if entry.in_doubt:
        doubts = tuple(
            f"{line.dimension}: {line.quantity} may or may not have been accepted"
            for line in entry.lines
            if line.state in ("sent", "present")
        )
        message = (
            "It is not known whether Clazar accepted this usage. Check in Clazar. Removing this "
            "entry makes the next run ask Clazar again before it sends anything."
        )
        return Failure(code=OUTCOME_UNKNOWN, message=message, errors=doubts + refusals, at=at)
    if entry.refused:
        first = entry.refused[0]
        return Failure(code=first.code, message=first.message, errors=refusals, at=at)
    cause = task.problem.message if task.problem else "no reason was given"
    code = task.problem.error if task.problem else "UNKNOWN"
    return Failure(code=code, message=cause, errors=(cause,), at=at)
