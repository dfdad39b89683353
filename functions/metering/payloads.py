"""What crosses each arrow of statemachines/metering.asl.json. The only place with JSON names.

Nothing here grows with the number of files or contracts: those are behind S3 keys.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from functions.domain.month import Month
from functions.domain.months_due import Waiting
from functions.domain.plan import Plan
from functions.domain.run_files import MonthUsage
from functions.payloads import Problem

MOST_CONTRACTS = 100


class ExecutionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person or the schedule passes to an execution."""

    plan: str | None = None
    months: list[str] | None = None
    contracts: list[str] | None = None
    retry_errors: bool = False
    dry_run: bool | None = None
    max_months: int | None = None
    as_of: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's settled terms: the plan's configuration as it was when the run began."""

    plan: Plan
    execution: str
    name: str
    as_of: str
    months: list[str] | None
    contracts: list[str] | None
    retry_errors: bool
    dry_run: bool
    max_months: int


class RunTask(msgspec.Struct, frozen=True):
    """Input of PlanMonths."""

    run: Run


class Planned(msgspec.Struct, frozen=True):
    """Output of PlanMonths."""

    months: list[str]
    waiting: list[Waiting]


class MonthTask(msgspec.Struct, frozen=True, kw_only=True):
    """Input of ListUsage."""

    run: Run
    month: str

    @property
    def of(self) -> Month:
        """The month as a value."""
        return Month.parse(self.month)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Output of ListUsage: where the partitions are listed."""

    partitions_key: str
    partitions: int
    files: int
    size: int
    warnings: list[str]


class Partition(msgspec.Struct, frozen=True):
    """One item of the partition map: its number and where its files are listed."""

    index: int
    key: str


class PartitionTask(MonthTask, frozen=True, kw_only=True):
    """Input of AggregatePartition."""

    partition: Partition


class ListedMonth(MonthTask, frozen=True, kw_only=True):
    """Input of MergeUsage."""

    listed: Listing


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Output of MergeUsage: where the month's bill and the contracts to process are."""

    bill_key: str
    contracts_key: str
    to_process: int


class MergedMonth(MonthTask, frozen=True, kw_only=True):
    """Input of PreviewMonth and CloseMonth."""

    merged: Merged


class ContractItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the contract map.

    `retry`: its recorded error is to be tried again. `failure`: why it has no quantities.
    `without_usage`: only the ledger or the state file knows of it, the month's files do not.
    """

    contract_id: str
    quantities: dict[str, str]
    retry: bool = False
    failure: str | None = None
    without_usage: bool = False


class ContractTask(MonthTask, frozen=True, kw_only=True):
    """Input of ClaimContract, SubmitContract, RecordSuccess and RecordError."""

    contract: ContractItem
    problem: Problem | None = None


class Claimed(msgspec.Struct, frozen=True):
    """Output of ClaimContract: what is left to do."""

    action: Literal["submit", "record_success", "record_error", "nothing"]


class Recorded(msgspec.Struct, frozen=True):
    """Output of RecordSuccess and RecordError."""

    contract_id: str
    outcome: str


class ClosedMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Output of CloseMonth and PreviewMonth: one month in numbers.

    `attention` names the first contracts that need a person, with the code of their error.
    """

    month: str
    files: int
    records: int
    contracts: int
    entries: int
    skipped: int
    submitted: int = 0
    submitted_records: int = 0
    errors: int = 0
    closed: bool = False
    report: str
    ledger: str | None = None
    attention: list[str] = []
    quarantined: int
    duplicates: int
    dry_run: bool = False
    warnings: list[str]

    @classmethod
    def of(cls, month: str, usage: MonthUsage, **outcome: Any) -> ClosedMonth:
        """Return a month's numbers from its bill and what came of it."""
        contracts = usage.bill.contracts
        return cls(
            month=month,
            files=usage.files,
            records=usage.records,
            contracts=len(contracts),
            entries=sum(len(bill.usage) for bill in contracts),
            skipped=sum(bill.contract_id not in usage.processed for bill in contracts),
            quarantined=len(usage.bill.quarantined),
            duplicates=usage.duplicates,
            warnings=[warning[:500] for warning in usage.warnings[:5]],
            **outcome,
        )


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """Input of ReleasePlan: everything the run knows, whichever way it ended."""

    run: Run
    planned: Planned | None = None
    months: list[ClosedMonth] = []
    failure: Problem | None = None
