"""What the stand-in Clazar has stored: the one place where acceptance is decided.

Taking a record and looking for its duplicate happen under one lock, because the promise under test
("at most one quantity per contract, dimension and month") is about overlapping runs.
"""

import threading
import uuid
from collections import defaultdict
from copy import deepcopy

from infra.local.partners.clazar import contract
from infra.local.partners.clazar.contract import ListingQuery, Record, Refusal, Result
from infra.local.partners.clazar.steps import SUCCESS, Plan


class ClazarRecords:
    """Every stored record, billed (`success`) or not (`fail`, `pending`), in order of arrival."""

    def __init__(self, *, refuse_duplicates: bool) -> None:
        self._refuse_duplicates = refuse_duplicates
        self._lock = threading.Lock()
        self._stored: list[Result] = []
        self._of_contract: defaultdict[str, list[Result]] = defaultdict(list)
        self._hours: set[tuple[str, str, str]] = set()

    def submit(self, records: list[Record], plan: Plan) -> list[Result]:
        """Decide about all records of one request, one result each, in the order of the request."""
        with self._lock:
            return [self._decide(record, plan) for record in records]

    def listed(self, query: ListingQuery) -> list[Result]:
        """Return copies of one page.

        Only the page is copied, and only the records of the contract are compared: a run over a
        whole plan asks once per contract.
        """
        name = query.wanted.get("contract_id")
        with self._lock:
            every = self._stored if name is None else self._of_contract.get(name, [])
            found = [item for item in every if query.wanted.items() <= item.items()]
            return deepcopy(found[(query.page - 1) * query.page_size :][: query.page_size])

    def accepted(self) -> list[Result]:
        """Give copies of what was billed."""
        with self._lock:
            return [deepcopy(result) for result in self._stored if result["status"] == SUCCESS]

    def _decide(self, record: Record, plan: Plan) -> Result:
        if refusal := _refusal(record, plan):
            return refusal.result(record)
        status = plan.status(record)
        if status == SUCCESS:
            if self._refuse_duplicates and contract.duplicate_key(record) in self._hours:
                return contract.DUPLICATE.result(record)
            self._hours.add(contract.duplicate_key(record))
        result = contract.stored_result(record, str(uuid.uuid4()), status)
        self._stored.append(result)
        self._of_contract[record["contract_id"]].append(result)
        return deepcopy(result)


def _refusal(record: Record, plan: Plan) -> Refusal | None:
    if problems := contract.record_problems(record):
        return Refusal("INVALID_RECORD", "The metering record is not valid.", tuple(problems))
    return plan.refusal(record) if plan.refusal else None
