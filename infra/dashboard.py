"""A pipeline's dashboard, and the questions to its logs that are worth keeping."""

from collections.abc import Iterator, Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions import metrics
from functions.domain.plan import Plan
from infra.constructs.task_function import TaskFunction
from infra.own_metrics import HOUR, MAXIMUM, SUM, OwnMetrics

WIDTH, HEIGHT = 8, 6
Shown = tuple[str, Sequence[cloudwatch.IMetric]]
# From what the functions log with Powertools: one JSON object per line.
CALLS = "filter message = 'partner called'"
LOGGED = {
    "milliseconds of partner calls: half and 95 % of them took at most": (
        (CALLS, "stats pct(milliseconds, 50) as half, pct(milliseconds, 95) as most by bin(1h)"),
        cloudwatch.LogQueryVisualizationType.LINE,
    ),
    "status codes of partner calls": (
        (CALLS, "stats count(*) as calls by partner, method, status", "sort calls desc"),
        cloudwatch.LogQueryVisualizationType.TABLE,
    ),
}
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
        "fields @timestamp, function_name, message, asked, output.action",
        "filter @message like 'CONTRACT'",
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
        own: OwnMetrics,
        plans: Sequence[Plan],
        machine: sfn.StateMachine,
        functions: Mapping[str, TaskFunction],
        lost_starts: sqs.Queue,
    ) -> None:
        """Put the pipeline's own metrics first, then what AWS measures of it."""
        super().__init__(scope, id_)
        graphs = (*_emitted(own, plans), *_measured(machine, functions, lost_starts))
        widgets = (
            *(_deadline(own, plan) for plan in plans[:1]),
            *(
                cloudwatch.GraphWidget(title=title, left=shown, width=WIDTH, height=HEIGHT)
                for title, shown in graphs
            ),
            *_logged([task.function.log_group.log_group_name for task in functions.values()]),
        )
        rows = [[widget] for widget in widgets]
        cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name, widgets=rows)


def _deadline(own: OwnMetrics, plan: Plan) -> cloudwatch.IWidget:
    left = cloudwatch.MathExpression(
        expression=HOURS_LEFT,
        using_metrics={"m": own.of(metrics.RUNS, MAXIMUM, HOUR, plan)},
        period=HOUR,
        label="hours",
    )
    title = "hours until AWS takes no more of last month's usage"
    return cloudwatch.SingleValueWidget(title=title, metrics=[left], width=WIDTH, height=HEIGHT)


def _emitted(own: OwnMetrics, plans: Sequence[Plan]) -> Iterator[Shown]:
    """Yield what the functions emit: of each plan, then of the pipeline."""
    declared = metrics.METERING if own.pipeline == "metering" else metrics.CREDITS
    for metric in sorted(declared, key=lambda metric: not metric.per_plan):
        if metric.per_plan:
            yield metric.counts, [own.of(metric, MAXIMUM, HOUR, plan) for plan in plans]
        else:
            yield metric.counts, [own.of(metric, SUM, HOUR)]


def _measured(
    machine: sfn.StateMachine, functions: Mapping[str, TaskFunction], lost: sqs.Queue
) -> Iterator[Shown]:
    """Yield what AWS measures of the pipeline."""
    ends = ("started", "succeeded", "failed", "timed_out", "aborted")
    yield "executions", [getattr(machine, f"metric_{end}")(period=HOUR) for end in ends]
    yield "duration of executions", [machine.metric_time(period=HOUR, statistic=MAXIMUM)]
    of = lambda_.Function
    for title, metric, statistic in (
        ("errors of functions", of.metric_errors, SUM),
        ("throttles of functions", of.metric_throttles, SUM),
        ("longest duration of functions", of.metric_duration, MAXIMUM),
    ):
        yield (
            title,
            [
                metric(task.function, period=HOUR, statistic=statistic, label=state)
                for state, task in functions.items()
            ],
        )
    yield "starts that were lost", [lost.metric_approximate_number_of_messages_visible(period=HOUR)]


def _logged(groups: Sequence[str]) -> Iterator[cloudwatch.IWidget]:
    for title, (lines, view) in LOGGED.items():
        yield cloudwatch.LogQueryWidget(
            title=title,
            log_group_names=groups,
            query_lines=list(lines),
            view=view,
            width=WIDTH,
            height=HEIGHT,
        )


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
