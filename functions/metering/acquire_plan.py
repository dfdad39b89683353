"""AcquirePlan: settle the terms of a run and take the plan's lease."""

from collections.abc import Mapping

from msgspec.structs import replace

from functions.adapters import clock, leases, wiring
from functions.domain.conversion import given, parse
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.months.run import LAST_MONTH, ExecutionInput, Resolve, Run
from functions.domain.plan import Plan
from functions.errors import BadInput, PlanBusy
from functions.payloads import Start, task_handler, time_of_run


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
        until=_until(asked, as_of),
        resolve=asked.resolve and _checked(asked.resolve, asked, dry_run=dry_run),
        approve=asked.approve and _approved(asked.approve, asked, dry_run=dry_run),
        reconcile=asked.reconcile and _to_reconcile(asked.reconcile, asked, as_of, dry_run=dry_run),
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


def _checked(resolve: Resolve, asked: ExecutionInput, *, dry_run: bool) -> Resolve:
    """Check a decision as far as that is possible without the ledger."""
    _check_alone("resolve", replace(asked, resolve=None), dry_run=dry_run)
    given("resolve.month", Month.parse, resolve.month)
    if not resolve.reason.strip(" ."):
        raise BadInput("resolve.reason: say why; the ledger keeps it")
    return replace(resolve, reason=resolve.reason.strip())


def _approved(month: str, asked: ExecutionInput, *, dry_run: bool) -> str:
    """Check an approval as far as that is possible without the journal."""
    _check_alone("approve", replace(asked, approve=None, reason=None), dry_run=dry_run)
    given("approve", Month.parse, month)
    if not (asked.reason or "").strip(" ."):
        raise BadInput("reason: say why the month is approved; the ledger keeps it")
    return month


def _to_reconcile(text: str, asked: ExecutionInput, as_of: str, *, dry_run: bool) -> str:
    """Return the month to reconcile, as far as it can be checked without the state file."""
    if dry_run:
        raise BadInput("reconcile: a dry run bills nothing that could be compared")
    _check_alone("reconcile", replace(asked, reconcile=None), dry_run=dry_run)
    if text == LAST_MONTH:
        return str(Month.of(parse_instant(as_of)).plus(-1))
    return str(given("reconcile", Month.parse, text))


def _check_alone(name: str, beside: ExecutionInput, *, dry_run: bool) -> None:
    """Reject what stands beside an option that goes alone, and that option in a dry run."""
    if replace(beside, plan=None, dry_run=None, as_of=None) != ExecutionInput():
        raise BadInput(
            f"{name} cannot be combined with other options; start one execution for each"
        )
    if dry_run:
        raise BadInput(f"{name}: changes the ledger, which a dry run does not")


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
