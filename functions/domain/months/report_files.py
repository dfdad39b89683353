"""A month's report as the file that spreadsheets open."""

import csv
import io

import msgspec

from functions.domain.months.report import Report
from functions.domain.months.report_rows import Row


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
