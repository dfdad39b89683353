"""CompareContract: what the receiver lists for a contract, against its ledger. Sends nothing.

A listing that takes longer than one invocation is read on by the state machine's Retry on
ListingUnfinished. Why a contract could not be compared is written down before the error leaves.
"""

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from msgspec.structs import replace

from functions.adapters import clock, keys, owners, usage_account, wiring
from functions.adapters.books import Books
from functions.adapters.documents import Document
from functions.adapters.receivers import ListingUnavailable, UsageReceiver
from functions.domain.ledger.listing_pages import Asked, ask
from functions.domain.ledger.reconciliation import Comparison, compare
from functions.domain.month import Month
from functions.errors import ListingUnfinished
from functions.metering.payloads import CompareTask
from functions.partners import RECEIVER
from functions.payloads import task_handler


@task_handler
def handler(task: CompareTask, context: LambdaContext) -> None:
    """Return nothing: what was found is in the run's files."""
    books = wiring.books(task.run.plan, held_by=task.run.execution)
    compare_contract(task, books, usage_account.usage_receiver(), clock.of(context))


def compare_contract(
    task: CompareTask, books: Books, receiver: UsageReceiver, time: clock.Clock
) -> None:
    """Read the listing to its end and compare; the comparison so far is kept in between."""
    name, month = task.contract, task.of
    key = keys.open_contract(task.comparisons, name)
    so_far = Document(books.objects, key, Comparison).value()
    found = so_far or Comparison(contract=name, not_compared="its comparison was interrupted")
    asked = found.asked or ask(name, time.now().isoformat())
    try:
        asked = receiver.read_listing(asked, name, month, time.seconds_left)
        found = _compared(asked, name, month, books)
    except ListingUnavailable as error:
        text = f"{RECEIVER} does not list its records ({error})"
        found = Comparison(contract=name, not_compared=text)
    except Exception as error:  # whatever it is, it is no equality
        found = replace(found, not_compared=f"{type(error).__name__}: {error}"[:500])
        raise
    finally:
        books.objects.put(key, msgspec.json.encode(found))
    if found.asked:
        raise ListingUnfinished(found.not_compared)


def _compared(asked: Asked, name: str, month: Month, books: Books) -> Comparison:
    if asked.queries:
        text = f"{asked.rows} of {RECEIVER}'s records for {name} read so far"
        return Comparison(contract=name, asked=asked, not_compared=text)
    entry = books.entry(month, name).value()
    if entry is None:
        return Comparison(contract=name, not_compared="its ledger entry was removed")
    others = owners.owners(books, month, name) if asked.listing.stored else []
    return compare(entry, asked.listing, others)
