"""A month's report: one row per contract and dimension, in JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from html import escape

import msgspec

from functions.domain.billing import ContractBill, MonthBill, Quarantined
from functions.domain.formula import exact_text
from functions.domain.ledger_entry import Entry, Line
from functions.domain.run_files import MonthUsage


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one contract's dimension. `usage` and what is carried may have decimals.

    `carried_in`: what rounding left of the contract's other months. `remainder`: what it leaves to
    them.
    """

    contract_id: str
    dimension: str
    usage: str
    carried_in: str
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
            for row in _rows(bills[name], ledger.get(name), usage.bill, done=name in done)
        ],
    )


def _rows(bill: ContractBill, entry: Entry | None, month: MonthBill, *, done: bool) -> list[Row]:
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    names = sorted(
        bill.usage.keys() | bill.quantities.keys() | bill.remainders.keys() | lines.keys()
    )
    return [
        _row(bill, entry, name, _outcome(bill, entry, name, month, done=done)) for name in names
    ]


def _outcome(
    bill: ContractBill, entry: Entry | None, name: str, month: MonthBill, *, done: bool
) -> str:
    """Say what became of one dimension, in a word or two.

    `done`: the state file lists the contract as a success; without evidence in the ledger that is
    the word of a person or of the earlier script.
    """
    line = _line(entry, name)
    if done and not (entry and entry.accepted):
        return "settled by the state file"
    if line is not None:
        return line.state
    if entry and entry.waived:
        return "waived"
    if bill.failure or name in bill.quantities or (entry and entry.failure):
        return "not sent"
    if name in month.unbilled_dimensions:
        return "not read by any formula"
    used = bill.usage.get(name, "0") != "0" and name not in bill.remainders
    return "read by a formula" if used else "nothing to bill"


def _line(entry: Entry | None, name: str) -> Line | None:
    return next((line for line in entry.lines if line.dimension == name), None) if entry else None


def _row(bill: ContractBill, entry: Entry | None, name: str, outcome: str) -> Row:
    line = _line(entry, name)
    failure = entry.failure.message if entry and entry.failure else bill.failure or ""
    detail = (line.message if line else "") or failure
    later = f"computed later: {line.computed_later}" if line and line.computed_later else ""
    decided = [
        f"{decision.what} by a person: {decision.reason} ({decision.at}, {decision.execution})"
        for decision in (entry.decisions if entry else ())
        if decision.what != "reopened"
    ]
    until = f"billed until {entry.until}" if entry and entry.until else ""
    today = bill.amounts.get(name, "0")
    fixed = line if line and line.amount else None
    changed = f"it was {fixed.amount} when it was billed" if fixed and fixed.amount != today else ""
    return Row(
        contract_id=bill.contract_id,
        dimension=name,
        usage=bill.usage.get(name, ""),
        carried_in=(fixed.carried or "0") if fixed else bill.carried.get(name, "0"),
        quantity=line.quantity if line else bill.quantities.get(name, "0"),
        remainder=_left(fixed) if fixed else bill.remainders.get(name, "0"),
        outcome=outcome,
        evidence=line.evidence if line else "",
        record_id=(line.record_id or "") if line else "",
        detail="; ".join(text for text in (detail, later, changed, *decided, until) if text),
    )


def _left(line: Line) -> str:
    """Return what a line leaves: usage + carried in = quantity + remainder."""
    due = Fraction(line.amount) + Fraction(line.carried or "0")
    return exact_text(due - Fraction(line.quantity))


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
