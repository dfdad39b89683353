"""A month's report as the files that people open: CSV and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from html import escape

import msgspec

from functions.domain.months.report import Report
from functions.domain.months.report_rows import Input, Row


def as_csv(report: Report) -> bytes:
    """Return the summary in the first line, then the rows with a header."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write(f"# {report.summary['text']}\r\n")
    writer.writerow(("plan", "month", *Row.__struct_fields__))
    for row in report.rows:
        writer.writerow((report.plan, report.month, *map(_inert, msgspec.structs.astuple(row))))
    return out.getvalue().encode()


def _inert(text: str) -> str:
    """Keep a spreadsheet from running text that came from outside as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "@", "\t") else text


def as_html(report: Report) -> bytes:
    """Return a page that can be read without any program of ours."""
    notes = [
        *report.warnings,
        *(
            f"not billed: {held.quantity} {held.dimension} of subscription {held.subscription}, "
            "which has no externalPayerId"
            for held in report.quarantined
        ),
    ]
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    until = f", final usage until {report.until}" if report.until else ""
    title = escape(f"{report.plan} {report.month}{until}")
    state = "closed" if report.closed else "not closed"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:sans-serif}}table{{border-collapse:collapse}}
td,th{{border:1px solid #999;padding:.2em .5em;text-align:left}}</style>
<h1>{title}</h1>
<p>{escape(report.summary["text"])}</p>
<p>{report.files} files, {report.records} records, {report.duplicate_records} measured twice.
The month is {state}. Execution {escape(report.execution)}, {escape(report.generated_at)}.</p>
<ul>{listed}</ul>
{_table(Row, report.rows)}
<h2>Usage that is not billed under its own name</h2>
{_table(Input, report.inputs)}
</html>
""".encode()


def _table(kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> str:
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in kind.__struct_fields__)
    body = "\n".join(
        "<tr>"
        + "".join(f"<td>{escape(text)}</td>" for text in msgspec.structs.astuple(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
