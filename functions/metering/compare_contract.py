"""CompareContract: what the receiver lists for a contract, against its ledger. Sends nothing.

A listing that takes longer than one invocation is read on by the state machine's Retry on
ListingUnfinished. Why a contract could not be compared is written down before the error leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from msgspec.structs import replace

from functions.adapters import clock, keys, owners, usage_account, wiring
from functions.adapters.books import Books
from functions.adapters.receivers import ListingUnavailable, UsageReceiver
from functions.domain.ledger.listing_pages import ask
from functions.domain.ledger.reconciliation import Comparison, compare
from functions.errors import (
    BadState,
    ContractUnserved,
    CredentialsRefused,
    ListingUnfinished,
    PartnerBusy,
    PartnerUnreachable,
)
from functions.metering.payloads import CompareTask
from functions.partners import RECEIVER
from functions.payloads import task_handler

logger = Logger()
_FAILURES = (BadState, ContractUnserved, CredentialsRefused, PartnerBusy, PartnerUnreachable)


@task_handler
def handler(task: CompareTask, context: LambdaContext) -> None:
    """Return nothing: what was found is in the run's files."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    compare_contract(
        task,
        books,
        usage_account.usage_receiver(),
        clock.now,
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
    logger.info("contract compared", contract=task.contract, month=task.month)


def compare_contract(
    task: CompareTask,
    books: Books,
    receiver: UsageReceiver,
    now: Callable[[], datetime],
    seconds_left: Callable[[], float],
) -> None:
    """Read the listing to its end and compare; the comparison so far is kept in between."""
    name, month = task.contract, task.of
    key = keys.open_contract(task.comparisons, name)
    stored = books.objects.read(key)
    so_far = msgspec.json.decode(stored.body, type=Comparison) if stored else None
    found = so_far or Comparison(contract=name)
    asked = found.asked or ask(name, [], now().isoformat())
    try:
        asked = receiver.read_listing(asked, name, month, seconds_left)
        if asked.queries:
            text = f"{asked.rows} of {RECEIVER}'s records for {name} read so far"
            found = Comparison(contract=name, asked=asked, not_compared=text)
            raise ListingUnfinished(text)
        entry = books.entry(month, name).read()
        if entry is None:
            found = Comparison(contract=name, not_compared="its ledger entry was removed")
        else:
            others = owners.owners(books, month, name) if asked.listing.stored else []
            found = compare(entry.value, asked.listing, others)
    except ListingUnavailable as error:
        text = f"{RECEIVER} does not list its records ({error})"
        found = Comparison(contract=name, not_compared=text)
    except _FAILURES as error:
        found = replace(found, not_compared=f"{type(error).__name__}: {error}"[:500])
        raise
    finally:
        books.objects.put(key, msgspec.json.encode(found))
