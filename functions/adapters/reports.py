"""Reports of a plan's months in the state bucket, as people open and forward them."""

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.adapters.pages import put_json, put_page
from functions.domain.month import Month
from functions.domain.months.late_usage import LateUsage
from functions.domain.months.movements import EarlierReport
from functions.domain.months.report import Report
from functions.domain.months.report_page import page


def write_report(books: Books, month: Month, written: Report, final: str = "") -> str:
    """Write a month's report as JSON, CSV and HTML; return the key of the page.

    That of `final` usage is about its contracts only, and has a name of its own.
    """
    folder, objects = keys.report(books.plan, month), books.objects
    prefix = f"{folder}{f'final-{final}' if final else 'report'}"
    put_json(objects, f"{prefix}.json", written)
    objects.put(f"{prefix}.csv", written.as_csv())
    if not final:
        put_json(objects, keys.totals(books.plan, month), written.history)
    return put_page(objects, f"{prefix}.json", lambda: page(written))


def read_earlier(books: Books, month: str) -> EarlierReport:
    """Return what is compared of a month's report; nothing depends on it."""
    key = f"{keys.report(books.plan, Month.parse(month))}report.json" if month else ""
    stored = books.objects.read(key) if key else None
    try:
        found = msgspec.json.decode(stored.body, type=EarlierReport) if stored else EarlierReport()
        found.check()
    except (msgspec.DecodeError, ValueError, ZeroDivisionError):
        return EarlierReport()
    return found


def write_late_usage(objects: Objects, key: str, written: LateUsage) -> None:
    """Write what would change in a month that was billed."""
    put_json(objects, key, written)
    put_page(objects, key, lambda: written.page().html())
