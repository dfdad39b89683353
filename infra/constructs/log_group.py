"""Log groups with a stated life time."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
}


class LogGroup(logs.LogGroup):
    """Expires after ``days``; nothing that has to be proven later stands in a log."""

    def __init__(self, scope: Construct, id_: str, *, days: int, name: str | None = None) -> None:
        """Go with the stack: the ledger and the reports are the evidence, not the logs."""
        super().__init__(
            scope,
            id_,
            log_group_name=name,
            retention=RETENTION[days],
            removal_policy=RemovalPolicy.DESTROY,
        )
