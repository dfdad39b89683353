"""What an execution of the credits pipeline reports, in numbers and in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import msgspec

from functions.domain.credits.contents import Totals
from functions.domain.credits.drop import Drop, Source
from functions.domain.credits.file import Repeated
from functions.domain.templates import Listing, Page, Table
from functions.domain.wording import counted
from functions.partners import CREDITS_RECEIVER

_NAMED = 5
_MONTHS = ("month", "status", "posted", "rows", "accounts", "credits USD", "drop")
_REPEATED = ("account", "line", "counted USD", "skipped USD")


class MonthReport(msgspec.Struct, frozen=True, kw_only=True):
    """One month: the numbers are what the receiver holds now, null where that is not known.

    Those of a superseded month, which is not read, are what was verified last.

    `posted`: whether this execution has replaced it, null where it may have. `undo`: the input of
    an execution that puts back what was there before.
    """

    billing_month: str
    status: Literal["verified", "superseded", "failed"]
    posted: bool | None = False
    row_count: int | None = None
    unique_accounts: int | None = None
    total_credit_usd: str | None = None
    drop_id: str | None = None
    snapshot: str | None = None
    undo: dict[str, str] | None = None
    error: str = ""
    message: str = ""
    warnings: list[str] = []

    def holding(self, held: Totals | None) -> Self:
        """Return the same with what the receiver holds."""
        return msgspec.structs.replace(self, **msgspec.structs.asdict(held)) if held else self

    def __str__(self) -> str:
        did = {True: "posted", False: "not posted", None: "perhaps posted"}[self.posted]
        said = ": ".join(filter(None, (self.billing_month, self.error, self.message)))
        if self.row_count is None:
            return f"{said}; {did}; what {CREDITS_RECEIVER} holds is not known"
        rows = counted(self.row_count, "row")
        holds = "verified with" if self.status == "superseded" else f"{CREDITS_RECEIVER} holds"
        return f"{said}; {did}; {holds} {rows}, {self.total_credit_usd} USD of credits"


def superseded(last: Drop, source: Source) -> MonthReport:
    """Report a month that is left alone because something newer was posted, or may have been."""
    newer = last.source
    taken = "may have been" if last.state == "posting" else "was"
    message = f"{newer.key} of {newer.at} is newer and {taken} posted; to post this, {source.again}"
    month = MonthReport(billing_month=last.month, status="superseded", message=message)
    return month.holding(last.totals if last.state == "verified" else None)


def attention(repeated: Sequence[Repeated]) -> str:
    """Report that rows with other amounts were skipped: money that nobody has posted."""
    differing = [row for row in repeated if row.differs]
    if not differing:
        return ""
    named = ", ".join(map(_skipped, differing[:_NAMED]))
    more = ", …" if len(differing) > _NAMED else ""
    accounts = counted(len(differing), "repeated account")
    why = "with another amount than the first time; only the first rows count"
    return f"{accounts} {why}: {named}{more}"


def _skipped(row: Repeated) -> str:
    pairs = zip(row.kept, row.skipped, strict=True)
    first, *others = [f"{kept} counts, {left} does not" for kept, left in pairs if kept != left]
    return f"line {row.line} ({row.account}: {first}{', …' if others else ''})"


def alike(months: Iterable[tuple[str, object]]) -> list[str]:
    """Name which months of a file have the same rows; a column may have been copied."""
    by_rows = defaultdict[object, list[str]](list)
    for month, rows in months:
        by_rows[rows].append(month)
    same = (", ".join(names) for names in by_rows.values() if len(names) > 1)
    return [f"the same rows for {names}: was a column copied?" for names in same]


def page(
    file: str, months: Sequence[MonthReport], warnings: Sequence[str], repeated: Sequence[Repeated]
) -> Page:
    """Return the report as a page: what each month holds now, and rows that were skipped."""
    verified = sum(month.status == "verified" for month in months)
    rows = [
        (row.account, str(row.line), "; ".join(row.kept), "; ".join(row.skipped))
        for row in repeated
    ]
    return Page(
        title=f"{file}: {verified} of {counted(len(months), 'month')} verified",
        lines=[f"The numbers are what {CREDITS_RECEIVER} holds now, empty where not known."],
        lists=[
            Listing("What needs an operator", [str(month) for month in months if month.error]),
            Listing("Warnings", warnings),
        ],
        tables=[
            Table("Months", _MONTHS, _MONTHS[3:6], [_cells(month) for month in months]),
            Table("Repeated accounts", _REPEATED, _REPEATED[1:2], rows),
        ],
    )


def _cells(month: MonthReport) -> tuple[str, ...]:
    posted = {True: "yes", False: "no", None: "perhaps"}[month.posted]
    numbers = (month.row_count, month.unique_accounts, month.total_credit_usd)
    texts = ("" if value is None else str(value) for value in numbers)
    return month.billing_month, month.status, posted, *texts, month.drop_id or ""


def encode(report: Mapping[str, Any]) -> bytes:
    """Return indented JSON whose first line holds the first value: `attention`."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=1)
    return text.replace(b"{\n ", b"{", 1)
