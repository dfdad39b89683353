"""One invocation of a Lambda, cut into its effects on the outside.

What runs is the use case itself. It is played from its beginning with the answers that it has had
so far, until it wants something more of the outside: that is its next step. So the order of steps
is the order of the production code, and nobody has to keep a copy of it. Each history is played
once and then remembered.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from functions.adapters import leases
from functions.adapters.books import Books
from functions.adapters.clock import Clock
from functions.domain.months.contracts_due import contracts_due
from functions.domain.months.run import Run
from functions.errors import (
    LeaseLost,
    MonthIncomplete,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PlanBusy,
    WriteConflict,
)
from functions.metering import submit_contract
from functions.metering.claim_contract import claim_contract
from functions.metering.close_month import close_month
from functions.metering.merge_usage import gather
from functions.metering.payloads import (
    ContractTask,
    Finish,
    Merged,
    MergedMonth,
    MonthTask,
    Release,
)
from functions.metering.plan_months import plan_months
from functions.metering.record_error import record_error
from functions.metering.release_plan import release_plan
from functions.metering.summarize_run import summarize_run
from functions.payloads import Problem
from infra.tasks import SETTLE_SECONDS
from tests.in_memory.lambdas import PLACE
from tests.model import month
from tests.model.invocation import Invocation, Item
from tests.model.outside import BILL, NOW, Effect, Outside, Paused, now_playing

# What Step Functions may be reported here. Anything else is a mistake of the model or of the code.
_EXPECTED = (
    *(LeaseLost, MonthIncomplete, OutcomeUnknown),
    *(PartnerBusy, PartnerRefused, PlanBusy, WriteConflict),
)


class Step(NamedTuple):
    """What comes next: an effect, or the end with a result or the name of an error.

    `attempt`: the id that the invocation has drawn for its request. `begun`: that is written down.
    `known`: the version of the ledger entry that it goes by.
    """

    effect: Effect | None = None
    result: Any = None
    error: str = ""
    attempt: int = 0
    begun: bool = False
    known: int = 0


def play(invocation: Invocation, history: tuple[Any, ...]) -> Step:
    """Return what an invocation does next, given all answers that it has had."""
    outside = Outside(history)
    now_playing.append(outside)
    result, error = None, ""
    try:
        result = _USE_CASES[invocation.state](invocation, outside)
    except Paused:
        pass
    except _EXPECTED as raised:
        error = type(raised).__name__
    finally:
        now_playing.pop()
    return Step(outside.wanted, result, error, outside.attempt, outside.begun, outside.entry)


def _run(of: Invocation) -> Run:
    return Run(
        plan=month.PLAN,
        execution=of.execution,
        name=of.execution,
        as_of=month.AT,
        months=[str(month.MONTH)],
        contracts=None,
        retry_errors=of.retry_errors,
        dry_run=False,
        max_months=1,
    )


def _task(of: Invocation) -> ContractTask:
    problem = Problem(of.problem, of.problem) if of.problem else None
    item = of.items[of.contract].full()
    return ContractTask(run=_run(of), month=str(month.MONTH), contract=item, problem=problem)


def _books(outside: Outside) -> Books:
    return Books(outside, month.PLAN)


def _acquire(of: Invocation, outside: Outside) -> None:
    lease = _books(outside).lease()
    if busy := leases.acquire(lease, of.execution, month.AT, outside.is_running):
        raise PlanBusy(busy)


def _merge(of: Invocation, outside: Outside) -> tuple[Item, ...]:
    task = MonthTask(run=_run(of), month=str(month.MONTH))
    known = gather(task, _books(outside)).known
    found = contracts_due(task.month, month.bill(of.contracts).contracts, known, task.run)
    return tuple(Item(item.contract_id, item.retry, item.without_usage) for item in found)


def _submit(of: Invocation, outside: Outside) -> None:
    world = submit_contract.Outside(
        _books(outside), outside, Clock(outside.now, lambda: 90.0), SETTLE_SECONDS
    )
    submit_contract.submit_contract(_task(of), world)


def _close(of: Invocation, outside: Outside) -> None:
    bill = "/".join([BILL, str(of.contracts), *(item.contract for item in of.items)])
    merged = Merged(bill_key=bill, contracts_key="", to_process=len(of.items))
    close_month(
        MergedMonth(run=_run(of), month=str(month.MONTH), merged=merged), _books(outside), NOW
    )


def _release(of: Invocation, outside: Outside) -> None:
    """SummarizeRun and ReleasePlan: the first one only reads."""
    run = _run(of)
    ending = summarize_run(Finish(run=run), _books(outside), PLACE, NOW)
    notified = {"delivered": True} if ending.notify else {}
    release_plan(
        Release(run=run, journal=ending.journal, notified=notified), _books(outside), month.AT
    )


_USE_CASES: dict[str, Callable[[Invocation, Outside], Any]] = {
    "AcquirePlan": _acquire,
    "PlanMonths": lambda of, outside: plan_months(_run(of), _books(outside), outside),
    "MergeUsage": _merge,
    "ClaimContract": lambda of, outside: (
        claim_contract(_task(of), _books(outside), month.AT).action
    ),
    "SubmitContract": _submit,
    "RecordError": lambda of, outside: record_error(_task(of), _books(outside), month.AT),
    "CloseMonth": _close,
    "ReleasePlan": _release,
}
