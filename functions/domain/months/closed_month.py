"""A month in numbers, as a run has billed, previewed or compared it."""

from typing import Any, Self

import msgspec

from functions.domain.usage.month_usage import MonthUsage
from functions.domain.wording import counted


class ClosedMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Output of CloseMonth, PreviewMonth and the reports: one month in numbers.

    Each contract is one of `submitted` (something that this execution sent is accepted), `errors`,
    `open` (unaccounted for, or late) or `skipped`. `to_submit`: what a dry run would send.
    `changed`: usage is not what was billed any more. `totals`: by dimension, of a running month.
    `checks`: what a dry run has looked at with nothing wrong. `reconciled`: how a billed month
    compares with the receiver's records; its usage is not read for that. `unknown`: which of
    the contracts that were asked for the month knows nothing of; names may be long.
    """

    month: str
    files: int = 0
    records: int = 0
    contracts: int
    entries: int = 0
    submitted: int = 0
    submitted_records: int = 0
    skipped: int = 0
    open: int = 0
    errors: int = 0
    to_submit: int = 0
    to_submit_records: int = 0
    closed: bool = False
    report: str
    ledger: str | None = None
    quarantined: int = 0
    duplicates: int = 0
    dry_run: bool = False
    late: bool = False
    changed: bool = False
    so_far: bool = False
    totals: dict[str, str] = {}
    warnings: list[str] = []
    checks: list[str] = []
    reconciled: str = ""
    unknown: list[int] = []

    @classmethod
    def of(cls, month: str, usage: MonthUsage, **outcome: Any) -> Self:
        """Return a month's numbers from its bill and its outcome; the rest was skipped."""
        contracts = outcome.pop("contracts", len(usage.bill.contracts))
        counted = ("submitted", "to_submit", "open", "errors")
        return cls(
            month=month,
            files=usage.files,
            records=usage.records,
            contracts=contracts,
            entries=sum(len(bill.usage) for bill in usage.bill.contracts),
            skipped=contracts - sum(outcome.get(name, 0) for name in counted),
            quarantined=len(usage.bill.quarantined),
            duplicates=usage.duplicates,
            warnings=[warning[:500] for warning in usage.warnings[:5]],
            **outcome,
        )

    @property
    def would_send(self) -> str:
        """Say what a dry run would have sent."""
        records = counted(self.to_submit_records, "record")
        return f"{self.month}: would send {records} of {counted(self.to_submit, 'contract')}"
