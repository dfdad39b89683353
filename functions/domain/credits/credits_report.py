"""What an execution of the credits pipeline reports: as JSON, as a page, and by mail."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import msgspec

from functions.domain.credits.contents import Totals
from functions.domain.credits.drop import Drop, Source
from functions.domain.credits.file import Repeated
from functions.domain.mails import Place, execution_link, object_link, start, subject
from functions.domain.templates import Listing, Page, Table, render
from functions.domain.wording import counted, some
from functions.partners import CREDITS_RECEIVER

_NAMED = 5
_MOST, _LONGEST = 60, 20_000  # a file is refused with up to a hundred lines in one text
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
    undone = (
        f"{last.month}: an undo was started after this upload and counts; if the upload is to "
        f"count, {source.again}"
    )
    month = MonthReport(
        billing_month=last.month,
        status="superseded",
        message=message,
        warnings=[undone] if (newer.kind, source.kind) == ("snapshot", "upload") else [],
    )
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


class Ended(NamedTuple):
    """How a run has ended. `said`: all that it reports, a sentence each. `report`: its key."""

    file: str
    months: Sequence[MonthReport]
    error: str
    said: Sequence[str]
    report: str | None


def mail(execution: str, name: str, ended: Ended, place: Place) -> tuple[str, str]:
    """Return subject and body of a run's mail."""
    failed = [month for month in ended.months if month.error]
    became = "not posted" if all(month.posted is False for month in failed) else "not verified"
    wrong = f"{counted(len(failed), 'month')} of {len(ended.months)} {became}, {ended.error}"
    said = wrong if failed else f"not posted, {ended.error}" if ended.error else "needs review"
    head = f"Credits {ended.file}: {said}"
    body = render(
        Path(__file__).with_name("mail.txt"),
        head=head,
        environment=place.environment,
        file=ended.file,
        run=name,
        status=f"FAILED with {ended.error}" if ended.error else "SUCCEEDED",
        lines=[text[:_LONGEST] for text in some(ended.said, _MOST)],
        steps=list(_steps(execution, ended, place)),
        report=ended.report and object_link(place.bucket, ended.report, place.region),
        link=execution_link(execution),
    )
    return subject(f"[{place.environment}] {head}"), body


def _steps(execution: str, ended: Ended, place: Place) -> Iterator[str]:
    if any(month.error == "DropHeld" for month in ended.months):
        restored = ended.file.startswith("snapshots/")
        what = {"restore": ended.file} if restored else {"bucket": place.bucket, "key": ended.file}
        given = {**what, "accept_shrink": True}
        yield f"post what is held, if it is meant:\n  {start(execution, given)}"
    for month in ended.months:
        if month.undo and (month.posted is not False or not month.error):
            yield f"put {month.billing_month} back:\n  {start(execution, month.undo)}"
    if ended.error:
        yield f"read {place.runbook}, section {ended.error}"
    elif ended.said:
        yield f"read {place.runbook}"
