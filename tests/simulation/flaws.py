"""Rules of the pipeline that are left out, one at a time: each breaks a promise of some story."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from itertools import count
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

from msgspec.structs import replace

from functions.adapters import owners
from functions.adapters.clazar import answers as clazar_answers
from functions.adapters.clazar import api
from functions.adapters.clazar.http import Response
from functions.domain.ledger import coverage, listing, listing_pages, transitions
from functions.domain.ledger.entry import Attempt, Entry, Line
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.listing_pages import Asked
from functions.domain.ledger.remainders import Remainders
from functions.domain.month import Month
from functions.domain.months import closing, late_usage, months_due
from functions.domain.months.late_usage import Difference
from functions.domain.usage.bill import ContractBill
from functions.metering import close_month, merge_usage, submit_contract
from tests.simulation.terms import draw

_WITH_ROWS, _IS_OVER = listing.with_rows, transitions.is_over
# The rules that are left out.
_OF_CONTRACT, _PAGE = late_usage._of_contract, api._page  # noqa: SLF001


class Flaw(NamedTuple):
    """Where, what takes a rule's place, the promise that is broken, and a seed that shows it.

    `story`: what is drawn in every story that can show it, as the story tells it.
    """

    modules: tuple[ModuleType, ...]
    name: str
    instead: Callable[..., Any]
    promise: str
    seed: int
    story: str = ""

    def seeds(self) -> Iterator[int]:
        """Yield the seed that showed it the last time, then those of all stories that can."""
        yield self.seed
        yield from (seed for seed in count() if self.story in str(draw(Random(seed))))  # noqa: S311

    @contextmanager
    def built_in(self) -> Iterator[None]:
        """Let the rule be left out for a while."""
        rules = [getattr(module, self.name) for module in self.modules]
        for module in self.modules:
            setattr(module, self.name, self.instead)
        try:
            yield
        finally:
            for module, rule in zip(self.modules, rules, strict=True):
                setattr(module, self.name, rule)


def _begin_without_marking(entry: Entry, attempt: Attempt) -> Entry:
    return replace(entry, attempts=(*entry.attempts, attempt))


def _nothing(*_args: Any, **_named: Any) -> list[Any]:
    return []


def _all_that_were_seen(journal: Any, _state: Any, month: Any) -> frozenset[str]:
    return frozenset(journal.unresolved.get(str(month), {}))


def _without_doubts(
    known: Listing, rows: Any, contract: str, month: Month, now: datetime
) -> Listing:
    return Listing(_WITH_ROWS(known, rows, contract, month, now).stored, {})


def _first_page_only(asked: Asked, body: Mapping[str, Any], contract: str, month: Month) -> Asked:
    begun = datetime.fromisoformat(asked.begun)
    found = _WITH_ROWS(asked.listing, body.get("results", []), contract, month, begun)
    return Asked(begun=asked.begun, queries=asked.queries[1:], listing=found)


def _rows_alone(asked: Asked, response: Response) -> Mapping[str, Any]:
    body = json.loads(response.text) if response.status == HTTPStatus.OK else {}
    if "results" not in body:
        return _PAGE(asked, response)
    return {name: said for name, said in body.items() if name not in ("errors", "status")}


def _over_as_the_first_time(
    entry: Entry, now: datetime, settle_seconds: float, _line: Line | None = None
) -> bool:
    return _IS_OVER(entry, now, settle_seconds)


def _by_amounts_alone(
    name: str, entry: Entry | None, bill: ContractBill | None, formulas: Mapping[str, str]
) -> list[Difference]:
    same = replace(entry, formulas=dict(formulas)) if entry else None
    return list(_OF_CONTRACT(name, same, bill, formulas))


# The numbers are the points of the border: strangers, identity, evidence, blame, hands.
FLAWS: Mapping[str, Flaw] = {
    "1: a row that cannot be placed is not there": Flaw(
        (listing_pages,), "with_rows", _without_doubts, "1", 54, "unreadable"
    ),
    "1: a record in another window is another's": Flaw(
        (listing,), "_may_stray", lambda *_: False, "1", 54
    ),
    "1: contract ids compare letter by letter": Flaw(
        (listing, clazar_answers), "same_contract", lambda listed, ours: listed == ours, "1", 21
    ),
    "1: an answer that failed is an empty listing": Flaw((api,), "_page", _rows_alone, "1", 14),
    "1: what is not understood says nothing": Flaw(
        (listing_pages,), "unclear", lambda *_: "", "1", 118, "remarks"
    ),
    "1: the first page is the listing": Flaw((api,), "turn", _first_page_only, "1", 29),
    "1: the settle time does not grow": Flaw(
        (transitions,), "is_over", _over_as_the_first_time, "1", 22
    ),
    "2: any configuration bills what is left": Flaw((coverage,), "conflicts", _nothing, "10", 15),
    "2: late usage is compared by amounts alone": Flaw(
        (late_usage,), "_of_contract", _by_amounts_alone, "6", 7
    ),
    "3: nobody else accounts for a record": Flaw((owners,), "owners", _nothing, "4", 29),
    "3: what is taken over is not named": Flaw((closing,), "noticed", _nothing, "13", 14),
    "4: a contract that is not served is to blame for nothing": Flaw(
        (close_month,), "blamed", lambda *_: {}, "12", 3
    ),
    "5: what is settled by hand is sent": Flaw(
        (submit_contract,), "_is_settled_by_hand", lambda *_: False, "11", 13
    ),
    "what leaves is not marked": Flaw((transitions,), "begin", _begin_without_marking, "1", 5),
    "a request is over at once": Flaw((transitions,), "is_over", lambda *_: True, "1", 9),
    "remainders are forgotten": Flaw(
        (closing,), "remainders_of", lambda *_, **__: Remainders(), "5", 1
    ),
    "closed months are not looked at": Flaw((months_due,), "closed_lately", _nothing, "6", 1),
    "differences are not seen": Flaw(
        (late_usage,), "compare_usage", lambda *_, **__: ([], []), "6", 1
    ),
    "every error counts as re-opened": Flaw(
        (merge_usage, closing, months_due), "reopened", _all_that_were_seen, "9", 3
    ),
}
