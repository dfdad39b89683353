"""CloseMonth: ledger -> state file and report. A month with an unaccounted contract stays open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain import keys, months_due, report, state_file, submission
from functions.domain.billing import ContractBill
from functions.domain.ledger import Entry
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.months_due import Journal
from functions.domain.state_file import ErrorRecord, PlanState
from functions.errors import MonthIncomplete
from functions.metering.merge_usage import MonthUsage, read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth, Run, dump, parse

logger = Logger()
metrics = Metrics()


class Outcome(NamedTuple):
    """What is true of a month's contracts once its map has ended."""

    accepted: list[str]
    failed: dict[str, Entry]
    unaccounted: list[str]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return the month in numbers."""
    task = parse(event, MergedMonth)
    closed = close_month(task, configuration.state_bucket(), datetime.now(UTC))
    metrics.add_metric("RecordsAccepted", MetricUnit.Count, closed.submitted_records)
    metrics.add_metric("ContractsInError", MetricUnit.Count, closed.errors)
    metrics.add_metric("TotalsQuarantined", MetricUnit.Count, closed.quarantined)
    logger.info("month closed" if closed.closed else "month left open", summary=dump(closed))
    return dump(closed)


def close_month(task: MergedMonth, objects: Objects, now: datetime) -> ClosedMonth:
    """Account for every contract, write it down, and only then say that the month is done."""
    run, month = task.run, task.of
    usage = read_bill(objects, task.merged.bill_key)
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, run.plan, month)}
    before = state_bucket.read_state(objects, run.plan) or PlanState()
    journal = state_bucket.journal(objects, run.plan).read()
    reopened = months_due.reopened(journal.value if journal else Journal(), before, month)
    left = reopened - set(usage.processed)
    outcome = _account(usage, ledger, before, month, left)
    complete = not outcome.unaccounted
    at = format_instant(now)
    _write_state(run, month, outcome, objects, at, complete=complete)
    _write_report(task, usage, ledger, before, objects, at, complete=complete)
    stuck = sorted(set(outcome.unaccounted) & set(usage.processed))
    if stuck:
        raise MonthIncomplete(_stuck(task.month, stuck, ledger))
    return _summary(task, usage, ledger, outcome, closed=complete)


def _account(
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    state: PlanState,
    month: Month,
    left: frozenset[str],
) -> Outcome:
    """Sort the contracts. `left` were re-opened but not part of this run: their error, which an
    operator has removed, must not come back.
    """
    billed = {bill.contract_id for bill in usage.bill.contracts} | set(usage.processed)
    known = state.success.get(month, frozenset()) | state.errors.get(month, frozenset())
    accepted, failed, unaccounted = [], {}, []
    for name in sorted(billed | ledger.keys()):
        entry = ledger.get(name)
        if name in left:
            unaccounted.append(name)
        elif entry is not None and entry.failure:
            failed[name] = entry
        elif entry is not None and entry.accepted:
            accepted.append(name)
        elif entry is not None or name not in known:
            unaccounted.append(name)
    return Outcome(accepted, failed, unaccounted)


def _write_state(
    run: Run, month: Month, outcome: Outcome, objects: Objects, at: str, *, complete: bool
) -> None:
    plan = run.plan
    journal = state_bucket.journal(objects, plan)
    as_of = parse_instant(run.as_of)

    def recorded(document: state_file.Document) -> state_file.Document:
        state = state_file.read_plan(document, plan.key, plan.state_file)
        read = journal.read()
        first = months_due.first_month(plan, state, read.value if read else Journal(), as_of)
        return state_file.record_month(
            document,
            plan.key,
            month,
            successes=outcome.accepted,
            errors=[_error_record(run, month, entry) for entry in outcome.failed.values()],
            closes=complete and month == first,
            at=at,
        )

    state_bucket.change_state(objects, plan, recorded)
    state = state_bucket.read_state(objects, plan) or PlanState()
    journal.change(
        lambda before: months_due.after_closing(
            before or Journal(),
            month,
            outcome.failed,
            frozenset(outcome.accepted),
            last_closed=state.last_processed_month,
        )
    )


def _error_record(run: Run, month: Month, entry: Entry) -> ErrorRecord:
    failure = entry.failure
    if failure is None:
        raise ValueError(f"{entry.contract_id} has not failed")
    open_lines = [line for line in entry.lines if line.state != "accepted"]
    records = submission.records(run.plan.cloud, entry.contract_id, month, open_lines)
    return ErrorRecord(
        contract_id=entry.contract_id,
        errors=list(failure.errors),
        code=failure.code,
        message=failure.message,
        payload={"request": records} if records else None,
        retry_count=entry.retries,
        last_retry_time=failure.at if entry.retries else None,
    )


def _write_report(
    task: MergedMonth,
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    before: PlanState,
    objects: Objects,
    at: str,
    *,
    complete: bool,
) -> None:
    done = before.success.get(task.of, frozenset())
    bills = {bill.contract_id: bill for bill in usage.bill.contracts}
    for name in ledger.keys() - bills.keys():
        bills[name] = ContractBill(contract_id=name, usage={}, quantities={})
    rows = [
        row
        for name in sorted(bills)
        for row in report.rows(
            bills[name], ledger.get(name), "sent before" if name in done else "not sent"
        )
    ]
    written = report.Report(
        plan=task.run.plan.key,
        month=task.month,
        execution=task.run.execution,
        generated_at=at,
        closed=complete,
        files=usage.files,
        records=usage.records,
        duplicate_records=usage.duplicates,
        duplicate_quantity=usage.dropped,
        warnings=usage.warnings,
        quarantined=usage.bill.quarantined,
        rows=rows,
    )
    prefix = keys.report(task.run.plan, task.of)
    objects.put(f"{prefix}report.json", msgspec.json.format(msgspec.json.encode(written), indent=1))
    objects.put(f"{prefix}report.csv", report.as_csv(written))
    objects.put(f"{prefix}report.html", report.as_html(written))


def _stuck(month: str, names: list[str], ledger: Mapping[str, Entry]) -> str:
    reasons = []
    for name in names[:20]:
        entry = ledger.get(name)
        last = entry.attempts[-1] if entry and entry.attempts else None
        reasons.append(f"{name} ({last.response[:200] or last.outcome})" if last else name)
    return (
        f"{month}: {len(names)} contracts are neither accepted nor recorded as errors: "
        f"{', '.join(reasons)}; the month stays open, run again"
    )


def _summary(
    task: MergedMonth,
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    outcome: Outcome,
    *,
    closed: bool,
) -> ClosedMonth:
    execution = task.run.execution
    sent = {
        name: {
            dimension
            for attempt in entry.attempts
            if attempt.execution == execution
            for dimension in attempt.dimensions
        }
        for name, entry in ledger.items()
    }
    sent_lines = [
        line
        for name, dimensions in sent.items()
        for line in ledger[name].lines
        if line.dimension in dimensions and line.state == "accepted"
    ]
    contracts = usage.bill.contracts
    return ClosedMonth(
        month=task.month,
        files=usage.files,
        records=usage.records,
        contracts=len(contracts),
        entries=sum(len(bill.usage) for bill in contracts),
        skipped=sum(bill.contract_id not in usage.processed for bill in contracts),
        submitted=sum(bool(dimensions) for dimensions in sent.values()),
        submitted_records=len(sent_lines),
        errors=sum(name in usage.processed for name in outcome.failed),
        closed=closed,
        report=f"{keys.report(task.run.plan, task.of)}report.html",
        ledger=keys.ledger_month(task.run.plan, task.of),
        quarantined=len(usage.bill.quarantined),
        duplicates=usage.duplicates,
        warnings=[warning[:500] for warning in usage.warnings[:5]],
    )
