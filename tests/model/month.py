"""The month that is modelled: its contracts, its documents, and what of them makes a difference.

A document is a small number; equal content is the same number, which is also its ETag. What cannot
change what happens next (moments, bodies of requests, ids of records) is blanked when it is
written, so that equal situations are equal.
"""

import json
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.adapters import keys
from functions.domain.lease import Lease
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month
from functions.domain.months.journal import Journal
from functions.domain.usage.bill import ContractBill, MonthBill
from tests.builders import a_bill, a_plan, month_usage

MONTH = Month.parse("2025-07")
AT = "2025-08-02T00:00:00Z"
PLAN = a_plan(start_month=str(MONTH), completeness="calendar")
CONTRACTS = ("c-1", "c-2")
QUANTITIES = {"cpu": "1", "ram": "2"}
DIMENSIONS = tuple(QUANTITIES)

# The documents that runs share, by their place in a state of the model.
LEASE, JOURNAL, STATE, ENTRIES = 0, 1, 2, 3
NOTHING = 0
JOURNAL_KEY = f"{keys.LEDGER_ROOT}{PLAN.path}/plan.json"
SLOTS = {
    keys.lease(PLAN): LEASE,
    JOURNAL_KEY: JOURNAL,
    PLAN.state_file: STATE,
    **{keys.ledger_entry(PLAN, MONTH, name): ENTRIES + at for at, name in enumerate(CONTRACTS)},
}
LEDGER = keys.ledger_month(PLAN, MONTH)

_bodies = [b""]
_numbers: dict[bytes, int] = {}


def bill(contracts: int) -> MonthBill:
    return a_bill(
        *(
            ContractBill(contract_id=name, usage=QUANTITIES, quantities=QUANTITIES)
            for name in CONTRACTS[:contracts]
        )
    )


@cache
def usage(contracts: int, processed: tuple[str, ...]) -> bytes:
    """Return the file that MergeUsage leaves for CloseMonth."""
    return msgspec.json.encode(month_usage(bill(contracts), processed))


def body(document: int) -> bytes:
    return _bodies[document]


@cache
def number(slot: int, written: bytes) -> int:
    """Return the number of a document as it is kept."""
    kept = _kept(slot, written)
    if kept not in _numbers:
        _numbers[kept] = len(_bodies)
        _bodies.append(kept)
    return _numbers[kept]


def _kept(slot: int, written: bytes) -> bytes:
    if slot == LEASE:
        return msgspec.json.encode(replace(msgspec.json.decode(written, type=Lease), at=AT))
    if slot == STATE:
        return json.dumps(_plain_state(json.loads(written)), sort_keys=True).encode()
    if slot == JOURNAL:
        return msgspec.json.encode(_plain_journal(msgspec.json.decode(written, type=Journal)))
    if slot >= ENTRIES:
        return msgspec.json.encode(_plain_entry(msgspec.json.decode(written, type=Entry)))
    return written


def _plain_entry(entry: Entry) -> Entry:
    """Leave out what only people read; of the attempts, the last one alone decides anything."""
    failure = entry.failure
    return replace(
        entry,
        lines=tuple(replace(line, record_id=None, evidence="") for line in entry.lines),
        attempts=tuple(
            replace(attempt, execution="", at=AT, request="", response="", outcome="")
            for attempt in entry.attempts[-1:]
        ),
        decisions=tuple(replace(decision, execution="") for decision in entry.decisions[-1:]),
        failure=failure and replace(failure, code="", message="", errors=()),
    )


def _plain_journal(journal: Journal) -> Journal:
    """Leave out why and since when a contract needs an operator."""
    return replace(
        journal,
        unresolved={
            month: {
                name: replace(known, code="", since="", retries=0)
                for name, known in contracts.items()
            }
            for month, contracts in journal.unresolved.items()
        },
    )


def _plain_state(document: dict[str, Any]) -> dict[str, Any]:
    of_plan = document[PLAN.key]
    for errors in of_plan["error_contracts"].values():
        errors[:] = [{"contract_id": error["contract_id"]} for error in errors]
    return document


@cache
def entry(document: int) -> Entry | None:
    return msgspec.json.decode(body(document), type=Entry) if document else None


@cache
def last_attempt(document: int) -> int:
    """Return the id of an entry's last attempt, 0 if there is none."""
    held = entry(document)
    return int(held.attempts[-1].id) if held and held.attempts else 0


@cache
def holder(document: int) -> str:
    """Return the execution that a lease names."""
    return msgspec.json.decode(body(document), type=Lease).execution if document else ""


@cache
def accepted(document: int) -> tuple[int, ...]:
    """Return the places of the dimensions that an entry says were accepted."""
    held = entry(document)
    lines = held.lines if held else ()
    return tuple(DIMENSIONS.index(line.dimension) for line in lines if line.state == "accepted")


@cache
def same_contract(first: int, second: int) -> bool:
    one, other = entry(first), entry(second)
    return bool(one and other and one.contract_id == other.contract_id)


@cache
def state_of_month(document: int) -> tuple[bool, frozenset[str], frozenset[str]]:
    """Return whether the month counts as done, its successes and its errors."""
    if not document:
        return False, frozenset(), frozenset()
    of_plan = json.loads(body(document))[PLAN.key]
    name = str(MONTH)
    closed = of_plan.get("last_processed_month", "") >= name
    errors = of_plan["error_contracts"].get(name, [])
    done = frozenset(of_plan["success_contracts"].get(name, []))
    return closed, done, frozenset(error["contract_id"] for error in errors)
