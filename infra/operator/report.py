"""A month's report as it was written: fetched, printed, or opened in a browser."""

import os
import sys
import tempfile
import webbrowser
from pathlib import Path

from functions.adapters import keys
from functions.domain.month import Month
from infra.operator.errors import Failed, Unusable
from infra.operator.options import Where
from infra.operator.place import find


def read_report(where: Where, month: Month, kind: str) -> bytes:
    """Return the report of a month as HTML, CSV or JSON."""
    place = find(where)
    found = {}
    for plan in place.plans:
        stored = place.state.read(f"{keys.report(plan, month)}report.{kind}")
        if stored:
            found[plan.key] = stored.body
    if len(found) > 1:
        raise Unusable(f"several plans have a report of {month}; add --plan {' or '.join(found)}")
    if not found:
        raise Failed(
            f"there is no report of {month} in {place.name}; one is written when the month is "
            f"billed; what it waits for: {where.command('status')}"
        )
    return found.popitem()[1]


def open_page(body: bytes, month: str) -> str:
    """Keep the page in a temporary file, and open it where there is a browser to look at it."""
    with tempfile.NamedTemporaryFile(
        prefix=f"billing-{month}-", suffix=".html", delete=False
    ) as file:
        file.write(body)
    if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
        webbrowser.open(Path(file.name).as_uri())
    return file.name
