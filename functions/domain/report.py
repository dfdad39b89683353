"""A month's report: one row per contract and dimension, in JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from html import escape

import msgspec

from functions.domain.billing import ContractBill, MonthBill, Quarantined
from functions.domain.formula import exact_text
from functions.domain.ledger_entry import Entry, Line
from functions.domain.run_files import MonthUsage

_BY_HAND = "settled by the state file"
# Nobody who reads a report should take a request that left for one that was accepted.
_WORDS = {"sent": "in doubt", "present": "in doubt", "unsure": "not sent", "open": "not sent"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one contract's dimension: billed_usage + carried_in = quantity + remainder.

    `usage`: what the files say today, before any formula. `billed_usage`: the exact amount that the
    quantity was rounded from; usage that only a formula reads has none. `carried_in`: what rounding
    left of the contract's other months. `remainder`: what it leaves to them.
    These three are empty where nothing is taken in or left: what was waived or settled by hand,
    what came after its contract was settled, and lines of an earlier version.
    """

    contract_id: str
    dimension: str
    usage: str
    billed_usage: str
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
    """Put bill and ledger together; `done`: contracts that the state file knew as sent before."""
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
    held = entry.unbilled.keys() | {line.dimension for line in entry.lines} if entry else set()
    names = sorted(bill.usage.keys() | bill.amounts.keys() | held)
    outcomes = {name: _outcome(bill, entry, name, month, done=done) for name in names}
    return [_row(bill, entry, name, outcome) for name, outcome in outcomes.items()]


def _outcome(
    bill: ContractBill, entry: Entry | None, name: str, month: MonthBill, *, done: bool
) -> str:
    """Say what became of one dimension, in a word or two.

    `done` without evidence in the ledger is the word of a person or of the earlier script.
    """
    line = _line(entry, name)
    if done and not (entry and entry.accepted):
        return _BY_HAND
    if line is not None:
        return _WORDS.get(line.state, line.state)
    if entry and entry.waived:
        return "waived"
    if bill.failure or (entry and entry.failure) or _quantity(bill, entry, name) != "0":
        return "not sent"
    if name in month.unbilled_dimensions:
        return "not read by any formula"
    used = bill.usage.get(name, "0") != "0" and name not in bill.amounts
    return "read by a formula" if used else "nothing to bill"


def _line(entry: Entry | None, name: str) -> Line | None:
    return next((line for line in entry.lines if line.dimension == name), None) if entry else None


def _row(bill: ContractBill, entry: Entry | None, name: str, outcome: str) -> Row:
    line, quantity, remainder = _line(entry, name), _quantity(bill, entry, name), ""
    amount = "" if outcome in ("waived", _BY_HAND) else _amount(bill, entry, name)
    carried = (line.carried if line else bill.carried.get(name)) or "0"
    if amount:
        remainder = exact_text(Fraction(amount) + Fraction(carried) - Fraction(quantity))
    return Row(
        contract_id=bill.contract_id,
        dimension=name,
        usage=bill.usage.get(name, ""),
        billed_usage=amount,
        carried_in=carried if amount else "",
        quantity=quantity,
        remainder=remainder,
        outcome=outcome,
        evidence=line.evidence if line else "",
        record_id=(line.record_id or "") if line else "",
        detail="; ".join(text for text in _details(bill, entry, name) if text),
    )


def _quantity(bill: ContractBill, entry: Entry | None, name: str) -> str:
    if line := _line(entry, name):
        return line.quantity
    return "0" if entry and name in entry.unbilled else bill.quantities.get(name, "0")


def _amount(bill: ContractBill, entry: Entry | None, name: str) -> str:
    """Return what the ledger holds of a dimension, else what is to be billed of it.

    A contract that is settled, or whose window ended before the month, takes nothing more.
    """
    held = entry.amounts if entry else {}
    if name in held or _line(entry, name):
        return held.get(name, "")
    unused = "0" if bill.usage.get(name) == "0" else ""
    final = entry and (entry.until or (entry.settled_at and not entry.failure))
    return unused if final else bill.amounts.get(name, unused)


def _details(bill: ContractBill, entry: Entry | None, name: str) -> Iterator[str]:
    """Say everything else that somebody should know of a row."""
    line = _line(entry, name)
    failure = entry.failure.message if entry and entry.failure else bill.failure or ""
    yield (line.message if line else "") or failure
    if line and line.computed_later:
        yield f"computed later: {line.computed_later}"
    if entry is None:
        return
    accepted = line is not None and line.state == "accepted"
    sent = any(name in attempt.dimensions for attempt in entry.attempts)
    before = entry.amounts.get(name, "")
    if before and before != bill.amounts.get(name, "0"):
        when = "when it was billed" if accepted else "when it was sent" if sent else "before"
        yield f"it was {before} {when}"
    for made in entry.decisions:
        if made.what != "reopened":
            yield f"{made.what} by a person: {made.reason} ({made.at}, {made.execution})"
    if entry.until:
        yield f"{'billed ' if accepted else ''}until {entry.until}"


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
