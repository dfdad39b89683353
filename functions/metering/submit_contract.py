"""SubmitContract: send a contract's open lines to the receiver, each at most once.

The order is the guarantee: the attempt is on disk before the request leaves, the answer is on disk
before anything else happens, and nothing is sent before the receiver was asked what it holds.
Waiting for a request whose outcome is not known is the state machine's Retry on OutcomeUnknown.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from msgspec.structs import replace

from functions.adapters import clock, owners, usage_account, wiring
from functions.adapters.books import Books
from functions.adapters.documents import Document, Version
from functions.adapters.receivers import ListingUnavailable, UsageReceiver
from functions.domain.ledger import lookup, submission, transitions
from functions.domain.ledger.entry import BATCH, Attempt, Entry
from functions.domain.ledger.failures import doubts, refusals
from functions.domain.ledger.listing_pages import ask
from functions.domain.ledger.lookup import Look
from functions.domain.ledger.resolution import settle_by_hand
from functions.domain.month import format_instant, parse_instant
from functions.errors import (
    ContractUnserved,
    CredentialsRefused,
    ListingUnfinished,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
)
from functions.metering.payloads import ContractTask
from functions.partners import RECEIVER
from functions.payloads import task_handler

logger = Logger()
# A request with its token and one repetition after a 401 fits in this.
_SECONDS_FOR_A_REQUEST = 60.0
# An unfinished look is not resumed after this: what it has seen may have changed.
_KEEPS = timedelta(hours=12)
_SHOWN = 1_000
_NOT_TAKEN = {
    "busy": PartnerBusy,
    "unreachable": PartnerUnreachable,
    "unauthorized": CredentialsRefused,
    "unserved": ContractUnserved,
}


class Outside(NamedTuple):
    """What this use case needs of the world."""

    books: Books
    receiver: UsageReceiver
    time: clock.Clock
    settle_seconds: float


@task_handler
def handler(task: ContractTask, context: LambdaContext) -> None:
    """Return once the contract is settled; otherwise the error says what the outcome is."""
    outside = Outside(
        wiring.books(task.run.plan, held_by=task.run.execution),
        usage_account.usage_receiver(),
        clock.of(context),
        wiring.settle_seconds(),
    )
    submit_contract(task, outside)


def submit_contract(task: ContractTask, outside: Outside) -> None:
    """Look up what is in doubt, send what is open, batch by batch, until all is settled."""
    plan, execution = task.run.plan, task.run.execution
    document = outside.books.entry(task.of, task.contract.contract_id)
    version = document.read()
    entry = transitions.claimed(version and version.value, execution, document.key)
    if _is_settled_by_hand(task, outside.books):
        at = format_instant(outside.time.now())
        document.write(settle_by_hand(entry, execution, at, plan.state_file), version)
        return
    while True:
        look = _look_up(task, outside, entry)
        look = look._replace(entry=_settled(look.entry, outside))
        if look.entry != entry:
            version = document.write(look.entry, version)
        if asked := look.entry.asked:
            name = entry.contract_id
            raise ListingUnfinished(f"{asked.rows} of {RECEIVER}'s records for {name} read so far")
        if any(line.dimension not in look.free for line in look.entry.in_doubt):
            raise OutcomeUnknown("; ".join(doubts(look.entry))[:_SHOWN])
        if not look.free:
            break
        version = _send(task, outside, look, document, version)
        entry = transitions.claimed(version.value, execution, document.key)
    if look.entry.refused:
        raise PartnerRefused("; ".join(refusals(look.entry))[:_SHOWN])


def _settled(entry: Entry, outside: Outside) -> Entry:
    """Close an entry that is billed in full; one with an error stays that until it is retried."""
    if entry.failure:
        return entry
    return transitions.succeed(entry, format_instant(outside.time.now()))


def _is_settled_by_hand(task: ContractTask, books: Books) -> bool:
    """Return True if an operator has put the contract into the successes since MergeUsage."""
    if task.contract.done:
        return False
    state, _ = books.read_state_version(task.state_version)
    return state is not None and task.contract.contract_id in state.at(task.of).done


def _look_up(task: ContractTask, outside: Outside, known: Entry) -> Look:
    """Ask the receiver what it holds for the lines that need it; `asked` stays if time runs out."""
    entry, asked, name = replace(known, asked=None), known.asked, known.contract_id
    if not entry.to_look_up:
        return Look(entry, ())
    now = outside.time.now()  # before the look: what it says is no younger than this
    if asked is None or now - parse_instant(asked.begun) > _KEEPS:
        asked = ask(name, now.isoformat())
    try:
        asked = outside.receiver.read_listing(asked, name, task.of, outside.time.seconds_left)
    except ListingUnavailable as error:
        logger.warning("the receiver cannot be asked", contract=name, reason=str(error))
        return lookup.not_listable(entry)
    if asked.queries or outside.time.seconds_left() < _SECONDS_FOR_A_REQUEST:
        return Look(replace(entry, asked=asked), ())
    begun, listing = parse_instant(asked.begun), asked.listing
    if listing.has_moved:
        listing = listing.without(owners.own_records(outside.books, task.of, name))
    others = owners.owners(outside.books, task.of, name) if listing.stored else []
    return lookup.looked(
        entry,
        listing,
        others,
        lambda line: transitions.is_over(entry, begun, outside.settle_seconds, line),
    )


def _send(
    task: ContractTask,
    outside: Outside,
    look: Look,
    document: Document[Entry],
    version: Version[Entry] | None,
) -> Version[Entry]:
    lines = [line for line in look.entry.lines if line.dimension in look.free][:BATCH]
    request = submission.request(look.entry, lines)
    attempt = Attempt(
        id=uuid4().hex,
        execution=task.run.execution,
        at=outside.time.now().isoformat(),
        dimensions=tuple(line.dimension for line in lines),
        request=request.body,
        reason=task.run.reason,
    )
    begun = document.write(transitions.begin(look.entry, attempt), version).value
    reply = outside.receiver.submit(request)
    concluded = document.change(
        lambda now: _settled(transitions.conclude(now or begun, attempt.id, reply), outside)
    )
    if error := _NOT_TAKEN.get(reply.outcome):
        status = f"POST /metering/: HTTP {reply.status}: " if reply.status else ""
        raise error(f"{status}{reply.response[:200]}")
    return concluded
