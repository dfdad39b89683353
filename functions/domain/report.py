"""A month's report: what became of each contract, its inputs and its totals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from functions.domain.billing import ContractBill, Quarantined
from functions.domain.formula import exact_text
from functions.domain.ledger_entry import Entry
from functions.domain.report_rows import (
    BY_HAND,
    NOT_COMPUTED,
    NOTHING,
    Input,
    Row,
    inputs_of,
    rows_of,
)
from functions.domain.run_files import MonthUsage

# What a contract counts as is the first of these that one of its rows is.
_KINDS = {
    "in doubt": ("in doubt",),
    "refused": ("refused",),
    "open": ("not sent", NOT_COMPUTED),
    "billed": ("accepted",),
    "waived": ("waived", BY_HAND),
    NOTHING: (NOTHING,),
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a plan's month that somebody may ask afterwards.

    `summary`: the first line, and the number of contracts of each kind. `file_totals`: the usage of
    these contracts by dimension, as the files hold it when the report is written.
    """

    summary: Mapping[str, Any]
    plan: str
    month: str
    until: str | None
    execution: str
    generated_at: str
    closed: bool
    files: int
    records: int
    duplicate_records: int
    duplicate_quantity: Mapping[str, str]
    warnings: Sequence[str]
    quarantined: Sequence[Quarantined]
    file_totals: Mapping[str, str]
    rows: Sequence[Row]
    inputs: Sequence[Input]


def build(
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    done: frozenset[str],
    *,
    formulas: Collection[str] = (),
    only: Collection[str] | None = None,
    **heading: Any,
) -> Report:
    """Put bill and ledger together; `heading` is the report's plan, month, execution and state.

    `done`: contracts that the state file knew as sent before. `formulas`: the dimensions that the
    plan computes. `only`: the contracts that the report is about.
    """
    bills = {bill.contract_id: bill for bill in usage.bill.contracts}
    for name in ledger.keys() - bills.keys():
        bills[name] = ContractBill(contract_id=name, usage={}, quantities={})
    chosen = [bills[name] for name in sorted(bills) if only is None or name in only]
    rows: list[Row] = []
    inputs: list[Input] = []
    totals: defaultdict[str, Fraction] = defaultdict(Fraction)
    for bill in chosen:
        entry, by_hand = ledger.get(bill.contract_id), bill.contract_id in done
        of_contract = list(rows_of(bill, entry, formulas, by_hand=by_hand))
        shown = set() if formulas else {row.dimension for row in of_contract}
        rows += of_contract
        inputs += inputs_of(bill, shown, formulas, usage.bill.unbilled_dimensions)
        for name, text in bill.usage.items():
            totals[name] += Fraction(text)
    return Report(
        summary=_summary([bill.contract_id for bill in chosen], rows),
        files=usage.files,
        records=usage.records,
        duplicate_records=usage.duplicates,
        duplicate_quantity=usage.dropped,
        warnings=usage.warnings,
        quarantined=usage.bill.quarantined,
        file_totals={name: exact_text(total) for name, total in sorted(totals.items())},
        rows=rows,
        inputs=inputs,
        **heading,
    )


def _summary(contracts: Sequence[str], rows: Iterable[Row]) -> dict[str, Any]:
    """Count the contracts by what is worst of them."""
    outcomes: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        outcomes[row.contract_id].add(row.outcome)
    found = Counter(
        next((kind for kind, words in _KINDS.items() if outcomes[name] & set(words)), NOTHING)
        for name in contracts
    )
    kinds = ("billed", "open", "refused", "in doubt", "waived", NOTHING)
    said = [f"{found[kind]} {kind}" for kind in kinds if found[kind] or kind != NOTHING]
    text = ", ".join(said).replace("waived", "waived or settled elsewhere")
    counts = {kind.replace(" ", "_"): found[kind] for kind in kinds}
    noun = "contract" if len(contracts) == 1 else "contracts"
    return {"text": f"{len(contracts)} {noun}: {text}", "contracts": len(contracts), **counts}
