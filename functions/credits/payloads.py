"""What crosses each arrow of statemachines/credits.asl.json. The only place with JSON names.

Nothing here grows with the number of rows: those are behind S3 keys. Amounts are texts in US
dollars, credits positive.
"""

import json

import msgspec

from functions.domain.credits.contents import Totals
from functions.domain.credits.credits_report import MonthReport
from functions.domain.credits.drop import Drop, Source
from functions.domain.month import Month
from functions.payloads import Problem


class ExecutionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the upload's event or an operator passes to an execution."""

    bucket: str | None = None
    key: str | None = None
    restore: str | None = None
    accept_shrink: bool = False
    as_of: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's settled terms."""

    connection: str
    execution: str
    name: str
    started: str
    as_of: str
    key: str | None
    restore: str | None
    accept_shrink: bool

    @property
    def file(self) -> str:
        """What is being posted: a credits file, or a snapshot."""
        return self.key or self.restore or ""

    @property
    def accepting(self) -> str:
        """The execution input that posts the same although it would be held."""
        given = {"restore" if self.restore else "key": self.file, "accept_shrink": True}
        return json.dumps(given, ensure_ascii=False)


class RunTask(msgspec.Struct, frozen=True):
    """Input of ParseCredits."""

    run: Run


class DropItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the month map: where the request body is, and its totals.

    `accepted`: an operator said that it may replace whatever is there. `doubts`: what the rows may
    be instead of the month's credits.
    """

    month: str
    source: Source
    body_key: str
    digest: str
    totals: Totals
    accepted: bool
    doubts: list[str] = []


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """Output of ParseCredits, empty where it failed. `superseded`: something newer was posted."""

    version: str = ""
    drops: list[DropItem] = []
    superseded: list[MonthReport] = []


class DropTask(RunTask, frozen=True, kw_only=True):
    """Input of SnapshotDrop."""

    drop: DropItem

    @property
    def of(self) -> Month:
        """The month as a value."""
        return Month.parse(self.drop.month)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Output of SnapshotDrop, empty where it failed. `held`: what CloudZero shows, if counted.

    `key`: where the rows are kept. `is_stored`: nothing is left to be posted. `reasons`: why the
    month must not be replaced. `differed`: it held something else, so that seeing the new rows will
    prove that they arrived.
    `unseen`: what had been posted last, if CloudZero does not show it: the rows are no way back.
    `lost`: why they are none, although an operator has accepted that the month is replaced;
    `overridden`: all reasons that were accepted.
    """

    held: Totals | None = None
    is_stored: bool = False
    reasons: str = ""
    key: str | None = None
    differed: bool = False
    unseen: Drop | None = None
    lost: str = ""
    overridden: str = ""


class PostTask(DropTask, frozen=True, kw_only=True):
    """Input of PostDrop."""

    snapshot: Snapshot


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """Output of PostDrop. Nothing is `posted` where the month was stored already; null: perhaps."""

    posted: bool | None = True
    drop_id: str | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Output of VerifyDrop: what CloudZero holds."""

    held: Totals
    warnings: list[str] = []


class MonthEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Output of an iteration of the month map: verified, unless there is a problem."""

    drop: DropItem
    snapshot: Snapshot = Snapshot()
    posted: Posted = Posted(posted=None)
    verified: Verified | None = None
    problem: Problem | None = None


class ReportTask(RunTask, frozen=True, kw_only=True):
    """Input of ReportCredits: everything the run knows, whichever way it ended."""

    parsed: Parsed = Parsed()
    months: list[MonthEnd] = []
    failure: Problem | None = None
