"""Rows of the Common Bill Format (CBF): written from credits, or from what was stored."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from functions.domain.credits.amount import cents, number
from functions.domain.credits.cells import shown
from functions.domain.month import Month, format_instant
from functions.domain.wording import counted
from functions.errors import BadCredits
from functions.partners import CREDITS_RECEIVER

# The receiver states 5 MB, not whether that is 10^6 or 2^20: the smaller one suits both.
MOST_BYTES = 5_000_000
FEWER_ROWS = (
    ". Leave out accounts with $0.00; if that is not enough, split the accounts over two AnyCost "
    "Stream connections, an environment each"
)
CREDIT, DESCRIPTION, SERVICE = "Credit", "Monthly MAP Credit", "AWSCredits"
ACCOUNT, COST, START = "resource/account", "cost/cost", "time/usage_start"
TYPE, _DESCRIPTION = "lineitem/type", "lineitem/description"
_END, _SERVICE = "time/usage_end", "resource/service"
_WRITTEN = {TYPE, START, _END, ACCOUNT, _SERVICE, COST}

Row = Mapping[str, Any]


def credit_rows(month: Month, amounts: Iterable[tuple[str, Decimal]]) -> list[dict[str, str]]:
    """Return a row per account; a credit lowers the bill, so its cost is negative."""
    start, end = format_instant(month.start), format_instant(month.last_second())
    return [
        {
            TYPE: CREDIT,
            _DESCRIPTION: DESCRIPTION,
            START: start,
            _END: end,
            ACCOUNT: account,
            _SERVICE: SERVICE,
            COST: f"{cents(amount.copy_negate())}",
        }
        for account, amount in amounts
    ]


def is_own(row: Row) -> bool:
    """Return True for a credit of this pipeline. A column that is not shown says nothing.

    Without its description only what we never write tells another's.
    """
    known = ((_DESCRIPTION, DESCRIPTION), (_SERVICE, SERVICE))
    if row.get(TYPE) != CREDIT or any(row.get(name) not in (None, "", own) for name, own in known):
        return False
    said = {name for name, value in row.items() if "/" in name and text_of(name, value).strip()}
    start = text_of(START, row.get(START))[len("YYYY-MM") :]
    as_written = said <= _WRITTEN and start in ("", "-01T00:00:00Z")
    return row.get(_DESCRIPTION) == DESCRIPTION or as_written


def plain_number(text: str) -> str:
    """Return a number without an exponent, exactly; what money cannot be stays as it is."""
    found = number(text)
    return text if found is None else f"{found:f}"


def as_posted(month: Month, rows: Iterable[Row], where: str = "stored") -> list[dict[str, str]]:
    """Return rows that were read as they can be posted again; BadCredits for one that cannot.

    A column of the Common Bill Format is named `group/name`; others are the receiver's own remarks.
    A blank column says no more than none, and a row without a start is of the month it is shown in.
    """
    posted = []
    for at, row in enumerate(rows, 1):
        texts = {name: text_of(name, value) for name, value in row.items() if "/" in name}
        cost, start = row.get(COST), texts.get(START, "").strip() or format_instant(month.start)
        if number(cost) is None:
            raise BadCredits(f"{where} row {at}: {COST} {shown(cost)} is not a number")
        if not start.startswith(f"{month}-"):
            raise BadCredits(f"{where} row {at}: {START} {shown(start)} is not in {month}")
        posted.append({START: start} | {name: text for name, text in texts.items() if text.strip()})
    return posted


def text_of(name: str, value: object) -> str:
    """Return a column as it may be posted: a text, numbers without exponents, times in UTC."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return msgspec.json.encode(value).decode()
    text = str(value)
    if name == ACCOUNT and (not isinstance(value, str) or re.fullmatch(r"[0-9]+\.0+", text)):
        found = number(value)
        return text if found is None or found % 1 else f"{int(found):012d}"
    if name.startswith("time/"):
        return _time(text)
    return plain_number(text) if name.startswith(("cost/", "usage/amount")) else text


def _time(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
        return format_instant(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return text


def drop_body(month: Month, rows: Sequence[Row], advice: str = FEWER_ROWS) -> bytes:
    """Return the request body that replaces a month; BadCredits if it is too large."""
    request = {"month": format_instant(month.start), "operation": "replace_drop", "data": rows}
    body = msgspec.json.encode(request)
    if len(body) >= MOST_BYTES:
        raise BadCredits(
            f"{month} has {counted(len(rows), 'row')}, {len(body):,} bytes as a request; "
            f"{CREDITS_RECEIVER} takes less than {MOST_BYTES:,} bytes and replaces a month in one "
            f"request{advice}"
        )
    return body
