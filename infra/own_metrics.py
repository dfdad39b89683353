"""The metrics that the functions emit, as alarms and dashboard watch them."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from functions.domain.plan import Plan
from functions.metrics import Metric

SUM, MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
FIVE_MINUTES, HOUR = Duration.minutes(5), Duration.hours(1)


@dataclass(frozen=True)
class OwnMetrics:
    """The metrics of one pipeline in one environment."""

    namespace: str
    pipeline: str

    @property
    def settings(self) -> dict[str, str]:
        """What Powertools reads to emit them."""
        return {
            "POWERTOOLS_SERVICE_NAME": self.pipeline,
            "POWERTOOLS_METRICS_NAMESPACE": self.namespace,
        }

    def of(
        self, metric: Metric, statistic: str, period: Duration, plan: Plan | None = None
    ) -> cloudwatch.Metric:
        """Return a metric, with the plan as a dimension where it has that one."""
        of_plan = {"plan": plan.key} if plan and metric.per_plan else {}
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=metric.name,
            dimensions_map={"service": self.pipeline, **of_plan},
            statistic=statistic,
            period=period,
        )
