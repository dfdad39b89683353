"""`credits --check`: files are read and judged as the pipeline does it, and nothing is started."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from functions.domain.credits import cbf
from functions.domain.credits.amount import exact_sum
from functions.domain.credits.credits_report import alike, attention
from functions.domain.credits.file import MOST_FILE_BYTES, CreditsFile, read_credits
from functions.domain.credits.name import months_of
from functions.domain.month import Month
from functions.domain.wording import counted
from functions.errors import BadCredits
from infra.environments import PROD
from infra.local.cli.arguments import Upload
from infra.local.cli.wording import usd


def check(
    files: Sequence[Upload], as_of: dt.datetime, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """Judge every file, with all of its problems."""
    found = [_check(file, Month.of(as_of), metadata) for file in files]
    well = all(one["status"] == "SUCCEEDED" for one in found)
    return {"status": "SUCCEEDED" if well else "FAILED", "files": found}


def _check(file: Upload, as_of: Month, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        months, read = _read(file, as_of, metadata)
    except BadCredits as refused:
        return {"file": file.name, "status": "FAILED", "cause": str(refused)}
    by_month = zip(*read.credits.values(), strict=True)
    columns = [
        (str(month), rows) for month, rows in zip(months, by_month, strict=True) if any(rows)
    ]
    return {
        "file": file.name,
        "status": "SUCCEEDED",
        "months": [str(month) for month in months],
        "row_count": read.rows,
        "total_usd": f"{read.total:.2f}",
        "posted_usd": f"{exact_sum(chain.from_iterable(read.credits.values())):.2f}",
        "warnings": [*filter(None, [attention(read.repeated)]), *alike(columns)],
        "duplicates": [row.line for row in read.repeated],
    }


def _read(
    file: Upload, as_of: Month, metadata: Mapping[str, str]
) -> tuple[list[Month], CreditsFile]:
    months, reversals = months_of(file.name, as_of), PROD.allow_reversals
    if len(file.body) > MOST_FILE_BYTES:
        raise BadCredits(f"{file.name}: {len(file.body)} bytes, at most {MOST_FILE_BYTES} are read")
    read = read_credits(file.name, file.body, months, metadata, allow_reversals=reversals)
    for number, month in enumerate(months):
        amounts = ((account, row[number]) for account, row in read.credits.items())
        cbf.drop_body(month, cbf.credit_rows(month, amounts))
    return months, read


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result for the screen: every problem of a file, or its control totals."""
    return [one.get("cause") or _good(one) for one in result["files"]]


def _good(one: Mapping[str, Any]) -> str:
    months, lines = one["months"], one["duplicates"]
    said = f"{one['file']}: {counted(one['row_count'], 'row')} of {counted(len(months), 'month')}"
    repeated = f"; lines that repeat an account: {', '.join(map(str, lines))}" if lines else ""
    posted = f"; {usd(one['posted_usd'])} USD would be posted" if lines else ""
    return "\n".join([f"{said}, {usd(one['total_usd'])} USD{repeated}{posted}", *one["warnings"]])
