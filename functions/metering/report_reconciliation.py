"""ReportReconciliation: writes and reports where the receiver's records are not the ledger's."""

from functions import metrics
from functions.adapters import clock, keys, wiring
from functions.adapters.documents import read_run_file
from functions.adapters.pages import put_json
from functions.domain.ledger.reconciliation import Comparison, reconcile
from functions.domain.month import format_instant
from functions.domain.months.announcement import with_notices
from functions.domain.months.closed_month import ClosedMonth
from functions.metering.payloads import ReconciledTask
from functions.payloads import task_handler


@task_handler
def handler(task: ReconciledTask, _context: object) -> ClosedMonth:
    """Gather the comparisons, write the report, and note what a message has to say of it."""
    plan, month, at = task.run.plan, task.of, format_instant(clock.now())
    books = wiring.books(plan, held_by=task.run.execution)
    contracts = read_run_file(books.objects, task.contracts_key, list[str])
    files = [keys.open_contract(task.comparisons, name) for name in contracts]
    found = reconcile(
        contracts,
        books.read_all(files, Comparison),
        books.read_state().at(month).done - set(contracts),
        plan=plan.key,
        month=task.month,
        execution=task.run.execution,
        generated_at=at,
    )
    key = f"{keys.report(plan, month)}reconciliation.json"
    put_json(books.objects, key, found)
    if texts := found.texts(key):
        books.change_journal(lambda old: with_notices(old, texts))
    metrics.RECONCILIATION_DIFFERS.add(found.differing)
    return ClosedMonth(
        month=task.month, contracts=found.contracts, late=True, report=key, reconciled=found.summary
    )
