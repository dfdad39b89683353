"""A month's report: one row per contract and dimension, in JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape

import msgspec

from functions.domain.billing import ContractBill, Quarantined
from functions.domain.ledger_entry import Entry, Line
from functions.domain.run_files import MonthUsage


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one contract's dimension. `usage` and `remainder` may have decimals."""

    contract_id: str
    dimension: str
    usage: str
    quantity: str
    remainder: str
    outcome: str
    evidence: str
    record_id: str
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a plan's month that somebody may ask afterwards."""

    plan: str
    month: str
    execution: str
    generated_at: str
    closed: bool
    files: int
    records: int
    duplicate_records: int
    duplicate_quantity: Mapping[str, str]
    warnings: Sequence[str]
    quarantined: Sequence[Quarantined]
    rows: Sequence[Row]


def build(
    usage: MonthUsage,
    ledger: Mapping[str, Entry],
    done: frozenset[str],
    *,
    plan: str,
    month: str,
    execution: str,
    at: str,
    closed: bool,
) -> Report:
    """Put a month's bill and what the ledger says of it together.

    `done`: contracts that the state file knew as sent, perhaps without an entry in the ledger.
    """
    bills = {bill.contract_id: bill for bill in usage.bill.contracts}
    for name in ledger.keys() - bills.keys():
        bills[name] = ContractBill(contract_id=name, usage={}, quantities={})
    return Report(
        plan=plan,
        month=month,
        execution=execution,
        generated_at=at,
        closed=closed,
        files=usage.files,
        records=usage.records,
        duplicate_records=usage.duplicates,
        duplicate_quantity=usage.dropped,
        warnings=usage.warnings,
        quarantined=usage.bill.quarantined,
        rows=[
            row
            for name in sorted(bills)
            for row in _rows(
                bills[name], ledger.get(name), "sent before" if name in done else "not sent"
            )
        ],
    )


def _rows(bill: ContractBill, entry: Entry | None, outcome: str) -> list[Row]:
    """Return the rows of one contract; `outcome` is what holds without a ledger line."""
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    names = sorted(
        bill.usage.keys() | bill.quantities.keys() | bill.remainders.keys() | lines.keys()
    )
    return [_row(bill, entry, name, lines.get(name), outcome) for name in names]


def _row(
    bill: ContractBill, entry: Entry | None, name: str, line: Line | None, outcome: str
) -> Row:
    failure = entry.failure.message if entry and entry.failure else bill.failure or ""
    if line is None and name not in bill.quantities and not failure:
        outcome = "nothing to bill"
    later = f"computed later: {line.computed_later}" if line and line.computed_later else ""
    return Row(
        contract_id=bill.contract_id,
        dimension=name,
        usage=bill.usage.get(name, ""),
        quantity=line.quantity if line else bill.quantities.get(name, "0"),
        remainder=bill.remainders.get(name, "0"),
        outcome=line.state if line else outcome,
        evidence=line.evidence if line else "",
        record_id=(line.record_id or "") if line else "",
        detail="; ".join(
            text for text in ((line.message if line else "") or failure, later) if text
        ),
    )


def as_csv(report: Report) -> bytes:
    """Return the rows as CSV with a header."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("plan", "month", *Row.__struct_fields__))
    for row in report.rows:
        writer.writerow((report.plan, report.month, *map(_inert, msgspec.structs.astuple(row))))
    return out.getvalue().encode()


def _inert(text: str) -> str:
    """Keep a spreadsheet from running text that came from outside as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "@", "\t") else text


def as_html(report: Report) -> bytes:
    """Return a page a person can read without any program of ours."""
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in Row.__struct_fields__)
    body = "\n".join(
        "<tr>"
        + "".join(f"<td>{escape(text)}</td>" for text in msgspec.structs.astuple(row))
        + "</tr>"
        for row in report.rows
    )
    notes = [
        *report.warnings,
        *(
            f"not billed: {held.quantity} {held.dimension} of subscription {held.subscription}, "
            "which has no externalPayerId"
            for held in report.quarantined
        ),
    ]
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    title = escape(f"{report.plan} {report.month}")
    state = "closed" if report.closed else "not closed"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:sans-serif}}table{{border-collapse:collapse}}
td,th{{border:1px solid #999;padding:.2em .5em;text-align:left}}</style>
<h1>{title}</h1>
<p>{report.files} files, {report.records} records, {report.duplicate_records} measured twice.
The month is {state}. Execution {escape(report.execution)}, {escape(report.generated_at)}.</p>
<ul>{listed}</ul>
<table><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table></html>
""".encode()
