"""`credits --check`: files are read and judged as the pipeline does it, and nothing is started."""

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from functions.domain.credits import cbf
from functions.domain.credits.amount import exact_sum
from functions.domain.credits.credits_report import alike, attention
from functions.domain.credits.csv_rows import read_rows
from functions.domain.credits.file import MOST_FILE_BYTES, read_credits
from functions.domain.credits.name import months_meant, months_of, right_name
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
    """Judge name and rows: with a wrong name, the rows by the months that it seems to mean."""
    name, wrong = file.name, list[str]()
    try:
        months = months_of(name, as_of)
    except BadCredits as refused:
        wrong.append(str(refused))
        meant = months_meant(name)
        name = right_name(meant) if meant else "its rows"
        months = meant or _one_month(file, as_of)
    judged: dict[str, Any] = {}
    try:
        judged = _judged(name, file.body, months, metadata) if months else {}
    except BadCredits as refused:
        wrong.append(str(refused))
    if not wrong:
        return {"file": file.name, "status": "SUCCEEDED", **judged}
    return {"file": file.name, "status": "FAILED", "cause": "\n".join(wrong), **judged}


def _one_month(file: Upload, as_of: Month) -> list[Month]:
    """Return a month to read a file by whose name means none, if its rows are those of one."""
    rows, _ = read_rows(file.body[:MOST_FILE_BYTES], [])
    return [as_of] if rows and all(len(row.cells) == 2 for row in rows) else []  # noqa: PLR2004


def _judged(
    name: str, body: bytes, months: Sequence[Month], metadata: Mapping[str, str]
) -> dict[str, Any]:
    if len(body) > MOST_FILE_BYTES:
        raise BadCredits(f"{name}: {len(body)} bytes, at most {MOST_FILE_BYTES} are read")
    read = read_credits(name, body, months, metadata, allow_reversals=PROD.allow_reversals)
    for number, month in enumerate(months):
        amounts = ((account, row[number]) for account, row in read.credits.items())
        cbf.drop_body(month, cbf.credit_rows(month, amounts))
    by_month = zip(*read.credits.values(), strict=True)
    columns = [
        (str(month), rows) for month, rows in zip(months, by_month, strict=True) if any(rows)
    ]
    return {
        "months": [str(month) for month in months],
        "row_count": read.rows,
        "total_usd": f"{read.total:.2f}",
        "posted_usd": f"{exact_sum(chain.from_iterable(read.credits.values())):.2f}",
        "warnings": [*filter(None, [attention(read.repeated)]), *alike(columns)],
        "duplicates": [row.line for row in read.repeated],
    }


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result for the screen: every problem of a file, or its control totals."""
    said = ((one.get("cause"), _good(one) if "row_count" in one else "") for one in result["files"])
    return ["\n".join(filter(None, texts)) for texts in said]


def _good(one: Mapping[str, Any]) -> str:
    months, lines = one["months"], one["duplicates"]
    said = f"{one['file']}: {counted(one['row_count'], 'row')} of {counted(len(months), 'month')}"
    repeated = f"; lines that repeat an account: {', '.join(map(str, lines))}" if lines else ""
    posted = f"; {usd(one['posted_usd'])} USD would be posted" if lines else ""
    return "\n".join([f"{said}, {usd(one['total_usd'])} USD{repeated}{posted}", *one["warnings"]])
