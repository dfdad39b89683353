"""A month of very many contracts, merged and closed: what that takes with all state in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.domain.ledger.entry import Attempt, Entry
from functions.domain.usage import usage_files
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.fold import DayRead, Fold, made_of
from functions.domain.usage.record import Group
from functions.metering.close_month import close_month
from functions.metering.merge_usage import merge_usage
from functions.metering.payloads import DaysTask, Merged, MergedMonth
from tests.bench.layouts import DIMENSIONS, MONTH, PLAN, ROOT, RUN, contract
from tests.builders import a_bill, a_line, an_entry, month_usage
from tests.memory import MemoryObjects

_FIRST_FILE = f"{ROOT}01/00/a.json"


def merge(contracts: str) -> Callable[[], dict[str, Any]]:
    """MergeUsage over 31 folds that each have every contract."""
    state, usage = MemoryObjects(), MemoryObjects({_FIRST_FILE: b"[]"})
    sums: list[tuple[Group, Decimal]] = [
        ((contract(number), name, Decimal("0.05"), None), Decimal("96.25"))
        for number in range(int(contracts))
        for name in DIMENSIONS
    ]
    days, read = usage_files.days(MONTH, MONTH.end), list[DayRead | None]()
    for day in days:
        files = 24 if day.isdigit() else 0
        read.append(DayRead(day=day, digest=day, files=files))
        if files:
            fold = Fold(
                made_of=made_of(PLAN, day),
                hours=[f"{day}/{hour:02d}" for hour in range(24)],
                files=files,
                records=len(sums) * 24,
                duplicates=0,
                dropped={},
                sums=sums,
                twins=0,
                twin="",
            )
            state.objects[keys.day(PLAN, MONTH, day)] = msgspec.json.encode(fold)
    sums.clear()
    task = DaysTask(run=RUN, month=str(MONTH), days=days, read=read)
    return lambda: {"contracts": merge_usage(task, Books(state, PLAN), usage).to_process}


def close(contracts: str) -> Callable[[], dict[str, Any]]:
    """CloseMonth over a ledger in which every contract is accepted."""
    state, names = MemoryObjects(), [contract(number) for number in range(int(contracts))]
    for name in names:
        key = keys.ledger_entry(PLAN, MONTH, name)
        state.objects[key] = msgspec.json.format(msgspec.json.encode(_entry(name)), indent=1)
    usage = month_usage(a_bill(*map(_bill, names)), names)
    whole = msgspec.structs.replace(usage, days={"01": "x"})
    state.objects["runs/bill.json"] = msgspec.json.encode(whole)
    merged = Merged(bill_key="runs/bill.json", to_process=len(names))
    task = MergedMonth(run=RUN, month=str(MONTH), merged=merged)
    now = datetime(2025, 8, 2, tzinfo=UTC)

    def run() -> dict[str, Any]:
        closed = close_month(task, Books(state, PLAN), now)
        assert closed.closed
        assert closed.contracts == len(names)
        return {"contracts": closed.contracts}

    return run


def _bill(name: str) -> ContractBill:
    usage, quantities, remainders = (
        dict.fromkeys(DIMENSIONS, value) for value in ("2983.75", "2983", "0.75")
    )
    return ContractBill(contract_id=name, usage=usage, quantities=quantities, remainders=remainders)


def _entry(name: str) -> Entry:
    """Return an entry of ordinary size: one attempt with its request and answer."""
    billed = {"quantity": "2983", "amount": "2983.75", "record_id": "r" * 36}
    lines = (a_line(dimension, "accepted", **billed) for dimension in DIMENSIONS)
    at = "2025-08-02T00:00:00Z"
    attempt = Attempt(
        id="a" * 32,
        execution="x",
        at=at,
        dimensions=DIMENSIONS,
        request="q" * 700,
        outcome="answered",
        status=200,
        response="a" * 600,
    )
    usage = dict.fromkeys(DIMENSIONS, "2983.75")
    settled = {"claimed_at": at, "settled_at": at, "attempts": (attempt,)}
    return an_entry(*lines, contract_id=name, cloud="aws", usage=usage, **settled)
