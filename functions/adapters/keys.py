"""Where things are in the state bucket. A contract id is quoted: it is data, not a path."""

import hashlib
from urllib.parse import quote, unquote

from functions.domain.month import Month
from functions.domain.plan import Plan

USAGE_ROOT = "omnistrate-metering/"
EXPORT_MARKER = f"{USAGE_ROOT}last_success_export.json"
LEDGER_ROOT = "ledger/"


def usage_prefix(plan: Plan, month: Month | None = None) -> str:
    """Return the prefix of a plan's usage files, or of one month of them."""
    return f"{USAGE_ROOT}{plan.path}/" + (f"{month.path}/" if month else "")


def lease(plan: Plan) -> str:
    """Return the key of the lease: who runs this plan."""
    return f"leases/{plan.path}.json"


def journal(plan: Plan) -> str:
    """Return the key of a plan's journal: last closed month and known errors."""
    return f"{LEDGER_ROOT}{plan.path}/plan.json"


def ledger_month(plan: Plan, month: Month) -> str:
    """Return the prefix of a month's ledger entries."""
    return f"{LEDGER_ROOT}{plan.path}/{month}/"


def ledger_entry(plan: Plan, month: Month, contract: str) -> str:
    """Return the key of one contract's month in the ledger."""
    return f"{ledger_month(plan, month)}{quote(contract, safe='')}.json"


def remainders(plan: Plan, month: Month | None = None) -> str:
    """Return the key of what rounding left in a month, or the prefix of all months."""
    return f"{LEDGER_ROOT}{plan.path}/remainders/" + (f"{month}.json" if month else "")


def manifest(plan: Plan, month: Month | None = None) -> str:
    """Return the key of what a closed month was billed from, or the prefix of all months."""
    return f"{LEDGER_ROOT}{plan.path}/manifests/" + (f"{month}.json" if month else "")


def day(plan: Plan, month: Month, name: str) -> str:
    """Return the key of a day's fold."""
    return f"days/{plan.path}/{month}/{name}.json"


def name_in(key: str) -> str:
    """Return what a key ends with: a contract's id, or a month."""
    return unquote(key.rpartition("/")[2].removesuffix(".json"))


def run(plan: Plan, month: Month, run_id: str, *, dry_run: bool) -> str:
    """Return the prefix of what one execution computes for a month. A dry run has its own root."""
    return f"{'previews' if dry_run else 'runs'}/{plan.path}/{month}/{run_id}/"


def open_contracts(plan: Plan, month: Month, run_id: str) -> str:
    """Return the prefix of why contracts were left open by an execution."""
    return f"{run(plan, month, run_id, dry_run=False)}open/"


def open_contract(root: str, contract: str) -> str:
    """Return the key of why one contract was left open; short, whatever the contract's id is."""
    return f"{root}{hashlib.sha256(contract.encode()).hexdigest()[:32]}.json"


def closed(plan: Plan, month: Month, run_id: str) -> str:
    """Return the key of a month in numbers, as an execution has closed it or left it open."""
    return f"{run(plan, month, run_id, dry_run=False)}closed.json"


def report(plan: Plan, month: Month) -> str:
    """Return the prefix of a month's report."""
    return f"reports/{plan.path}/{month}/"


def totals(plan: Plan, month: Month) -> str:
    """Return the key of the usage of a month and of those before it, by dimension."""
    return f"{report(plan, month)}totals.json"
