"""Rows of CloudZero's Common Bill Format: written from credits, read back as what is stored."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from functions.domain.amount import EXACT
from functions.domain.month import Month, format_instant

# CloudZero states 5 MB, not whether that is 10^6 or 2^20: the smaller one suits both.
MOST_BYTES = 5_000_000
_CENT, _MOST_DIGITS, _MOST_DECIMALS = Decimal("0.01"), 60, 30
CREDIT, DESCRIPTION, SERVICE = "Credit", "Monthly MAP Credit", "AWSCredits"

Row = Mapping[str, Any]


class Line(NamedTuple):
    """What is compared of a row: account, and cost in US dollars to the cent, credits negative."""

    account: str
    cost: Decimal


class Contents(NamedTuple):
    """A month's rows as far as money is concerned.

    `cost` is the exact total. `unreadable` counts costs that are no numbers, `foreign` rows that
    are no credits of this pipeline.
    """

    lines: Counter[Line]
    cost: Decimal
    unreadable: int
    foreign: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.lines.total() + self.unreadable

    @property
    def credit(self) -> Decimal:
        """The total in US dollars to the cent, credits positive."""
        return _cents(self.cost.copy_negate())

    @property
    def accounts(self) -> int:
        """How many different accounts there are."""
        return len({line.account for line in self.lines})

    @property
    def digest(self) -> str:
        """The same for the same lines, in whatever order."""
        lines = sorted(f"{account} {cost}" for account, cost in self.lines.elements())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def same_as(self, other: Contents) -> bool:
        """Say whether accounts, rows and total agree, to the cent."""
        mine = (self.lines, self.credit, self.unreadable)
        return mine == (other.lines, other.credit, other.unreadable)


def credit_rows(month: Month, amounts: Iterable[tuple[str, Decimal]]) -> list[dict[str, str]]:
    """Return a row per account; a credit lowers the bill, so its cost is negative."""
    start, end = format_instant(month.start), format_instant(month.last_second)
    return [
        {
            "lineitem/type": CREDIT,
            "lineitem/description": DESCRIPTION,
            "time/usage_start": start,
            "time/usage_end": end,
            "resource/account": account,
            "resource/service": SERVICE,
            "cost/cost": f"{_cents(amount.copy_negate())}",
        }
        for account, amount in amounts
    ]


def as_posted(row: Row) -> dict[str, Any]:
    """Return a row that was read as it may be posted: texts, no empty columns, no exponents.

    A column of the Common Bill Format is named `group/name`; others are CloudZero's own remarks.
    """
    return {
        name: value if isinstance(value, str) else f"{Decimal(str(value)):f}"
        for name, value in row.items()
        if value is not None and "/" in name
    }


def drop_body(month: Month, rows: Sequence[Row]) -> bytes:
    """Return the request body that replaces a month by these rows."""
    request = {"month": format_instant(month.start), "operation": "replace_drop", "data": rows}
    return msgspec.json.encode(request)


def read_rows(rows: Iterable[Row]) -> Contents:
    """Read rows as CloudZero returns them: costs are texts, perhaps numbers."""
    lines: Counter[Line] = Counter()
    total, unreadable, foreign = Decimal(0), 0, 0
    for row in rows:
        cost = _cost(row.get("cost/cost"))
        if cost is None:
            unreadable += 1
        else:
            total = EXACT.add(total, cost)
            lines[Line(str(row.get("resource/account") or ""), _cents(cost))] += 1
        ours = row.get("lineitem/type") == CREDIT
        foreign += not (ours and row.get("resource/service") in (None, "", SERVICE))
    return Contents(lines, total, unreadable, foreign)


def _cents(amount: Decimal) -> Decimal:
    """Return an amount to the cent. Adding 0 makes a plain zero of a negative one."""
    return EXACT.add(EXACT.quantize(amount, _CENT), Decimal(0))


def _cost(value: object) -> Decimal | None:
    """Return a cost; None where it is no number that money can be."""
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        return None
    exponent = cost.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN and infinities
        return None
    return cost if exponent >= -_MOST_DECIMALS and cost.adjusted() < _MOST_DIGITS else None


def differences(posted: Contents, stored: Contents, most: int = 5) -> str:
    """Say in what the stored rows differ from the posted ones; nothing if they agree."""
    if stored.same_as(posted):
        return ""
    sides = (("stored", stored), ("posted", posted))
    found = [f"{side}: {of.rows} rows, {of.credit} USD of credits" for side, of in sides]
    for name, lines in (
        ("missing", posted.lines - stored.lines),
        ("unexpected", stored.lines - posted.lines),
    ):
        named = ", ".join(
            f"{line.account} {_cents(line.cost.copy_negate())}" for line in sorted(lines)[:most]
        )
        if named:
            found.append(f"{name}: {named} ({lines.total()} in all)")
    if stored.unreadable:
        found.append(f"{stored.unreadable} stored rows have a cost that is no number")
    return "; ".join(found)
