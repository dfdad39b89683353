"""CloseMonth: ledger -> state file and report. A month with an unaccounted contract stays open."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.documents import Version
from functions.adapters.storage import Objects
from functions.domain import closing, keys, months_due, report, report_files, state_file
from functions.domain.announcement import with_notices
from functions.domain.closing import Closing, Seen
from functions.domain.journal import Journal, in_both
from functions.domain.late_usage import NOTHING_COMPARED, Compared
from functions.domain.ledger import fail_if_open
from functions.domain.manifest import Manifest
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.outcome import blamed, explain_open
from functions.domain.remainders import Remainders
from functions.domain.run_files import MonthUsage
from functions.domain.state_file import PlanState
from functions.errors import MonthIncomplete
from functions.metering.merge_usage import read_bill
from functions.metering.payloads import ClosedMonth, MergedMonth
from functions.metering.report_late_usage import compare, key_of, write
from functions.payloads import dump, parse

logger = Logger()
metrics = Metrics()


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
    """Read, decide, and write in an order in which each step finds what it relies on.

    Remainders and notices come before the state file, because after that the month is not looked at
    again; the journal comes last and forgets that the month was underway.
    """
    run, at = task.run, format_instant(now)
    # Before the ledger: an older look never overwrites a newer one.
    carried = state_bucket.remainders(objects, run.plan, task.of).read()
    seen = _seen(task, objects, at)
    compared = _compare(task, seen, objects)
    terms = closing.Terms(run.plan, task.of, run.execution, run.contracts, run.until)
    decided = closing.decide(seen, compared, terms)
    _keep_remainders(task, decided, carried, objects)
    _keep_notices(task, decided, objects)
    if compared.differences or (run.until is None and objects.read(key_of(task))):
        write(task, decided.usage, compared, objects, at)
    if decided.outcome.complete and run.until is None:
        _keep_manifest(task, seen.usage, objects)
    prefix = _write_report(task, seen, decided, objects, at)
    closed = ClosedMonth.of(
        task.month,
        decided.usage,
        closed=decided.counts,
        changed=bool(compared.differences),
        report=f"{prefix}.html",
        ledger=keys.ledger_month(run.plan, task.of),
        **decided.numbers,
    )
    _write_state(task, seen, decided, objects, at)
    objects.put(keys.closed(run.plan, task.of, run.name), msgspec.json.encode(closed))
    if decided.open:
        raise MonthIncomplete(explain_open(task.month, decided.open, seen.ledger, seen.left_open))
    return closed


def _seen(task: MergedMonth, objects: Objects, at: str) -> Seen:
    plan, month = task.run.plan, task.of
    usage = read_bill(objects, task.merged.bill_key)
    ledger = {entry.contract_id: entry for entry in state_bucket.entries(objects, plan, month)}
    left_open = state_bucket.open_contracts(objects, plan, month, task.run.name)
    for name, failure in blamed(left_open, ledger, at).items():
        document = state_bucket.entry(objects, plan, month, name)
        ledger[name] = document.change(partial(fail_if_open, ledger[name], failure)).value
    state = state_bucket.read_state(objects, plan) or PlanState()
    journal = state_bucket.read_journal(objects, plan)
    done = state.at(month).done - in_both(journal, month)
    by_hand = _first_look(task, sorted(done & set(usage.processed)), objects)
    return Seen(usage, ledger, state, journal, by_hand, left_open)


def _first_look(task: MergedMonth, by_hand: list[str], objects: Objects) -> list[str]:
    """Return what the first try of this execution saw: a later one sees its own successes."""
    folder = keys.run(task.run.plan, task.of, task.run.name, dry_run=False)
    key = f"{folder}settled-by-hand.json"
    if objects.create(key, msgspec.json.encode(by_hand)):
        return by_hand
    first = objects.read(key)
    return msgspec.json.decode(first.body, type=list[str]) if first else by_hand


def _compare(task: MergedMonth, seen: Seen, objects: Objects) -> Compared:
    """Find where today's usage is not what was billed: late or corrected files.

    In an open month a contract without an entry is not late, it was not billed yet. Final usage
    looks at a part of its month only and says nothing of the rest.
    """
    if task.run.until:
        return NOTHING_COMPARED
    closed = months_due.is_closed(task.of, seen.state, seen.journal)
    names = frozenset(bill.contract_id for bill in seen.usage.bill.contracts)
    by_hand = (seen.state.at(task.of).done if closed else names) - seen.ledger.keys()
    billed = state_bucket.manifest(objects, task.run.plan, task.of).read() if closed else None
    before = billed.value if billed else None
    formulas = task.run.plan.dimensions
    return compare(seen.usage, seen.ledger, before, objects, formulas=formulas, by_hand=by_hand)


def _keep_remainders(
    task: MergedMonth, decided: Closing, known: Version[Remainders] | None, objects: Objects
) -> None:
    """Write down what rounding left, for the contracts' next months, before the month counts."""
    left = decided.remainders
    if task.run.plan.carry_remainders and (left != known.value if known else left.contracts):
        state_bucket.remainders(objects, task.run.plan, task.of).write(left, known)


def _keep_notices(task: MergedMonth, decided: Closing, objects: Objects) -> None:
    """Write down what is to be reported before a run can end that has closed the month."""
    if warnings := decided.usage.warnings:
        journal = state_bucket.journal(objects, task.run.plan)
        journal.change(lambda before: with_notices(before or Journal(), warnings))


def _keep_manifest(task: MergedMonth, usage: MonthUsage, objects: Objects) -> None:
    """Write down what the month was billed from, to notice when that changes."""
    manifest = Manifest(
        execution=task.run.execution,
        lists=tuple(usage.lists),
        files=usage.files,
        digest=usage.digest,
    )
    state_bucket.manifest(objects, task.run.plan, task.of).change(lambda _: manifest)


def _write_report(
    task: MergedMonth, seen: Seen, decided: Closing, objects: Objects, at: str
) -> str:
    """Write the report; that of final usage is about its contracts and has a name of its own."""
    run = task.run
    written = report.build(
        decided.usage,
        seen.ledger,
        decided.shown.done,
        formulas=run.plan.dimensions,
        only=run.contracts if run.until else None,
        plan=run.plan.key,
        month=task.month,
        until=run.until,
        execution=run.execution,
        generated_at=at,
        closed=decided.counts,
    )
    prefix = f"{keys.report(run.plan, task.of)}{f'final-{run.name}' if run.until else 'report'}"
    body = msgspec.json.format(msgspec.json.encode(written), indent=1)
    objects.put(f"{prefix}.json", body)
    objects.put(f"{prefix}.csv", report_files.as_csv(written))
    objects.put(f"{prefix}.html", report_files.as_html(written))
    return prefix


def _write_state(
    task: MergedMonth, seen: Seen, decided: Closing, objects: Objects, at: str
) -> None:
    """Write the outcome into the state file, which people may have edited since, then forget."""
    plan, as_of = task.run.plan, parse_instant(task.run.as_of)
    last: Month | None = None

    def recorded(document: state_file.Document) -> state_file.Document:
        nonlocal last
        found, last = closing.in_state_file(decided, document, seen.journal, as_of=as_of, at=at)
        return found

    state_bucket.change_state(objects, plan, recorded)
    state_bucket.journal(objects, plan).change(
        lambda before: closing.in_journal(decided, before or Journal(), last)
    )
