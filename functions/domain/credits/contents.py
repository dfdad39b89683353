"""What a month's rows hold as far as money is concerned, and whether two months hold the same."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, Self

import msgspec

from functions.domain.credits.amount import EXACT, cents, number
from functions.domain.credits.cbf import ACCOUNT, COST, START, TYPE, Row, is_own, text_of
from functions.domain.wording import counted

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


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
        return cents(self.cost.copy_negate())

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

    def shows(self, posted: Self) -> bool:
        """Return True if these are the posted rows, to the cent, in whatever order.

        Rows of 0.00 may be missing: a partner that keeps none has lost no money. So may columns,
        but none may name another type or month.
        """
        missing, unexpected = posted.lines - self.lines, self.lines - posted.lines
        same_money = not unexpected and not any(line.cost for line in missing)
        same = same_money and self.credit == posted.credit and self.named <= posted.named
        return same and not self.unreadable


def read_rows(rows: Iterable[Row]) -> Contents:
    """Read rows as the receiver returns them: costs are texts, perhaps numbers."""
    lines, own, named = Counter[Line](), Counter[Line](), set[str]()
    total, unreadable, foreign = Decimal(0), 0, 0
    for row in rows:
        cost, ours = number(row.get(COST)), is_own(row)
        if cost is None:
            unreadable += 1
        else:
            total = EXACT.add(total, cost)
            line = Line(text_of(ACCOUNT, row.get(ACCOUNT)), cents(cost))
            lines[line] += 1
            own[line] += ours
        foreign += not ours
        month = text_of(START, row.get(START))[: len("YYYY-MM")]
        named |= {str(row.get(TYPE) or "").casefold(), month if _MONTH.fullmatch(month) else ""}
    return Contents(lines, total, unreadable, foreign, +own, frozenset(named - {""}))


def _digest(lines: Counter[Line]) -> str:
    texts = sorted(f"{line.account} {line.cost}" for line in lines.elements() if line.cost)
    return hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()


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
            f"{line.account} {cents(line.cost.copy_negate())}" for line in sorted(lines)[:most]
        )
        if named:
            found.append(f"{name}: {named} ({lines.total()} in all)")
    if other := ", ".join(sorted(stored.named - posted.named)):
        found.append(f"stored rows are of {other}")
    if stored.unreadable:
        found.append(f"{counted(stored.unreadable, 'stored row')} without a number as its cost")
    return "; ".join(found)
