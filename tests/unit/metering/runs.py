"""Payloads for the use cases, as the state machine would pass them."""

from typing import Any

from functions.domain.ledger.claim import ContractItem
from functions.domain.months.run import Run
from functions.domain.plan import Plan
from functions.metering.payloads import ContractTask
from tests.builders import JULY, a_plan

MONTH = str(JULY)


def a_run(execution: str = "x-1", plan: Plan | None = None, **fields: Any) -> Run:
    terms: dict[str, Any] = {"as_of": "2025-08-02T00:00:00Z", "months": None, "contracts": None}
    terms |= {"retry_errors": False, "dry_run": False, "max_months": 12}
    return Run(plan=plan or a_plan(), execution=execution, name=execution, **{**terms, **fields})


def a_contract(
    quantities: dict[str, str], *, execution: str = "x-1", plan: Plan | None = None, **item: Any
) -> ContractTask:
    return ContractTask(
        run=a_run(execution, plan),
        month=MONTH,
        contract=ContractItem(contract_id="c-1", quantities=quantities, **item),
    )
