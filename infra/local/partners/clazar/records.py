"""What the stand-in Clazar has stored: the one place where acceptance is decided.

Taking a record and looking for its duplicate happen under one lock, because the promise under test
("at most one quantity per contract, dimension and month") is about overlapping runs.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.partners.clazar.contract import (
    DUPLICATE,
    UNKNOWN_CONTRACT,
    ErrorForm,
    ListingQuery,
    Record,
    Refusal,
    Result,
    duplicate_key,
    invalid,
    record_problems,
    stored_result,
)
from infra.local.partners.clazar.steps import SUCCESS, Plan

if TYPE_CHECKING:
    from collections.abc import Collection

MonthKey = tuple[str, str, str]


def month_key(record: Record) -> MonthKey:
    """Give what must be billed at most once: contract, dimension, month of the start."""
    return record["contract_id"], record["dimension"], record["start_time"][: len("2025-06")]


@dataclass(frozen=True)
class Rules:
    """What this Clazar knows and how strict it is; `None` means everything is known."""

    contracts: Collection[str] | None = None
    dimensions: Collection[str] | None = None
    refuse_duplicates: bool = True
    error_form: ErrorForm = "strings"


@dataclass(frozen=True)
class _Stored:
    post_number: int
    result: Result


class ClazarRecords:
    """Every stored record, billed (`success`) or not (`fail`, `pending`), in order of arrival."""

    def __init__(self, rules: Rules) -> None:
        """Start empty."""
        self._rules = rules
        self._lock = threading.Lock()
        self._stored: dict[str, _Stored] = {}
        self._of_contract: defaultdict[str, list[_Stored]] = defaultdict(list)
        self._hours: set[tuple[str, str, str]] = set()

    def submit(self, records: list[Record], plan: Plan, post_number: int) -> list[Result]:
        """Decide about all records of one request, one result each, in the order of the request."""
        with self._lock:
            return [self._decide(record, plan, post_number) for record in records]

    def listed(
        self, query: ListingQuery, *, before_post: int | None = None
    ) -> tuple[list[Result], int]:
        """Return copies of one page, and how many records match on all pages.

        `before_post` hides those of later requests. Only the page is copied, and only the records
        of the contract are compared: a run over a whole plan asks once per contract.
        """
        contract = query.wanted.get("contract_id")
        with self._lock:
            entries = (
                self._stored.values() if contract is None else self._of_contract.get(contract, [])
            )
            found = [
                entry.result
                for entry in entries
                if (before_post is None or entry.post_number < before_post)
                and query.matches(entry.result)
            ]
            return deepcopy(query.page_of(found)), len(found)

    def find(self, record_id: str) -> Result | None:
        """Give a copy of one stored record."""
        with self._lock:
            entry = self._stored.get(record_id)
            return deepcopy(entry.result) if entry else None

    def accepted(self) -> list[Result]:
        """Give copies of what was billed."""
        with self._lock:
            every = [entry.result for entry in self._stored.values()]
            return [deepcopy(result) for result in every if result["status"] == SUCCESS]

    def counts(self) -> Counter[MonthKey]:
        """Count the accepted records; a value above one is a double bill."""
        return Counter(month_key(record) for record in self.accepted())

    def totals(self) -> dict[MonthKey, Decimal]:
        """Add up the accepted quantities."""
        totals: defaultdict[MonthKey, Decimal] = defaultdict(Decimal)
        for record in self.accepted():
            totals[month_key(record)] += Decimal(record["quantity"])
        return dict(totals)

    def _decide(self, record: Record, plan: Plan, post_number: int) -> Result:
        refusal = self._refusal(record, plan)
        if refusal:
            return refusal.result(record, self._rules.error_form)
        status = plan.status(record)
        known = self._rules.dimensions
        if known is not None and record["dimension"] not in known:
            status = "fail"  # seen live for a made-up dimension: stored, not billed, no errors
        if status == SUCCESS:
            if self._rules.refuse_duplicates and duplicate_key(record) in self._hours:
                return DUPLICATE.result(record, self._rules.error_form)
            self._hours.add(duplicate_key(record))
        record_id = str(uuid.uuid4())
        result = stored_result(record, record_id, status)
        stored = self._stored[record_id] = _Stored(post_number, result)
        self._of_contract[record["contract_id"]].append(stored)
        return deepcopy(result)

    def _refusal(self, record: Record, plan: Plan) -> Refusal | None:
        problems = record_problems(record)
        if problems:
            return invalid(problems)
        known = self._rules.contracts
        if known is not None and record["contract_id"] not in known:
            return UNKNOWN_CONTRACT
        return plan.refusal(record) if plan.refusal else None
