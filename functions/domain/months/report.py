"""A month's report: what became of each contract, its inputs and its totals."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.domain.formula import ByDimension, exact_sums
from functions.domain.month import Month
from functions.domain.months.closing import Closing
from functions.domain.months.movements import EarlierReport, Movements, movements, usage_of
from functions.domain.months.report_rows import (
    BY_HAND,
    NOT_COMPUTED,
    NOTHING,
    Input,
    Row,
    inputs_of,
    rows_of,
)
from functions.domain.months.totals import History, Total, totals
from functions.domain.usage.bill import ContractBill, Quarantined
from functions.domain.wording import counted

# A contract counts as what the first of these outcomes stands for that one of its rows has.
_WORST_FIRST = {
    "in doubt": "in doubt",
    "refused": "refused",
    "not sent": "open",
    NOT_COMPUTED: "open",
    "waived": "waived",
    BY_HAND: "waived",
    "accepted": "billed",
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a plan's month that somebody may ask afterwards.

    `summary`: the first line, and the number of contracts of each kind. `file_totals`: the usage of
    these contracts by dimension, as the files hold it when the report is written. `rows`: those of
    a contract follow each other; `totals`: added up by dimension. `before`: the month that it is
    compared with, if there is one. `checks`: what was looked at with nothing wrong.
    """

    summary: Mapping[str, Any]
    plan: str
    month: str
    until: str | None
    execution: str
    generated_at: str
    closed: bool
    files: int
    hours: int = 0
    records: int
    duplicate_records: int
    duplicate_quantity: Mapping[str, str]
    warnings: Sequence[str]
    checks: Sequence[str] = ()
    quarantined: Sequence[Quarantined]
    file_totals: Mapping[str, str]
    rows: Sequence[Row]
    inputs: Sequence[Input]
    totals: Sequence[Total] = ()
    before: str = ""
    history: History = History()
    movements: Movements = Movements()

    def as_csv(self) -> bytes:
        """Return the summary in the first line, then the rows with a header."""
        out = io.StringIO()
        writer = csv.writer(out)
        out.write(f"# {self.summary['text']}\r\n")
        writer.writerow(("plan", "month", *Row.__struct_fields__))
        for row in self.rows:
            cells = msgspec.structs.astuple(row)
            # A spreadsheet must not run text that came from outside as a formula.
            inert = (f"'{text}" if text[:1] in ("=", "+", "@", "\t") else text for text in cells)
            writer.writerow((self.plan, self.month, *inert))
        return out.getvalue().encode()


def build(closing: Closing, at: str, earlier: EarlierReport) -> Report:
    """Put bill and ledger together; final usage is reported of its own contracts only."""
    usage, seen = closing.usage, closing.seen
    bills, was = _reported(closing), usage_of(earlier.rows)
    rows, inputs, added_up = _rows(closing, bills, was if earlier.month else None)
    history = earlier.history.followed_by(str(seen.month), added_up)
    return Report(
        summary=_summary(seen.run.plan.service, seen.month, bills, rows),
        plan=seen.run.plan.key,
        month=str(seen.month),
        until=seen.run.until,
        execution=seen.run.execution,
        generated_at=at,
        closed=closing.counts,
        files=usage.files,
        hours=usage.hours,
        records=usage.records,
        duplicate_records=usage.duplicates,
        duplicate_quantity=usage.dropped,
        warnings=usage.warnings,
        checks=usage.checks,
        quarantined=usage.bill.quarantined,
        file_totals=exact_sums(used for bill in bills.values() for used in bill.usage.items()),
        totals=added_up,
        before=earlier.month,
        history=history,
        movements=movements(was, usage_of(rows), history) if earlier.month else Movements(),
        rows=rows,
        inputs=inputs,
    )


def _rows(
    closing: Closing, bills: Mapping[str, ContractBill], before: Mapping[str, ByDimension] | None
) -> tuple[list[Row], list[Input], list[Total]]:
    """Return all rows, what was measured where formulas made other things, and the totals."""
    seen, rows, inputs = closing.seen, list[Row](), list[Input]()
    formulas, unread = seen.run.plan.dimensions, closing.usage.bill.unbilled_dimensions
    for name, bill in bills.items():
        by_hand = name in seen.shown.done
        entry = seen.ledger.get(name)
        of_contract = list(rows_of(bill, entry, formulas, by_hand=by_hand))
        shown = set() if formulas else {row.dimension for row in of_contract}
        inputs += inputs_of(bill, entry, shown, formulas, unread)
        was = {} if before is None else before.get(name, {})
        rows += (
            of_contract
            if before is None
            else (replace(row, usage_before=was.get(row.dimension, "0")) for row in of_contract)
        )
    return rows, inputs, totals(rows)


def _reported(closing: Closing) -> dict[str, ContractBill]:
    """Return the bills of the month's contracts in order; one without usage has an empty bill."""
    seen, bills = closing.seen, {bill.contract_id: bill for bill in closing.usage.bill.contracts}
    for name in seen.ledger.keys() - bills.keys():
        bills[name] = ContractBill(contract_id=name)
    names = bills.keys() & set(seen.run.contracts or ()) if seen.run.until else bills
    return {name: bills[name] for name in sorted(names)}


def _summary(
    service: str, month: Month, contracts: Collection[str], rows: Iterable[Row]
) -> dict[str, Any]:
    """Count the contracts by what is worst of them."""
    outcomes: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        outcomes[row.contract_id].add(row.outcome)
    found = Counter(
        next((kind for word, kind in _WORST_FIRST.items() if word in outcomes[name]), NOTHING)
        for name in contracts
    )
    kinds = ("billed", "open", "refused", "in doubt", "waived", NOTHING)
    others = [f"{found[kind]:,} {kind}" for kind in kinds[1:] if found[kind]]
    billed = f"{found['billed']:,} of {counted(len(contracts), 'contract')} billed"
    said = ", ".join([billed, *others])
    said = said.replace("waived", "waived or settled elsewhere")
    counts = {kind.replace(" ", "_"): found[kind] for kind in kinds}
    text = f"{month.start:%B %Y}, {service}: {said}"
    return {"text": text, "contracts": len(contracts), **counts}
