"""A pipeline's dashboard, and the questions to its logs that are worth keeping."""

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions import metrics
from functions.domain.plan import Plan
from functions.metrics import Metric
from infra.constructs.task_function import TaskFunction

PERIOD = Duration.hours(1)
WIDTH, HEIGHT = 8, 6
Shown = tuple[str, Sequence[cloudwatch.IMetric]]
SUM, MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
# From what the functions log with Powertools: one JSON object per line.
CALLS = "filter message = 'partner called'"
SPEED = (
    CALLS,
    "stats pct(milliseconds, 50) as half, pct(milliseconds, 95) as most by bin(1h)",
)
STATUSES = (CALLS, "stats count(*) as calls by partner, method, status", "sort calls desc")
# Whole hours until 06:00 UTC on the next 1st, from what CloudWatch knows of the time of a value.
_DAYS = (
    "IF(MONTH(t) == 2, IF(FLOOR(YEAR(t) / 4) * 4 == YEAR(t), 29, 28), "
    "IF(MONTH(t) == 4 OR MONTH(t) == 6 OR MONTH(t) == 9 OR MONTH(t) == 11, 30, 31))"
)
HOURS_LEFT = (
    f"IF(DATE(t) == 1 AND HOUR(t) < 6, 6 - HOUR(t), ({_DAYS} - DATE(t)) * 24 + 30 - HOUR(t))"
).replace("(t)", "(FILL(m, 0))")
QUERIES: Mapping[str, tuple[str, ...]] = {
    "one contract's story": (
        "fields @timestamp, function_name, message, month, action",
        "filter contract = 'CONTRACT' or message like 'CONTRACT'",
        "sort @timestamp asc",
    ),
    "one execution": (
        "fields @timestamp, function_name, level, message",
        "filter @message like 'EXECUTION'",
        "sort @timestamp asc",
    ),
    "slow functions": (
        "filter @type = 'REPORT'",
        "stats max(@duration) as longest, max(@maxMemoryUsed) as memory by @log",
        "sort longest desc",
    ),
    "slow partner calls": (
        "fields @timestamp, function_name, partner, method, path, status, milliseconds",
        CALLS,
        "sort milliseconds desc",
        "limit 100",
    ),
    "errors by name": (
        "filter level = 'ERROR' or ispresent(exception_name)",
        "stats count(*) as times by exception_name, message",
        "sort times desc",
    ),
}


class Dashboard(Construct):
    """What has happened and what waits, on one page; widgets for what the pipeline emits."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        namespace: str,
        pipeline: str,
        plans: Iterable[Plan],
        machine: sfn.StateMachine,
        functions: Mapping[str, TaskFunction],
        lost_starts: sqs.Queue,
    ) -> None:
        """Put the pipeline's own metrics first, then what AWS measures of it."""
        super().__init__(scope, id_)
        self._namespace, self._pipeline = namespace, pipeline
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        plans = tuple(plans)
        if plans:
            board.add_widgets(self._deadline(plans[0]))
        own = metrics.METERING if pipeline == "metering" else metrics.CREDITS
        counted = [(metric.counts, [self._metric(metric)]) for metric in own if not metric.per_plan]
        of_plans: list[Shown] = [
            (metric.counts, [self._metric(metric, plan) for plan in plans])
            for metric in own
            if metric.per_plan
        ]
        measured: list[Shown] = [
            ("executions", self._executions(machine)),
            ("duration of executions", [machine.metric_time(period=PERIOD, statistic=MAXIMUM)]),
            ("errors of functions", _of(functions, "metric_errors", SUM)),
            ("throttles of functions", _of(functions, "metric_throttles", SUM)),
            ("longest duration of functions", _of(functions, "metric_duration", MAXIMUM)),
            (
                "starts that were lost",
                [lost_starts.metric_approximate_number_of_messages_visible(period=PERIOD)],
            ),
        ]
        for title, shown in (*of_plans, *counted, *measured):
            board.add_widgets(
                cloudwatch.GraphWidget(title=title, left=shown, width=WIDTH, height=HEIGHT)
            )
        groups = [task.function.log_group.log_group_name for task in functions.values()]
        views = cloudwatch.LogQueryVisualizationType
        for title, lines, view in (
            (
                "milliseconds of partner calls: half and 95 % of them took at most",
                SPEED,
                views.LINE,
            ),
            ("status codes of partner calls", STATUSES, views.TABLE),
        ):
            board.add_widgets(
                cloudwatch.LogQueryWidget(
                    title=title,
                    log_group_names=groups,
                    query_lines=list(lines),
                    view=view,
                    width=WIDTH,
                    height=HEIGHT,
                )
            )

    def _metric(self, metric: Metric, plan: Plan | None = None) -> cloudwatch.Metric:
        of_plan = {"plan": plan.key} if plan else {}
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=metric.name,
            dimensions_map={"service": self._pipeline, **of_plan},
            statistic=MAXIMUM if plan else SUM,
            period=PERIOD,
        )

    def _deadline(self, plan: Plan) -> cloudwatch.IWidget:
        left = cloudwatch.MathExpression(
            expression=HOURS_LEFT,
            using_metrics={"m": self._metric(metrics.RUNS, plan)},
            period=PERIOD,
            label="hours",
        )
        title = "hours until AWS takes no more of last month's usage"
        return cloudwatch.SingleValueWidget(title=title, metrics=[left], width=WIDTH, height=HEIGHT)

    @staticmethod
    def _executions(machine: sfn.StateMachine) -> list[cloudwatch.IMetric]:
        return [
            machine.metric_started(period=PERIOD),
            machine.metric_succeeded(period=PERIOD),
            machine.metric_failed(period=PERIOD),
            machine.metric_timed_out(period=PERIOD),
            machine.metric_aborted(period=PERIOD),
        ]


class SavedQueries(Construct):
    """Logs Insights queries over the pipeline's functions, by name in the console."""

    def __init__(
        self, scope: Construct, id_: str, *, name: str, functions: Mapping[str, TaskFunction]
    ) -> None:
        """Replace the words in capitals when you run one."""
        super().__init__(scope, id_)
        groups = [task.function.log_group for task in functions.values()]
        for title, lines in QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                "".join(word.capitalize() for word in title.replace("'", "").split()),
                name=f"{name}/{title}",
                query_string="\n| ".join(lines),
                log_group_names=[group.log_group_name for group in groups],
            )


def _of(
    functions: Mapping[str, TaskFunction], name: str, statistic: str
) -> list[cloudwatch.IMetric]:
    return [
        getattr(task.function, name)(period=PERIOD, statistic=statistic, label=state)
        for state, task in functions.items()
    ]
