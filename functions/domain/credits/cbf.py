"""Rows of the Common Bill Format (CBF): written from credits, read back as what is stored."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from functions.domain.credits.amount import EXACT
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
# A binary fraction of a cent or more, written out in full, has at most 59 decimals.
_CENT, _MOST_DIGITS, _MOST_DECIMALS = Decimal("0.01"), 60, 60
CREDIT, DESCRIPTION, SERVICE = "Credit", "Monthly MAP Credit", "AWSCredits"
_ACCOUNT, _COST, _START = "resource/account", "cost/cost", "time/usage_start"
_TYPE, _DESCRIPTION = "lineitem/type", "lineitem/description"
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")

Row = Mapping[str, Any]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A month in numbers; the total in US dollars, credits positive."""

    row_count: int
    unique_accounts: int
    total_credit_usd: str


class Line(NamedTuple):
    """What is compared of a row: account, and cost in US dollars to the cent, credits negative."""

    account: str
    cost: Decimal


class Contents(NamedTuple):
    """A month's rows as far as money is concerned.

    `cost` is the exact total. `unreadable` counts costs that are not numbers, `foreign` rows that
    are not credits of this pipeline; `own` are those that are. `named`: the types and months that
    the rows name.
    """

    lines: Counter[Line]
    cost: Decimal
    unreadable: int
    foreign: int
    own: Counter[Line]
    named: frozenset[str]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.lines.total() + self.unreadable

    @property
    def credit(self) -> Decimal:
        """The total in US dollars to the cent, credits positive."""
        return _cents(self.cost.copy_negate())

    @property
    def totals(self) -> Totals:
        """The rows in numbers."""
        return Totals(
            row_count=self.rows,
            unique_accounts=len({line.account for line in self.lines}),
            total_credit_usd=f"{self.credit:.2f}",
        )

    @property
    def digest(self) -> str:
        """The same for the same money on the same accounts, in whatever order."""
        return _digest(self.lines)

    def holds(self, digest: str) -> bool:
        """Return True if rows of this digest are here, perhaps with others' beside them."""
        return digest in (self.digest, _digest(self.own))

    def shows(self, posted: Contents) -> bool:
        """Return True if these are the posted rows, to the cent, in whatever order.

        Rows of 0.00 may be missing: a partner that keeps none has lost no money. So may columns,
        but none may name another type or month.
        """
        missing, unexpected = posted.lines - self.lines, self.lines - posted.lines
        same_money = not unexpected and not any(line.cost for line in missing)
        same = same_money and self.credit == posted.credit and self.named <= posted.named
        return same and not self.unreadable


def credit_rows(month: Month, amounts: Iterable[tuple[str, Decimal]]) -> list[dict[str, str]]:
    """Return a row per account; a credit lowers the bill, so its cost is negative."""
    start, end = format_instant(month.start), format_instant(month.last_second)
    return [
        {
            _TYPE: CREDIT,
            _DESCRIPTION: DESCRIPTION,
            _START: start,
            "time/usage_end": end,
            _ACCOUNT: account,
            "resource/service": SERVICE,
            _COST: f"{_cents(amount.copy_negate())}",
        }
        for account, amount in amounts
    ]


def plain_number(text: str) -> str:
    """Return a number without an exponent, exactly; what money cannot be stays as it is."""
    number = _number(text)
    return text if number is None else f"{number:f}"


def as_posted(month: Month, rows: Iterable[Row], where: str = "stored") -> list[dict[str, str]]:
    """Return rows that were read as they can be posted again; BadCredits for one that cannot.

    A column of the Common Bill Format is named `group/name`; others are the receiver's own remarks.
    A blank column says no more than none.
    """
    posted = []
    for number, row in enumerate(rows, 1):
        texts = {name: _text(name, value) for name, value in row.items() if "/" in name}
        cost, start = row.get(_COST), texts.get(_START, "")
        if _number(cost) is None:
            raise BadCredits(f"{where} row {number}: {_COST} {shown(cost)} is not a number")
        if not start.startswith(f"{month}-"):
            raise BadCredits(f"{where} row {number}: {_START} {shown(start)} is not in {month}")
        posted.append({name: text for name, text in texts.items() if text.strip()})
    return posted


def _text(name: str, value: object) -> str:
    """Return a column as it may be posted: a text, numbers without exponents, times in UTC."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return msgspec.json.encode(value).decode()
    text = str(value)
    if name == _ACCOUNT and (not isinstance(value, str) or re.fullmatch(r"[0-9]+\.0+", text)):
        number = _number(value)
        return text if number is None or number % 1 else f"{int(number):012d}"
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


def read_rows(rows: Iterable[Row]) -> Contents:
    """Read rows as the receiver returns them: costs are texts, perhaps numbers."""
    lines, own, named = Counter[Line](), Counter[Line](), set[str]()
    total, unreadable, foreign = Decimal(0), 0, 0
    for row in rows:
        cost, ours = _number(row.get(_COST)), _is_own(row)
        if cost is None:
            unreadable += 1
        else:
            total = EXACT.add(total, cost)
            line = Line(_text(_ACCOUNT, row.get(_ACCOUNT)), _cents(cost))
            lines[line] += 1
            own[line] += ours
        foreign += not ours
        month = _time(str(row.get(_START) or ""))[: len("YYYY-MM")]
        named |= {str(row.get(_TYPE) or "").casefold(), month if _MONTH.fullmatch(month) else ""}
    return Contents(lines, total, unreadable, foreign, +own, frozenset(named - {""}))


def _is_own(row: Row) -> bool:
    """Return True for a credit of this pipeline. A column that is not shown says nothing."""
    known = ((_DESCRIPTION, DESCRIPTION), ("resource/service", SERVICE))
    return row.get(_TYPE) == CREDIT and all(row.get(name) in (None, "", own) for name, own in known)


def _digest(lines: Counter[Line]) -> str:
    texts = sorted(f"{line.account} {line.cost}" for line in lines.elements() if line.cost)
    return hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()


def _cents(amount: Decimal) -> Decimal:
    """Return an amount to the cent. Adding 0 makes a plain zero of a negative one."""
    return EXACT.add(EXACT.quantize(amount, _CENT), Decimal(0))


def _number(value: object) -> Decimal | None:
    """Return a number; None where it is not one that money can be."""
    try:
        number = Decimal(str(value).replace("_", "?"))  # which Python takes within a number
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN and infinities
        return None
    return number if exponent >= -_MOST_DECIMALS and number.adjusted() < _MOST_DIGITS else None


def differences(posted: Contents, stored: Contents, most: int = 5) -> str:
    """Return in what the stored rows differ from the posted ones; nothing if they agree."""
    if stored.shows(posted):
        return ""
    sides = (("stored", stored), ("posted", posted))
    found = [f"{side}: {counted(of.rows, 'row')}, {of.credit} USD of credits" for side, of in sides]
    for name, lines in (
        ("missing", posted.lines - stored.lines),
        ("unexpected", stored.lines - posted.lines),
    ):
        named = ", ".join(
            f"{line.account} {_cents(line.cost.copy_negate())}" for line in sorted(lines)[:most]
        )
        if named:
            found.append(f"{name}: {named} ({lines.total()} in all)")
    if other := ", ".join(sorted(stored.named - posted.named)):
        found.append(f"stored rows are of {other}")
    if stored.unreadable:
        found.append(f"{counted(stored.unreadable, 'stored row')} without a number as its cost")
    return "; ".join(found)
