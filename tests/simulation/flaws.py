"""Rules of the pipeline that are left out one at a time, to see that a story notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from functions.domain import (
    late_usage,
    ledger,
    listing,
)
from functions.domain.billing import ContractBill
from functions.domain.late_usage import Difference
from functions.domain.ledger_entry import Attempt, Entry, Line
from functions.domain.listing import Listing
from functions.domain.listing_pages import Asked
from functions.domain.month import Month


class Flaw(NamedTuple):
    """Where, what takes a rule's place, the promise that is broken, and a seed that shows it."""

    modules: tuple[Any, ...]
    name: str
    instead: Callable[..., Any]
    promise: str
    seed: int


def _begin_without_marking(entry: Entry, attempt: Attempt) -> Entry:
    return replace(entry, attempts=(*entry.attempts, attempt))


def _nothing(*_args: Any, **_named: Any) -> list[Any]:
    return []


def _none_by_name(*_args: Any, **_named: Any) -> dict[str, Any]:
    return {}


def _no(*_args: Any, **_named: Any) -> bool:
    return False


def _yes(*_args: Any, **_named: Any) -> bool:
    return True


def _all_that_were_seen(journal: Any, _state: Any, month: Any) -> frozenset[str]:
    return frozenset(journal.unresolved.get(str(month), {}))


def _without_doubts(
    known: Listing, rows: Any, contract: str, month: Month, _with_rows: Any = listing.with_rows
) -> Listing:
    return Listing(_with_rows(known, rows, contract, month).stored, {})


def _to_the_letter(listed: object, ours: str) -> bool:
    return listed == ours


def _first_page_only(asked: Asked, body: Mapping[str, Any], contract: str, month: Month) -> Asked:
    rows = body.get("results", [])
    found = listing.with_rows(asked.listing, rows, contract, month)
    return Asked(begun=asked.begun, queries=asked.queries[1:], listing=found)


def _settled_at_once_again(
    entry: Entry,
    now: datetime,
    settle_seconds: float,
    _line: Line | None = None,
    _is_over: Any = ledger.is_over,
) -> bool:
    return bool(_is_over(entry, now, settle_seconds))


def _by_the_amounts_alone(
    name: str, entry: Entry | None, bill: ContractBill | None, formulas: Mapping[str, str]
) -> list[Difference]:
    same = replace(entry, formulas=dict(formulas)) if entry else None
    return list(_OF_CONTRACT(name, same, bill, formulas))


_OF_CONTRACT = late_usage._of_contract  # noqa: SLF001  # the rule that is left out
