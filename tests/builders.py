"""What tests begin with: a plan, a contract's month and its parts, each with what matters said."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from functions.domain.ledger.entry import Entry, Failure, Line, LineState
from functions.domain.ledger.remainders import Remainders
from functions.domain.month import Month
from functions.domain.months.closing import Closing, Seen
from functions.domain.months.journal import Journal
from functions.domain.months.late_usage import NOTHING_COMPARED
from functions.domain.months.outcome import Outcome
from functions.domain.months.run import Run
from functions.domain.months.state_file import PlanState
from functions.domain.plan import Plan, parse_plan
from functions.domain.usage.bill import ContractBill, MonthBill
from functions.domain.usage.month_usage import MonthUsage

MAY, JUNE, JULY = Month(2025, 5), Month(2025, 6), Month(2025, 7)
JULY_14 = datetime(2025, 7, 14, tzinfo=UTC)
AUGUST_2 = datetime(2025, 8, 2, tzinfo=UTC)
SEPTEMBER_2 = datetime(2025, 9, 2, tzinfo=UTC)
OCTOBER_2 = datetime(2025, 10, 2, tzinfo=UTC)
NOBODY: frozenset[str] = frozenset()
PLAN = Plan(service="S", environment_type="E", plan_id="P")
FAILURE = Failure(code="DIM", message="no", errors=("no",), at="t-1")


def a_plan(**fields: Any) -> Plan:
    return parse_plan({"service": "S", "environment_type": "E", "plan_id": "P", **fields})


def a_run(execution: str = "x-1", plan: Plan | None = None, **fields: Any) -> Run:
    terms: dict[str, Any] = {"as_of": "2025-08-02T00:00:00Z", "months": None, "contracts": None}
    terms |= {"retry_errors": False, "dry_run": False, "max_months": 12}
    return Run(plan=plan or a_plan(), execution=execution, name=execution, **{**terms, **fields})


def a_record(contract: str | None, dimension: str = "cpu", **fields: Any) -> dict[str, Any]:
    """Return a usage record with the personal data that Omnistrate exports."""
    return {
        "timestamp": "2025-07-01T00:30:00Z",
        "subscriptionId": "sub-1",
        "customerEmail": "jane@customer.example",
        "organizationName": "Customer Inc",
        "externalPayerId": contract,
        "dimension": dimension,
        "value": 1,
        **fields,
    }


def a_line(dimension: str = "cpu", state: LineState = "unsure", **fields: Any) -> Line:
    return Line(**{"dimension": dimension, "quantity": "5", "state": state, **fields})


def an_entry(*lines: Line, **fields: Any) -> Entry:
    """Return what the ledger holds of c-1 and July, claimed by the execution x."""
    of = {"plan": "S:E:P", "month": "2025-07", "contract_id": "c-1"}
    return Entry(**{**of, "execution": "x", "claimed_at": "t", "lines": lines, **fields})


def a_contract(name: str = "c-1", /, **fields: Any) -> ContractBill:
    return ContractBill(**{"contract_id": name, "usage": {}, "quantities": {}, **fields})


def a_bill(*contracts: ContractBill) -> MonthBill:
    return MonthBill(contracts=list(contracts), quarantined=[], unbilled_dimensions=[])


def month_usage(bill: MonthBill | None = None, processed: Iterable[str] = ()) -> MonthUsage:
    return MonthUsage(
        files=1,
        records=1,
        duplicates=0,
        dropped={},
        warnings=[],
        processed=sorted(processed),
        days={},
        bill=bill or a_bill(),
    )


def a_closing(
    usage: MonthUsage | None = None, outcome: Outcome | None = None, **seen: Any
) -> Closing:
    """Return July as CloseMonth finds it: nothing but its usage, unless told."""
    usage = usage or month_usage()
    terms = {name: seen.pop(name) for name in ("plan", "contracts", "until") if name in seen}
    run = a_run("x", **{"plan": PLAN, **terms})
    nothing: dict[str, Any] = {"state": PlanState(), "journal": Journal(), "ledger": {}}
    nothing |= {"by_hand": [], "left_open": []}
    return Closing(
        Seen(**{"run": run, "month": JULY, "usage": usage, **nothing, **seen}),
        NOTHING_COMPARED,
        usage,
        outcome or Outcome([], {}, []),
        Remainders(),
        counts=True,
        open=[],
        numbers={},
    )
