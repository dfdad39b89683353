"""Reports of a plan's months in the state bucket, as people open and forward them."""

from __future__ import annotations

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.ledger.reconciliation import Reconciliation
from functions.domain.month import Month
from functions.domain.months import report_files
from functions.domain.months.late_usage import LateUsage
from functions.domain.months.report import Report
from functions.domain.months.report_page import page
from functions.domain.months.totals import History

logger = Logger()
_HISTORY = "totals.json"


def write_report(books: Books, month: Month, written: Report, final: str = "") -> str:
    """Write a month's report as JSON, CSV and HTML; return the key of the page.

    That of `final` usage is about its contracts only, and has a name of its own.
    """
    folder, objects = keys.report(books.plan, month), books.objects
    history = _history(objects, f"{keys.report(books.plan, month.plus(-1))}{_HISTORY}")
    prefix = f"{folder}{f'final-{final}' if final else 'report'}"
    objects.put(f"{prefix}.json", _as_json(written))
    objects.put(f"{prefix}.csv", report_files.as_csv(written))
    objects.put(f"{prefix}.html", _page(written, history))
    if not final:
        followed = history.followed_by(str(month), written.totals)
        objects.put(f"{folder}{_HISTORY}", _as_json(followed))
    return f"{prefix}.html"


def _page(written: Report, history: History) -> bytes:
    """Return the page; one that cannot be rendered must not keep a billed month open."""
    try:
        return page(written, history)
    except Exception:
        logger.exception("the page could not be rendered", plan=written.plan, month=written.month)
        return (
            b"<!doctype html>\n<title>report</title>\nSee the CSV and JSON files beside this one.\n"
        )


def _history(objects: Objects, key: str) -> History:
    """Return what was due in the months before; nothing depends on it."""
    stored = objects.read(key)
    try:
        return msgspec.json.decode(stored.body, type=History) if stored else History()
    except msgspec.DecodeError:
        return History()


def write_late_usage(objects: Objects, key: str, written: LateUsage) -> None:
    """Write what would change in a month that was billed."""
    objects.put(key, _as_json(written))


def write_reconciliation(objects: Objects, key: str, written: Reconciliation) -> None:
    """Write where the receiver's records are not the ledger's."""
    objects.put(key, _as_json(written))


def _as_json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)
