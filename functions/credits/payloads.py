"""What crosses each arrow of statemachines/credits.asl.json. The only place with JSON names.

Nothing here grows with the number of rows: those are behind S3 keys. Amounts are texts in US
dollars, credits positive.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from functions.domain.drop import Source
from functions.domain.month import Month
from functions.payloads import Problem


class ExecutionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the upload's event or a person passes to an execution."""

    bucket: str | None = None
    key: str | None = None
    restore: str | None = None
    accept_shrink: bool = False
    as_of: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's settled terms. `turn` counts how often the file was read anew."""

    connection: str
    execution: str
    name: str
    started: str
    as_of: str
    key: str | None
    restore: str | None
    accept_shrink: bool
    turn: int = 1

    @property
    def file(self) -> str:
        """What is being posted: a credits file, or a snapshot."""
        return self.key or self.restore or ""


class RunTask(msgspec.Struct, frozen=True):
    """Input of ParseCredits and ReadSnapshot."""

    run: Run


class DropItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the month map: where the request body is, and what it comes to.

    `may_shrink`: replacing much by little is meant.
    """

    month: str
    may_shrink: bool
    body_key: str
    digest: str
    row_count: int
    unique_accounts: int
    total_credit_usd: str
    source: Source


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """Output of ParseCredits and ReadSnapshot. `superseded`: something newer was posted."""

    version: str
    drops: list[DropItem]
    superseded: list[PostedMonth]


class DropTask(RunTask, frozen=True, kw_only=True):
    """Input of ValidateDrop and SnapshotDrop."""

    drop: DropItem

    @property
    def of(self) -> Month:
        """The month as a value."""
        return Month.parse(self.drop.month)


class Validated(msgspec.Struct, frozen=True):
    """Output of ValidateDrop."""

    warnings: list[str]


class Snapshot(msgspec.Struct, frozen=True):
    """Output of SnapshotDrop: what the month held is kept under `key`, if it is to be replaced.

    `differed`: it held something else, so that seeing the new rows will prove that they arrived.
    """

    is_stored: bool
    key: str | None
    differed: bool


class PostTask(DropTask, frozen=True, kw_only=True):
    """Input of PostDrop."""

    snapshot: Snapshot


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """Output of PostDrop."""

    drop_id: str | None
    warnings: list[str] = []


class VerifyTask(PostTask, frozen=True, kw_only=True):
    """Input of VerifyDrop. Nothing was posted where the month was stored already."""

    validated: Validated
    posted: Posted | None = None


class PostedMonth(msgspec.Struct, frozen=True, kw_only=True):
    """One month in the output of an execution and in its report."""

    billing_month: str
    status: Literal["verified", "superseded", "failed"]
    posted: bool = False
    row_count: int = 0
    unique_accounts: int = 0
    total_credit_usd: str = "0.00"
    drop_id: str | None = None
    snapshot: str | None = None
    error: str = ""
    message: str = ""
    warnings: list[str] = []


class MonthEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Output of an iteration of the month map: verified, unless there is a problem."""

    drop: DropItem
    snapshot: Snapshot | None = None
    posted: Posted | None = None
    drop_id: str | None = None
    warnings: list[str] = []
    problem: Problem | None = None


class ReportTask(RunTask, frozen=True, kw_only=True):
    """Input of ReportCredits."""

    parsed: Parsed
    months: list[MonthEnd]


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """Output of ReportCredits. `outdated`: the file was uploaded again meanwhile."""

    outdated: bool
    next_round: Run
    months: list[PostedMonth]
    duplicates: int
    warnings: list[str]
    report: str


class Finish(RunTask, frozen=True, kw_only=True):
    """Input of ReleaseStream: everything the run knows, whichever way it ended."""

    reported: Reported | None = None
    failure: Problem | None = None
