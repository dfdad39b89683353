"""CloseMonth: ledger -> state file and report. A month with an unaccounted contract stays open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.documents import Document, Version
from functions.adapters.storage import Objects
from functions.domain import keys, months_due, report, state_file
from functions.domain.announcement import with_notices
from functions.domain.journal import Journal, after_closing, before_closing, in_both, reopened
from functions.domain.late_usage import NOTHING_COMPARED, Compared, texts
from functions.domain.ledger_entry import Entry
from functions.domain.manifest import Manifest
from functions.domain.month import format_instant, parse_instant
from functions.domain.outcome import (
    Outcome,
    account,
    code_of,
    error_record,
    explain_open,
    overtaken,
    withdrawn,
)
from functions.domain.remainders import Remainders, remainders_of
from functions.domain.run_files import MonthUsage
from functions.domain.state_file import PlanState
from functions.errors import MonthIncomplete
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.metering.report_late_usage import compare, key_of, write
from functions.payloads import dump, parse

logger = Logger()
metrics = Metrics()
_NAMED = 20


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> Any:
    """Return the month in numbers."""
    task = parse(event, MergedMonth)
    objects = configuration.state_bucket()
    state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    closed = close_month(task, objects, clock.now())
    metrics.add_metric("RecordsAccepted", MetricUnit.Count, closed.submitted_records)
    metrics.add_metric("ContractsInError", MetricUnit.Count, closed.errors)
    metrics.add_metric("TotalsQuarantined", MetricUnit.Count, closed.quarantined)
    metrics.add_metric("LateUsage", MetricUnit.Count, int(closed.changed))
    logger.info("month closed" if closed.closed else "month left open", summary=dump(closed))
    return dump(closed)


def close_month(task: MergedMonth, objects: Objects, now: datetime) -> ClosedMonth:
    """Account for every contract, write it down, and only then say that the month is done."""
    run, month, at = task.run, task.of, format_instant(now)
    usage = read_bill(objects, task.merged.bill_key)
    remainders = state_bucket.remainders(objects, run.plan, month)
    carried = remainders.read()  # before the ledger: an older look never overwrites a newer one
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, run.plan, month)}
    state = state_bucket.read_state(objects, run.plan) or PlanState()
    journal = state_bucket.read_journal(objects, run.plan)
    closed = months_due.is_closed(month, state, journal)
    left = reopened(journal, state, month) - set(usage.processed)
    shown = state.at(month)
    outcome = account(usage, ledger, shown, left, formulas=run.plan.dimensions, closed=closed)
    compared = _compare(task, usage, ledger, shown.done, objects, closed=closed)
    late = texts(task.month, compared, with_head=closed) if compared.differs else []
    before = objects.read(f"{keys.report(run.plan, month)}report.json")
    is_retried = before is not None and f'"execution": "{run.execution}"'.encode() in before.body
    # A function that is tried again sees the successes that it has written itself.
    by_hand = set() if is_retried else set(usage.processed) & shown.done - in_both(journal, month)
    warnings = [
        *usage.warnings,
        *withdrawn(usage.processed, ledger),
        *overtaken(task.month, run.execution, by_hand, ledger),
        *late,
    ]
    usage = msgspec.structs.replace(usage, warnings=warnings)
    if run.plan.carry_remainders:
        left_over = remainders_of(ledger.values(), run.plan.dimensions, done=shown.done)
        _keep_remainders(left_over, remainders, carried)
    if warnings:
        told = state_bucket.journal(objects, run.plan)
        told.change(lambda before: with_notices(before or Journal(), warnings))
    if compared.differs or (run.until is None and objects.read(key_of(task))):
        write(task, usage, compared, objects, at)
    if outcome.complete and run.until is None:
        _keep_manifest(task, usage, objects)
    counts = closed or (outcome.complete and run.until is None)
    written = report.build(
        usage,
        ledger,
        shown.done,
        plan=run.plan.key,
        month=task.month,
        execution=run.execution,
        at=at,
        closed=counts,
    )
    _write_report(keys.report(run.plan, month), written, objects)
    # Last: after this the month would not be looked at again.
    _write_state(task, outcome, shown.done, objects, at)
    asked = set(outcome.unaccounted if run.contracts is None else usage.processed)
    stuck = sorted(asked & set(outcome.unaccounted))
    if stuck:
        raise MonthIncomplete(explain_open(task.month, stuck, ledger))
    return _summary(task, usage, ledger, outcome, closed=counts, changed=compared.differs)


def _compare(
    task: MergedMonth,
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    done: frozenset[str],
    objects: Objects,
    *,
    closed: bool,
) -> Compared:
    """Find where today's usage is not what was billed: late or corrected files.

    In an open month a contract without an entry is not late, it was not billed yet. Final usage
    looks at a part of its month only and says nothing of the rest.
    """
    if task.run.until:
        return NOTHING_COMPARED
    names = frozenset(bill.contract_id for bill in usage.bill.contracts)
    left_out = (done if closed else names) - ledger.keys()
    billed = state_bucket.manifest(objects, task.run.plan, task.of).read() if closed else None
    before = billed.value if billed else None
    return compare(usage, ledger, before, objects, left_out=left_out)


def _keep_remainders(
    left: Remainders, document: Document[Remainders], known: Version[Remainders] | None
) -> None:
    """Write down what rounding left, for the contracts' next months, before the month counts."""
    if left != known.value if known else left.contracts:
        document.write(left, known)


def _keep_manifest(task: MergedMonth, usage: MonthUsage, objects: Objects) -> None:
    """Write down what the month was billed from, to notice when that changes."""
    manifest = Manifest(
        execution=task.run.execution,
        lists=tuple(usage.lists),
        files=usage.files,
        digest=usage.digest,
    )
    state_bucket.manifest(objects, task.run.plan, task.of).change(lambda _: manifest)


def _write_state(
    task: MergedMonth, outcome: Outcome, known: frozenset[str], objects: Objects, at: str
) -> None:
    """Write the outcome. Who became a success since the ledger was read is no error any more."""
    plan, month = task.run.plan, task.of
    journal = state_bucket.journal(objects, plan)
    as_of = parse_instant(task.run.as_of)

    def recorded(document: state_file.Document) -> state_file.Document:
        state = state_file.read_plan(document, plan.key, plan.state_file)
        done = (state or PlanState()).at(month).done - known
        read = journal.read()
        first = months_due.first_month(plan, state, read.value if read else Journal(), as_of)
        return state_file.record_month(
            document,
            plan.key,
            month,
            successes=outcome.accepted,
            errors=[
                error_record(entry) for name, entry in outcome.failed.items() if name not in done
            ],
            closes=outcome.complete and month == first and task.run.until is None,
            at=at,
        )

    errors = {name: code_of(entry) for name, entry in outcome.failed.items()}
    if errors:
        journal.change(lambda before: before_closing(before or Journal(), month, errors))
    state_bucket.change_state(objects, plan, recorded)
    state = state_bucket.read_state(objects, plan) or PlanState()
    journal.change(
        lambda before: after_closing(
            before or Journal(),
            month,
            errors,
            frozenset(outcome.accepted),
            last_closed=state.last_processed_month,
            # A month that is not closed comes again by itself.
            complete=outcome.complete or not months_due.is_closed(month, state, Journal()),
        )
    )


def _write_report(prefix: str, written: report.Report, objects: Objects) -> None:
    objects.put(f"{prefix}report.json", msgspec.json.format(msgspec.json.encode(written), indent=1))
    objects.put(f"{prefix}report.csv", report.as_csv(written))
    objects.put(f"{prefix}report.html", report.as_html(written))


def _summary(
    task: MergedMonth,
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    outcome: Outcome,
    *,
    closed: bool,
    changed: bool,
) -> ClosedMonth:
    sent = {name: entry.sent_by(task.run.execution) for name, entry in ledger.items()}
    failed = [entry for name, entry in outcome.failed.items() if name in usage.processed]
    return ClosedMonth.of(
        task.month,
        usage,
        submitted=sum(bool(lines) for lines in sent.values()),
        submitted_records=sum(
            line.state == "accepted" for lines in sent.values() for line in lines
        ),
        errors=len(failed),
        attention=[f"{entry.contract_id} ({code_of(entry)})" for entry in failed[:_NAMED]],
        closed=closed,
        changed=changed,
        report=f"{keys.report(task.run.plan, task.of)}report.html",
        ledger=keys.ledger_month(task.run.plan, task.of),
    )
