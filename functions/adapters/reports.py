"""Reports of a plan's months in the state bucket, as people open and forward them."""

from __future__ import annotations

import msgspec

from functions.adapters.objects import Objects
from functions.domain.months import report_files
from functions.domain.months.late_usage import LateUsage
from functions.domain.months.report import Report


def write_report(objects: Objects, prefix: str, written: Report) -> str:
    """Write a month's report as JSON, CSV and HTML; return the key of the last."""
    objects.put(f"{prefix}.json", _as_json(written))
    objects.put(f"{prefix}.csv", report_files.as_csv(written))
    objects.put(f"{prefix}.html", report_files.as_html(written))
    return f"{prefix}.html"


def write_late_usage(objects: Objects, key: str, written: LateUsage) -> None:
    """Write what would change in a month that was billed."""
    objects.put(key, _as_json(written))


def _as_json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)
