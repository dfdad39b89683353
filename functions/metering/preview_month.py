"""PreviewMonth: what a real run would send, written nowhere but into the dry run's own folder."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys, submission
from functions.domain.billing import ContractBill
from functions.domain.claim import is_fixed, keeps_window
from functions.domain.ledger_entry import Entry, Line
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.payloads import dump, parse

logger = Logger()


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One contract as a real run would treat it now."""

    contract_id: str
    records: list[dict[str, str]]
    usage: dict[str, str]
    carried: dict[str, str]
    remainders: dict[str, str]
    failure: str | None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return the month in numbers, with where the preview is."""
    task = parse(event, MergedMonth)
    previewed = preview_month(task, configuration.state_bucket())
    logger.info("month previewed", summary=dump(previewed))
    return dump(previewed)


def preview_month(task: MergedMonth, objects: Objects) -> ClosedMonth:
    """Leave out what the ledger already holds, and write down the rest."""
    run, month = task.run, task.of
    usage = read_bill(objects, task.merged.bill_key)
    held = {entry.contract_id: entry for entry in state_bucket.entries(objects, run.plan, month)}
    previews = []
    for bill in usage.bill.contracts:
        entry = held.get(bill.contract_id)
        if bill.contract_id in usage.processed:
            previews.append(_preview(task, bill, entry))
    key = f"{keys.run(run.plan, month, run.name, dry_run=True)}preview.json"
    objects.put(key, msgspec.json.format(msgspec.json.encode(previews), indent=1))
    return ClosedMonth.of(task.month, usage, report=key, dry_run=True)


def _preview(task: MergedMonth, bill: ContractBill, entry: Entry | None) -> Preview:
    """Return what would be sent; a window that has begun stays what it was."""
    held = {line.dimension: line for line in entry.lines} if entry else {}
    lines = {name: Line(dimension=name, quantity=text) for name, text in bill.quantities.items()}
    until = task.run.until
    if entry and keeps_window(entry, until):
        lines, until = held, entry.until
    else:
        lines |= {name: line for name, line in held.items() if is_fixed(line)}
    open_lines = [line for line in lines.values() if line.state not in ("accepted", "waived")]
    return Preview(
        contract_id=bill.contract_id,
        records=submission.records(
            task.run.plan.cloud, bill.contract_id, task.of, open_lines, until
        ),
        usage=bill.usage,
        carried=bill.carried,
        remainders=bill.remainders,
        failure=bill.failure,
    )
