"""Every metric of the pipelines, declared once: functions emit them, alarms and dashboard watch.

A metric with `per_plan` has the dimension `plan` beside the service.
"""

from typing import NamedTuple

from aws_lambda_powertools.metrics import MetricUnit, single_metric


class Metric(NamedTuple):
    """A metric by name, with what it counts."""

    name: str
    counts: str
    per_plan: bool = False

    def add(self, value: float, plan: str = "") -> None:
        """Emit one value; of a plan where the metric has that dimension."""
        with single_metric(name=self.name, unit=MetricUnit.Count, value=value) as metric:
            if self.per_plan:
                metric.add_dimension("plan", plan)


METERING = (
    RUNS := Metric("Runs", "runs of a plan that ended, well or not", per_plan=True),
    MONTHS_UNCLOSED := Metric(
        "MonthsUnclosed", "months that are over and not closed", per_plan=True
    ),
    CONTRACTS_OPEN := Metric("ContractsOpen", "contracts that are not billed", per_plan=True),
    MONTHS_CLOSED := Metric("MonthsClosed", "months that were closed"),
    RECORDS_ACCEPTED := Metric("RecordsAccepted", "records that a run sent and that were accepted"),
    CONTRACTS_BILLED := Metric("ContractsBilled", "contracts that a run has billed"),
    CONTRACTS_IN_ERROR := Metric("ContractsInError", "contracts that are an error"),
    QUARANTINED := Metric("TotalsQuarantined", "totals of usage without a payer"),
    LATE_USAGE := Metric("LateUsage", "months whose usage changed after it was billed"),
    RECONCILIATION_DIFFERS := Metric(
        "ReconciliationDiffers", "contracts whose records at Clazar are not those of the ledger"
    ),
)
CREDITS = (
    ROWS_VERIFIED := Metric("RowsVerified", "rows of credits that were read back equal"),
    CREDITS_HELD := Metric("CreditsHeld", "months of credits that wait for a decision"),
    STREAM_WAITING := Metric("StreamWaiting", "tries of files that have waited for an hour"),
)
