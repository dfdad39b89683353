"""Payloads for the use cases, as the state machine would pass them."""

from typing import Any

from functions.domain.ledger.claim import ContractItem
from functions.domain.plan import Plan
from functions.metering.payloads import ContractTask
from tests.builders import JULY, a_run

MONTH = str(JULY)


def a_contract(
    quantities: dict[str, str], *, execution: str = "x-1", plan: Plan | None = None, **item: Any
) -> ContractTask:
    return ContractTask(
        run=a_run(execution, plan),
        month=MONTH,
        contract=ContractItem(contract_id="c-1", quantities=quantities, **item),
    )
