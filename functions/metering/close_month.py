"""CloseMonth: ledger -> state file and report. A month with an unaccounted contract stays open."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, keys, state_bucket, wiring
from functions.adapters.documents import Document
from functions.adapters.storage import Objects
from functions.domain.ledger.transitions import fail_if_open
from functions.domain.month import format_instant, parse_instant
from functions.domain.months import closing, report, report_files
from functions.domain.months.announcement import with_notices
from functions.domain.months.closing import Closing, Seen
from functions.domain.months.journal import in_both
from functions.domain.months.late_usage import NOTHING_COMPARED, Compared
from functions.domain.months.outcome import blamed, explain_open
from functions.domain.usage.manifest import Manifest
from functions.errors import MonthIncomplete
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.metering.report_late_usage import compare, key_of, write
from functions.payloads import dump, task_handler

logger = Logger()
metrics = Metrics()


@task_handler
@metrics.log_metrics
def handler(task: MergedMonth, _context: object) -> ClosedMonth | None:
    """Return the month in numbers; None if it is left to the next run."""
    if task.merged.left:
        return None
    objects = wiring.state_bucket()
    state_bucket.check_lease(objects, task.run.plan, task.run.execution)
    closed = close_month(task, objects, clock.now())
    metrics.add_metric("RecordsAccepted", MetricUnit.Count, closed.submitted_records)
    metrics.add_metric("ContractsInError", MetricUnit.Count, closed.errors)
    metrics.add_metric("TotalsQuarantined", MetricUnit.Count, closed.quarantined)
    metrics.add_metric("LateUsage", MetricUnit.Count, int(closed.changed))
    logger.info("month closed" if closed.closed else "month left open", summary=dump(closed))
    return closed


def close_month(task: MergedMonth, objects: Objects, now: datetime) -> ClosedMonth:
    """Read, decide, and write in an order in which each step finds what it relies on.

    Remainders and notices come before the state file, because after that the month is not looked at
    again; the journal comes last and forgets that the month was underway.
    """
    run, plan, month, at = task.run, task.run.plan, task.of, format_instant(now)
    document = state_bucket.remainders(objects, plan, month)
    carried = document.read()  # before the ledger: an older look never overwrites a newer one
    seen = _seen(task, objects, at)
    compared = _compare(task, seen, objects)
    decided = closing.decide(seen, compared)
    left, usage = decided.remainders, decided.usage
    if plan.carry_remainders and (carried is None or left != carried.value):
        document.write(left, carried)
    if usage.warnings:
        state_bucket.change_journal(objects, plan, lambda old: with_notices(old, usage.warnings))
    if compared.differs or (run.until is None and objects.read(key_of(task))):
        write(task, usage, compared, objects, at)
    if decided.outcome.complete and run.until is None:
        billed = Manifest(execution=run.execution, days=usage.days)
        state_bucket.manifest(objects, plan, month).change(lambda _: billed)
    prefix = _write_report(task, decided, objects, at)
    as_of = parse_instant(run.as_of)
    state = state_bucket.change_state(
        objects, plan, lambda found: closing.in_state_file(decided, found, as_of=as_of, at=at)
    )
    state_bucket.change_journal(
        objects, plan, lambda old: closing.in_journal(decided, old, state.last_processed_month)
    )
    closed = ClosedMonth.of(
        task.month,
        usage,
        closed=decided.counts,
        changed=compared.differs,
        report=f"{prefix}.html",
        ledger=keys.ledger_month(plan, month),
        **decided.numbers,
    )
    objects.put(keys.closed(plan, month, run.name), msgspec.json.encode(closed))
    if decided.open:
        raise MonthIncomplete(explain_open(task.month, decided.open, seen.ledger, seen.left_open))
    return closed


def _seen(task: MergedMonth, objects: Objects, at: str) -> Seen:
    """Read everything once; a contract that alone was not served becomes an error here."""
    run, plan, month = task.run, task.run.plan, task.of
    usage = read_bill(objects, task.merged.bill_key)
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, plan, month)}
    left_open = state_bucket.open_contracts(objects, plan, month, run.name)
    for name, failure in blamed(left_open, ledger, run.execution, at).items():
        document = state_bucket.entry(objects, plan, month, name)
        ledger[name] = document.change(partial(fail_if_open, ledger[name], failure)).value
    state = state_bucket.read_state(objects, plan)
    journal = state_bucket.read_journal(objects, plan)
    by_hand = (state.at(month).done - in_both(journal, month)) & set(usage.processed)
    # What the first try saw: a later one of this execution sees its own successes.
    key = f"{keys.run(plan, month, run.name, dry_run=False)}settled-by-hand.json"
    first = Document(objects, key, frozenset[str]).change(
        lambda found: by_hand if found is None else found
    )
    asked = (plan, month, run.execution, run.contracts, run.until)
    return Seen(*asked, usage, ledger, state, journal, first.value, left_open)


def _compare(task: MergedMonth, seen: Seen, objects: Objects) -> Compared:
    """Find where today's usage is not what was billed: late or corrected files.

    In an open month a contract without an entry is not late, it was not billed yet. Final usage
    looks at a part of its month only and says nothing of the rest.
    """
    if seen.until:
        return NOTHING_COMPARED
    names = frozenset(bill.contract_id for bill in seen.usage.bill.contracts)
    by_hand = (seen.shown.done if seen.closed else names) - seen.ledger.keys()
    billed = state_bucket.manifest(objects, seen.plan, task.of).read() if seen.closed else None
    before = billed.value if billed else None
    return compare(seen.usage, seen.ledger, before, formulas=seen.plan.dimensions, by_hand=by_hand)


def _write_report(task: MergedMonth, decided: Closing, objects: Objects, at: str) -> str:
    """Write the report; that of final usage is about its contracts and has a name of its own."""
    run, written = task.run, report.build(decided, at)
    prefix = f"{keys.report(run.plan, task.of)}{f'final-{run.name}' if run.until else 'report'}"
    body = msgspec.json.format(msgspec.json.encode(written), indent=1)
    objects.put(f"{prefix}.json", body)
    objects.put(f"{prefix}.csv", report_files.as_csv(written))
    objects.put(f"{prefix}.html", report_files.as_html(written))
    return prefix
