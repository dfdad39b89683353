"""SubmitContract: send a contract's open lines to Clazar, each at most once.

The order is the guarantee: the attempt is on disk before the request leaves, the answer is on disk
before anything else happens, and nothing is sent before Clazar was asked what it holds. Waiting for
a request whose outcome is not known is the state machine's Retry on OutcomeUnknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import clock, configuration, state_bucket
from functions.adapters.clazar import Clazar, ListingUnavailable, Reply
from functions.adapters.documents import Document, Version
from functions.adapters.storage import Objects
from functions.domain import answers, ledger, lookup, submission
from functions.domain.ledger_entry import Attempt, Entry
from functions.errors import (
    BadState,
    ContractBusy,
    CredentialsRefused,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
)
from functions.metering.payloads import ContractTask, Recorded
from functions.payloads import dump, parse

logger = Logger()
# A request with its token and one repetition after a 401 fits in this.
_SECONDS_FOR_A_REQUEST = 60.0


class Outside(NamedTuple):
    """What this use case needs of the world."""

    objects: Objects
    clazar: Clazar
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    settle_seconds: float


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Return once every line is accepted; otherwise the error says what came of it."""
    task = parse(event, ContractTask)
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
    return dump(Recorded(task.contract.contract_id, "accepted"))


def submit_contract(task: ContractTask, outside: Outside) -> None:
    """Look up what is in doubt, send what is open, batch by batch, until all is settled."""
    name = task.contract.contract_id
    document = state_bucket.entry(outside.objects, task.run.plan, task.of, name)
    version = document.read()
    if version is None:
        raise BadState(f"{document.key} is missing: the contract was not claimed")
    try:
        version = _settle(task, outside, document, version)
    except (CredentialsRefused, PartnerUnreachable) as error:
        reason, held = str(error), version.value
        document.change(lambda entry: ledger.hindered(entry or held, reason))
        raise
    if version.value.refused:
        raise PartnerRefused(_refused(version.value))
    if not version.value.accepted:
        raise OutcomeUnknown(_in_doubt(version.value))


def _settle(
    task: ContractTask, outside: Outside, document: Document[Entry], version: Version[Entry]
) -> Version[Entry]:
    """Look up and send until nothing is left to send."""
    while True:
        if version.value.execution != task.run.execution:
            raise ContractBusy(f"{document.key} was taken over by {version.value.execution}")
        version = _look_up(task, outside, document, version)
        if version.value.in_doubt:
            raise OutcomeUnknown(_in_doubt(version.value))
        if not version.value.sendable:
            return version
        version = _send(task, outside, document, version)


def _look_up(
    task: ContractTask, outside: Outside, document: Document[Entry], version: Version[Entry]
) -> Version[Entry]:
    """Ask Clazar what it holds for the lines that need it, and write down what it says."""
    if not version.value.to_look_up:
        return version
    name, month = task.contract.contract_id, task.of
    asked_at = outside.now()  # before the look: what it says is no younger than this
    try:
        stored = outside.clazar.stored(name, month.start)
    except ListingUnavailable as error:
        logger.warning("clazar cannot be asked", contract=name, reason=str(error))
        return _write(document, lookup.not_listable(version.value), version)
    looked = lookup.looked(
        version.value,
        stored,
        _foreign(task, outside.objects) if stored else {},
        request_over=ledger.request_over(version.value, asked_at, outside.settle_seconds),
    )
    return _write(document, looked, version)


def _foreign(task: ContractTask, objects: Objects) -> Counter[str]:
    """Count the other plans that hold, or may hold, each dimension of this contract's month."""
    name = task.contract.contract_id
    return Counter(
        line.dimension
        for entry in state_bucket.entries_of_other_plans(objects, task.run.plan, task.of, name)
        for line in entry.may_be_billed
    )


def _write(document: Document[Entry], entry: Entry, version: Version[Entry]) -> Version[Entry]:
    return version if entry == version.value else document.write(entry, version)


def _send(
    task: ContractTask, outside: Outside, document: Document[Entry], version: Version[Entry]
) -> Version[Entry]:
    if outside.seconds_left() < _SECONDS_FOR_A_REQUEST:
        raise PartnerBusy("too little time is left for a request; the next invocation goes on")
    lines = version.value.sendable
    name = task.contract.contract_id
    until = version.value.until
    body, digest = submission.request(task.run.plan.cloud, name, task.of, lines, until)
    attempt = Attempt(
        id=uuid4().hex,
        execution=task.run.execution,
        at=outside.now().isoformat(),
        dimensions=tuple(line.dimension for line in lines),
        request=body,
        digest=digest,
        reason=task.run.reason,
    )
    document.write(ledger.begin(version.value, attempt), version)
    try:
        reply = outside.clazar.submit(body.encode())
    except (CredentialsRefused, PartnerUnreachable) as error:
        not_taken = dict.fromkeys(attempt.dimensions, answers.NOT_TAKEN)
        _conclude(document, attempt, Reply("busy", not_taken, None, str(error)))
        raise
    concluded = _conclude(document, attempt, reply)
    if reply.outcome == "unreachable":
        raise PartnerUnreachable(f"no connection to Clazar: {reply.response[:200]}")
    if reply.outcome == "busy":
        raise PartnerBusy(
            f"Clazar did not take the request: HTTP {reply.status} {reply.response[:200]}"
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
    names = ", ".join(line.dimension for line in entry.lines if line.state != "accepted")
    of = f"{entry.contract_id} for {entry.month}"
    return f"it is not known whether Clazar accepted {names} of {of}"


def _refused(entry: Entry) -> str:
    reasons = "; ".join(f"{line.dimension}: {line.message}" for line in entry.refused)
    return f"Clazar refused {len(entry.refused)} of {len(entry.lines)} records: {reasons[:1_000]}"
