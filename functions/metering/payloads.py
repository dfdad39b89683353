"""What crosses each arrow of statemachines/metering.asl.json. The only place with JSON names.

Nothing here grows with the number of files or contracts: those are behind S3 keys.
"""

from typing import Literal

import msgspec

from functions.adapters import keys
from functions.domain.ledger.claim import Action, ContractItem, Terms
from functions.domain.month import Month
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.late_usage import Compared, LateUsage
from functions.domain.months.months_due import Waiting
from functions.domain.months.run import Run
from functions.domain.plan import Plan
from functions.domain.usage.fold import DayRead, Days
from functions.domain.usage.month_usage import MonthUsage
from functions.payloads import Finished, Problem

Purpose = Literal["bill", "compare", "fold", "reconcile"]


class RunTask(msgspec.Struct, frozen=True):
    """Input of ReconcileState, PlanMonths and ResolveContract."""

    run: Run


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """Output of ResolveContract: what became of the contract's month."""

    contract: str
    month: str
    outcome: str
    settled: bool
    message: str


class MonthItem(msgspec.Struct, frozen=True):
    """One item of the month map: what for, and which of its days are read.

    `compare`: what a closed month was billed for, with its duplicates counted as they were then.
    `fold`: the days of the running month so far. `reconcile`: the contracts in the ledger, whose
    names are behind `contracts_key`.
    """

    month: str
    purpose: Purpose
    days: list[str]
    contracts_key: str = ""
    duplicates: str = ""


class Planned(msgspec.Struct, frozen=True):
    """Output of PlanMonths: the months to bill, and all that is read, in order.

    `why`: which month is next, and when, if there is none to bill.
    """

    months: list[str]
    waiting: list[Waiting]
    why: str = ""
    work: list[MonthItem] = []


class MonthTask(RunTask, frozen=True, kw_only=True):
    """What all states of a month take."""

    month: str

    @property
    def of(self) -> Month:
        """The month as a value."""
        return Month.parse(self.month)

    @property
    def root(self) -> str:
        """The prefix of what the execution computes for the month."""
        return keys.run(self.run.plan, self.of, self.run.name, dry_run=self.run.dry_run)

    @property
    def comparisons(self) -> str:
        """The prefix of what was found of each contract's records."""
        return f"{self.root}compared/"

    @property
    def late_usage_key(self) -> str:
        """Where the report of late usage is; that of a dry run is in its own folder."""
        folder = self.root if self.run.dry_run else keys.report(self.run.plan, self.of)
        return f"{folder}late-usage.json"

    def late_usage(self, usage: MonthUsage, compared: Compared, at: str) -> LateUsage:
        """Return the report of what usage would change now."""
        return LateUsage(
            plan=self.run.plan.key,
            month=self.month,
            execution=self.run.execution,
            generated_at=at,
            quarantined=usage.bill.quarantined,
            **compared._asdict(),
        )

    def terms(self, at: str) -> Terms:
        """Return what the run claims with."""
        run = self.run
        final = run.until and f"final usage until {run.until}"
        asked = "retry_errors" if run.retry_errors else final
        return Terms(
            plan=run.plan,
            month=self.month,
            execution=run.execution,
            at=at,
            reason=run.reason or asked or "its entry was removed from error_contracts",
            until=run.until,
        )


class UsageTask(MonthTask, frozen=True, kw_only=True):
    """What the states take that read usage. `duplicates`: how they are counted, if said."""

    duplicates: str = ""

    @property
    def plan(self) -> Plan:
        """The plan as its duplicates are counted in this month."""
        return self.run.plan.counting(self.duplicates)


class DayTask(UsageTask, frozen=True, kw_only=True):
    """Input of FoldDay."""

    day: str


class DaysTask(UsageTask, frozen=True, kw_only=True):
    """Input of MergeUsage, ReportLateUsage and ReportUsageSoFar: a month whose days were read."""

    days: list[str]
    read: list[DayRead | None]

    @property
    def of_days(self) -> Days:
        """The days, as they are added up. A child that was lost has left nothing to go by."""
        found = {read.day: read for read in self.read if read}
        for day, read in found.items():
            if read.cause:
                said = Problem(read.error, read.cause).message
                found[day] = msgspec.structs.replace(read, cause=said)
        lost = DayRead(error="Unknown", cause="see its map run")
        return Days(self.plan, self.of, {day: found.get(day, lost) for day in self.days})


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Output of MergeUsage: where the month's bill and the contracts to process are.

    `state_version`: the ETag of the state file that they were chosen by. `left`: the month is left
    to the next run.
    """

    bill_key: str = ""
    contracts_key: str = ""
    to_process: int = 0
    state_version: str = ""
    left: bool = False


class MergedMonth(MonthTask, frozen=True, kw_only=True):
    """Input of PreviewMonth and CloseMonth."""

    merged: Merged


class ContractTask(MonthTask, frozen=True, kw_only=True):
    """Input of ClaimContract, SubmitContract, RecordError and RecordOpen.

    `state_version`: the state file's ETag when the contract was chosen.
    """

    contract: ContractItem
    state_version: str = ""
    problem: Problem | None = None


class CompareTask(MonthTask, frozen=True, kw_only=True):
    """Input of CompareContract."""

    contract: str


class ReconciledTask(MonthTask, frozen=True, kw_only=True):
    """Input of ReportReconciliation: where the names of the contracts are."""

    contracts_key: str


class Claimed(msgspec.Struct, frozen=True):
    """Output of ClaimContract: what is left to do; for `record_error` the reason."""

    action: Action
    problem: Problem


class Finish(RunTask, frozen=True, kw_only=True):
    """Input of SummarizeRun: everything the run knows, whichever way it ended."""

    planned: Planned = Planned([], [])
    months: list[ClosedMonth | None] = []
    resolved: Resolved | None = None
    failure: Problem | None = None


class Ending(Finished, frozen=True, kw_only=True):
    """Output of SummarizeRun. `journal`: the version of the journal that the message is made of."""

    run: Run
    journal: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Input of ReleasePlan. `notified`: not empty if the message was delivered.

    A run that never began has no terms, and holds nothing.
    """

    run: Run | None = None
    journal: str = ""
    notified: dict[str, bool] = {}
