"""SubmitContract: send a contract's open lines to Clazar, each at most once.

The order is the guarantee: the attempt is on disk before the request leaves, the answer is on disk
before anything else happens, and nothing is sent before Clazar was asked what it holds. Waiting for
a request whose outcome is not known is the state machine's Retry on OutcomeUnknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from msgspec.structs import replace

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.clazar import Clazar, ListingUnavailable, Reply
from functions.adapters.documents import Document, Version
from functions.adapters.storage import Objects
from functions.domain import answers, ledger, lookup, submission
from functions.domain.ledger_entry import BATCH, Attempt, Decision, Entry
from functions.domain.listing_pages import ask
from functions.domain.lookup import Look
from functions.domain.month import format_instant, parse_instant
from functions.domain.resolution import resolve
from functions.errors import (
    BadState,
    ContractUnserved,
    CredentialsRefused,
    LeaseLost,
    ListingUnfinished,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
)
from functions.metering.payloads import ContractTask
from functions.payloads import task_handler

logger = Logger()
# A request with its token and one repetition after a 401 fits in this.
_SECONDS_FOR_A_REQUEST = 60.0
# An unfinished look is not resumed after this: what it has seen may have changed.
_KEEPS = timedelta(hours=12)
_NOT_TAKEN = {
    "busy": PartnerBusy,
    "unreachable": PartnerUnreachable,
    "unserved": ContractUnserved,
}


class Outside(NamedTuple):
    """What this use case needs of the world."""

    objects: Objects
    clazar: Clazar
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    settle_seconds: float


@task_handler
def handler(task: ContractTask, context: LambdaContext) -> None:
    """Return once every line is accepted; otherwise the error says what the outcome is."""
    outside = Outside(
        configuration.state_bucket(),
        configuration.clazar(),
        clock.now,
        lambda: context.get_remaining_time_in_millis() / 1000,
        configuration.settle_seconds(),
    )
    state_bucket.check_lease(outside.objects, task.run.plan, task.run.execution)
    submit_contract(task, outside)
    logger.info("contract accepted", contract=task.contract.contract_id, month=task.month)


def submit_contract(task: ContractTask, outside: Outside) -> None:
    """Look up what is in doubt, send what is open, batch by batch, until all is settled."""
    name = task.contract.contract_id
    document = state_bucket.entry(outside.objects, task.run.plan, task.of, name)
    version = document.read()
    if version is None:
        raise BadState(f"{document.key} is missing: the contract was not claimed")
    if _is_settled_by_hand(task, outside.objects):
        document.write(_waived(task, version.value, outside.now()), version)
        return
    while True:
        if version.value.execution != task.run.execution:
            raise LeaseLost(f"{document.key} was taken over by {version.value.execution}")
        look = _look_up(task, outside, document, version)
        if look.entry != version.value:
            version = document.write(look.entry, version)
        if any(line.dimension not in look.free for line in look.entry.in_doubt):
            raise OutcomeUnknown(_in_doubt(look.entry))
        if not look.free:
            break
        version = _send(task, outside, document, version, look.free)
    if version.value.refused:
        raise PartnerRefused(_refused(version.value))


def _is_settled_by_hand(task: ContractTask, objects: Objects) -> bool:
    """Whether an operator has put the contract into success_contracts since MergeUsage looked."""
    if task.contract.done:
        return False
    state, _ = state_bucket.read_state_version(objects, task.run.plan, task.state_version)
    return state is not None and task.contract.contract_id in state.at(task.of).done


def _waived(task: ContractTask, entry: Entry, now: datetime) -> Entry:
    if entry.settled_at:
        return entry
    when = "after" if entry.attempts else "before"
    reason = f"put into success_contracts of {task.run.plan.state_file} {when} it was sent"
    at = format_instant(now)
    return resolve(
        entry, Decision(what="waived", execution=task.run.execution, at=at, reason=reason)
    )


def _look_up(
    task: ContractTask, outside: Outside, document: Document[Entry], version: Version[Entry]
) -> Look:
    """Ask Clazar what it holds for the lines that need it."""
    entry, name = version.value, task.contract.contract_id
    if not entry.to_look_up:
        return Look(entry, ())
    now = outside.now()  # before the look: what it says is no younger than this
    asked = entry.asked
    if asked is None or now - parse_instant(asked.begun) > _KEEPS:
        names = [line.dimension for line in entry.to_look_up]
        asked = ask(name, names, now.isoformat())
    try:
        asked = outside.clazar.read_listing(asked, name, task.of, outside.seconds_left)
    except ListingUnavailable as error:
        logger.warning("clazar cannot be asked", contract=name, reason=str(error))
        return lookup.not_listable(entry)
    if asked.queries or outside.seconds_left() < _SECONDS_FOR_A_REQUEST:
        document.write(replace(entry, asked=asked), version)
        raise ListingUnfinished(f"{asked.rows} of Clazar's records for {name} read so far")
    begun, plan = parse_instant(asked.begun), task.run.plan
    stored = asked.listing.stored
    owners = state_bucket.owners(outside.objects, plan, task.of, name) if stored else []
    return lookup.looked(
        entry,
        asked.listing,
        owners,
        lambda line: ledger.is_over(entry, begun, outside.settle_seconds, line),
    )


def _send(
    task: ContractTask,
    outside: Outside,
    document: Document[Entry],
    version: Version[Entry],
    free: Collection[str],
) -> Version[Entry]:
    entry, name = version.value, task.contract.contract_id
    lines = [line for line in entry.lines if line.dimension in free][:BATCH]
    request = submission.request(entry.cloud, name, task.of, lines, entry.until)
    attempt = Attempt(
        id=uuid4().hex,
        execution=task.run.execution,
        at=outside.now().isoformat(),
        dimensions=tuple(line.dimension for line in lines),
        request=request.body,
        digest=request.digest,
        reason=task.run.reason,
    )
    document.write(ledger.begin(entry, attempt), version)
    try:
        reply = outside.clazar.submit(request)
    except (CredentialsRefused, PartnerUnreachable) as error:
        not_taken = dict.fromkeys(attempt.dimensions, answers.NOT_TAKEN)
        _conclude(document, attempt, Reply("busy", not_taken, None, str(error)))
        raise
    concluded = _conclude(document, attempt, reply)
    if reply.outcome in _NOT_TAKEN:
        raise _NOT_TAKEN[reply.outcome](
            f"POST /metering/: HTTP {reply.status or 'none'}: {reply.response[:200]}"
        )
    return concluded


def _conclude(document: Document[Entry], attempt: Attempt, reply: Reply) -> Version[Entry]:
    def with_evidence(entry: Entry | None) -> Entry:
        if entry is None:
            raise BadState(f"{document.key} has disappeared")
        return ledger.conclude(
            entry,
            attempt.id,
            reply.answers,
            outcome=reply.outcome,
            status=reply.status,
            response=reply.response,
        )

    return document.change(with_evidence)


def _in_doubt(entry: Entry) -> str:
    doubts = "; ".join(
        f"{line.dimension}{f' ({line.message})' if line.message else ''}" for line in entry.in_doubt
    )
    of = f"{entry.contract_id} for {entry.month}"
    return f"it is not known whether Clazar accepted usage of {of}: {doubts[:1_000]}"


def _refused(entry: Entry) -> str:
    reasons = "; ".join(f"{line.dimension}: {line.message}" for line in entry.refused)
    return f"Clazar refused {len(entry.refused)} of {len(entry.lines)} records: {reasons[:1_000]}"
