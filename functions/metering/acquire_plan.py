"""AcquirePlan: settle the terms of a run and take the plan's lease."""

from collections.abc import Mapping

from msgspec.structs import replace

from functions.adapters import clock, leases, wiring
from functions.domain.conversion import given, parse
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.months.run import LAST_MONTH, ExecutionInput, Run
from functions.domain.plan import Plan
from functions.errors import BadInput, PlanBusy
from functions.payloads import Start, task_handler, time_of_run

_CHANGES = "changes the ledger, which a dry run does not"
_ALONE = {
    "resolve": _CHANGES,
    "approve": _CHANGES,
    "reconcile": "a dry run bills nothing that could be compared",
}


@task_handler
def handler(start: Start, _context: object) -> Run:
    """Return the run's terms."""
    run = settle(start, wiring.plans())
    if not run.dry_run:
        lease = wiring.books(run.plan).lease()
        now = format_instant(clock.now())
        if busy := leases.acquire(lease, run.execution, now, leases.is_running):
            raise PlanBusy(f"plan {run.plan.key}: {busy}")
    return run


def settle(start: Start, plans: Mapping[str, Plan]) -> Run:
    """Check the execution input and fill it up from the plan's configuration."""
    asked = parse(start.input, ExecutionInput)
    plan = _choose(asked.plan, plans)
    as_of = time_of_run(asked.as_of, start)
    dry_run = plan.dry_run if asked.dry_run is None else asked.dry_run
    for text in asked.months or ():
        given("months", Month.parse, text)
    until = _until(asked, as_of)
    _check_alone(asked, dry_run=dry_run)
    last = str(Month.of(parse_instant(as_of)).plus(-1))
    return Run(
        plan=plan,
        execution=start.execution,
        name=start.name,
        as_of=as_of,
        months=asked.months and sorted(set(asked.months)),
        contracts=asked.contracts and sorted(set(asked.contracts)),
        retry_errors=asked.retry_errors,
        dry_run=dry_run,
        max_months=asked.max_months or plan.max_months,
        until=until,
        resolve=asked.resolve and replace(asked.resolve, reason=asked.resolve.reason.strip()),
        approve=asked.approve,
        reconcile=last if asked.reconcile == LAST_MONTH else asked.reconcile,
        reason=(asked.reason or "").strip(),
        started=format_instant(parse_instant(start.started)),
        plans=sorted(plans),
    )


def _choose(name: str | None, plans: Mapping[str, Plan]) -> Plan:
    if name is None and len(plans) == 1:
        return next(iter(plans.values()))
    if name is not None and name in plans:
        return plans[name]
    wrong = f"plan: {name!r} is not configured" if name else "several plans are configured"
    raise BadInput(f"{wrong}; name one of {', '.join(sorted(plans))}")


def _check_alone(asked: ExecutionInput, *, dry_run: bool) -> None:
    """Check the options that go alone, as far as that is possible without the books."""
    reason = {"reason": None} if asked.approve else {}  # a decision has one of its own
    for name, in_a_dry_run in _ALONE.items():
        beside = replace(asked, plan=None, dry_run=None, as_of=None, **{name: None}, **reason)
        if getattr(asked, name) and beside != ExecutionInput():
            raise BadInput(
                f"{name} cannot be combined with other options; start one execution for each"
            )
        if getattr(asked, name) and dry_run:
            raise BadInput(f"{name}: {in_a_dry_run}")
    if asked.resolve:
        given("resolve.month", Month.parse, asked.resolve.month)
        if not asked.resolve.reason.strip(" ."):
            raise BadInput("resolve.reason: say why; the ledger keeps it")
    if asked.approve:
        given("approve", Month.parse, asked.approve)
        if not (asked.reason or "").strip(" ."):
            raise BadInput("reason: say why the month is approved; the ledger keeps it")
    if asked.reconcile and asked.reconcile != LAST_MONTH:
        given("reconcile", Month.parse, asked.reconcile)


def _until(asked: ExecutionInput, as_of: str) -> str | None:
    """Check the end of the window of cancelled contracts: a whole hour that has passed."""
    if asked.until is None:
        return None
    if asked.contracts is None or asked.months is not None or asked.max_months is not None:
        raise BadInput("until requires contracts and excludes months and max_months")
    until = given("until", parse_instant, asked.until)
    if until.minute or until.second or until.microsecond:
        raise BadInput(f"until: {asked.until} is not a whole hour, and usage comes by the hour")
    if until > parse_instant(as_of):
        raise BadInput(f"until: {asked.until} has not passed yet at {as_of}")
    return format_instant(until)
