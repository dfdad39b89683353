"""What is watched, each with its alarm: starts, functions, and the metrics that they emit."""

from collections.abc import Callable, Iterator, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from functions import metrics
from functions.domain.plan import Plan
from infra.alarms import Alarm
from infra.constructs.task_function import TaskFunction
from infra.own_metrics import FIVE_MINUTES, HOUR, MAXIMUM, SUM, OwnMetrics

# The deadline needs no run to be noticed: CloudWatch fills the hour before 05:00 on the 1st with 1
# where a plan has not said that its months are closed.
# Windows of an hour slide by the minute: those that hold the run of 04:30 begin before 04:20.
DEADLINE = (
    "IF(DATE(FILL(m, 1)) == 1 AND HOUR(FILL(m, 1)) == 4 AND MINUTE(FILL(m, 1)) < 20, FILL(m, 1), 0)"
)
LONG_TIMEOUT_SECONDS, NEAR_TIMEOUT = 300, 0.8
MOST_METRICS = 10  # of one alarm


def lost_starts(lost: sqs.Queue) -> Iterator[Alarm]:
    """Yield the alarm on runs that never started."""
    yield Alarm(
        "StartsLost",
        "starts were lost",
        lost.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES),
        "A start did not reach the state machine, or a failed run's mail the topic. That start "
        "sent nothing. The message in the dead-letter queue holds its input; start it by hand.",
    )


def functions_at_their_limit(tasks: Sequence[TaskFunction]) -> Iterator[Alarm]:
    """Yield those on what is refused for lack of concurrency, and on what nearly times out."""
    if slow := [task for task in tasks if task.timeout_seconds >= LONG_TIMEOUT_SECONDS]:
        limits = enumerate(task.timeout_seconds * 1000 for task in slow)
        shares = ", ".join(f"FILL(m{number}, 0) / {limit}" for number, limit in limits)
        yield Alarm(
            "NearTimeout",
            "a function nearly timed out",
            _combined(f"MAX([{shares}])", slow, lambda_.Function.metric_duration, MAXIMUM),
            "A function took over 80 % of its time limit. Nothing is wrong yet; a larger month "
            "will fail. Raise the function's memory or split the work.",
            threshold=NEAR_TIMEOUT,
        )
    for number, start in enumerate(range(0, len(tasks), MOST_METRICS), start=1):
        some = tasks[start : start + MOST_METRICS]
        total = " + ".join(f"FILL(m{place}, 0)" for place in range(len(some)))
        yield Alarm(
            f"Throttled{number}",
            f"functions are throttled ({number})",
            _combined(total, some, lambda_.Function.metric_throttles, SUM),
            "Lambda refused invocations because the account's concurrency is used up. They are "
            "retried, so nothing is lost while retries last. Raise the account's concurrency.",
        )


def open_months(own: OwnMetrics, plan: Plan) -> Iterator[Alarm]:
    """Yield those on the deadline, on silence, and on contracts that nobody has settled."""
    if not plan.dry_run:
        unclosed = {"m": own.of(metrics.MONTHS_UNCLOSED, MAXIMUM, HOUR, plan)}
        yield Alarm(
            "Deadline",
            "deadline in 60 minutes",
            cloudwatch.MathExpression(expression=DEADLINE, using_metrics=unclosed, period=HOUR),
            "It is past 05:00 UTC on the 1st and last month is not closed. AWS takes its usage "
            "until 06:00 UTC. Nothing is lost. Read the last run's mail and act on it now.",
            plan,
        )
    yield Alarm(
        "Silence",
        "no run for 26 hours",
        own.of(metrics.RUNS, SUM, HOUR, plan),
        "No run of this plan has ended for 26 hours, although one starts every day. Nothing "
        "was sent. Look at the schedules, and start an execution.",
        plan,
        silent_hours=26,
    )
    yield Alarm(
        "ContractsOpen",
        "contracts are not billed",
        own.of(metrics.CONTRACTS_OPEN, MAXIMUM, FIVE_MINUTES, plan),
        "Contracts of closed months are not billed. What was billed is safe. The last mail "
        "names each with its reason; retry or resolve them. Stays until none is open.",
        plan,
        stays=True,
    )


def usage_not_billed(own: OwnMetrics) -> Iterator[Alarm]:
    """Yield those on usage that is not billed, and on records that are not the ledger's."""
    yield Alarm(
        "UsageChangedAfterBilling",
        "usage changed after billing",
        own.of(metrics.LATE_USAGE, SUM, FIVE_MINUTES),
        "Usage of a billed month has changed. What was billed stays as it is; the difference is "
        "not billed. Read late-usage.json and settle it with the customer.",
    )
    yield Alarm(
        "LedgerDiffers",
        "ledger and records differ",
        own.of(metrics.RECONCILIATION_DIFFERS, SUM, FIVE_MINUTES),
        "Clazar's records of a closed month are not those of the ledger: a customer may be billed "
        "twice, or not at all. Nothing was sent or changed. Read reconciliation.json.",
    )
    yield Alarm(
        "UsageWithoutPayer",
        "usage without a payer",
        own.of(metrics.QUARANTINED, MAXIMUM, FIVE_MINUTES),
        "Usage without an externalPayerId was exported and is not billed. All other usage is. Add "
        "the payer in Omnistrate; the report names the subscriptions.",
    )


def waiting_credits(own: OwnMetrics) -> Iterator[Alarm]:
    """Yield those on credits that wait."""
    yield Alarm(
        "CreditsHeld",
        "credits are held",
        own.of(metrics.CREDITS_HELD, SUM, FIVE_MINUTES),
        "A credits file would change a month by much and was held. CloudZero keeps what it had. "
        "Check the file; upload a right one, or accept it with accept_shrink.",
    )
    yield Alarm(
        "StreamWaiting",
        "a credits file waits for an hour",
        own.of(metrics.STREAM_WAITING, MAXIMUM, FIVE_MINUTES),
        "A credits file has waited for an hour for the files before it. Nothing is lost; it is "
        "posted in its turn. Look at the execution that holds the stream.",
    )


def _combined(
    expression: str,
    tasks: Sequence[TaskFunction],
    metric: Callable[..., cloudwatch.Metric],
    statistic: str,
) -> cloudwatch.MathExpression:
    """Return an expression in which the functions' metrics are m0, m1 and so on."""
    using = {
        f"m{number}": metric(task.function, period=FIVE_MINUTES, statistic=statistic)
        for number, task in enumerate(tasks)
    }
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=using, period=FIVE_MINUTES
    )
