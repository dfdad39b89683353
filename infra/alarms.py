"""One topic that an operator listens to, and the alarms that publish to it.

An alarm says in its description what happened, what is safe and what to do, and links its section
of the runbook, whose title is the alarm's name without the environment.

The deadline needs no run to be noticed: CloudWatch fills the hour before 05:00 on the first with 1
where a plan has not said that its months are closed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions import metrics
from functions.domain.plan import Plan
from functions.metrics import Metric
from infra.constructs.acknowledged import acknowledge
from infra.constructs.task_function import TaskFunction
from infra.environments import Environment

FIVE_MINUTES, HOUR = Duration.minutes(5), Duration.hours(1)
# Windows of an hour slide by the minute: those that hold the run of 04:30 begin before 04:20.
DEADLINE = (
    "IF(DATE(FILL(m, 1)) == 1 AND HOUR(FILL(m, 1)) == 4 AND MINUTE(FILL(m, 1)) < 20, FILL(m, 1), 0)"
)
SILENT_HOURS = 26
LONG_TIMEOUT_SECONDS, NEAR_TIMEOUT = 300, 0.8
MOST_METRICS = 10  # of one alarm
NOTHING_IS_LOST = (
    "SNS retries a mail for hours, and what it says stays: an alarm in CloudWatch, a run in its "
    "execution. The alarm on a queue of undelivered mails would be a mail to the same address."
)
MAILED = "Mailed: "  # the definitions put it before the cause


class Alarms(Construct):
    """The topic that the state machine itself also publishes to.

    TLS only, without a customer key: messages name plan, month, file, contract ids and quantities,
    no names or addresses of customers, and leave as e-mail. A CloudWatch alarm cannot use the
    AWS-managed key, and a key of our own would protect nothing that the mail does not show.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, pipeline: str
    ) -> None:
        """Subscribe the address when there is one; it has to confirm before it gets anything."""
        super().__init__(scope, id_)
        self._environment, self._pipeline = environment, pipeline
        self._namespace = f"BillingPipelines/{environment.name}"
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        self._let_alarms_publish()
        if environment.alarm_email:
            address = subscriptions.EmailSubscription(environment.alarm_email)
            subscription = self.topic.add_subscription(address)
            acknowledge(subscription, "Serverless-SNSRedrivePolicy", NOTHING_IS_LOST)

    def _let_alarms_publish(self) -> None:
        """Say it outright: any policy of our own replaces the one that lets alarms publish."""
        account = Stack.of(self).account
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": account}},
            )
        )

    def watch_machine(self, machine: sfn.StateMachine, lost: sqs.Queue) -> None:
        """Mail every bad end that the run itself has not mailed: its cause bears no mark.

        Two rules, because only a failure is sure to have an error and a cause: a template with a
        value that an event lacks might not be delivered.
        """
        cause = events.Match.any_of(
            events.Match.anything_but_prefix(MAILED),
            events.Match.null_value(),
            events.Match.does_not_exist(),
        )
        failed = {"status": ["FAILED"], "cause": cause}
        self._mail_end("EndedWithoutMail", machine, lost, failed, ("error", "cause"))
        self._mail_end("Stopped", machine, lost, {"status": ["TIMED_OUT", "ABORTED"]})

    def _mail_end(
        self,
        id_: str,
        machine: sfn.StateMachine,
        lost: sqs.Queue,
        ends: Mapping[str, object],
        explained: Iterable[str] = (),
    ) -> None:
        rule = events.Rule(
            self,
            id_,
            description="A run has ended badly and has not mailed it",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], **ends},
            ),
            targets=[targets.SnsTopic(self.topic, dead_letter_queue=lost)],
        )
        names = ("name", "status", *explained, "executionArn")
        lines = {
            "what": f"{self._environment.name} {self._pipeline}: a run failed",
            **{name: f"<{name}>" for name in names},
            "safe": "What was sent is on record and is never sent twice.",
            "next": "Remove the cause, then start it again with the same input.",
            "runbook": f"{self._environment.runbook_url}#a-run-failed",
        }
        # A value outside of quotation marks is put in as JSON, whatever it holds.
        template = re.sub('"(<[A-Za-z]+>)"', r"\1", json.dumps(lines, indent=1))
        paths = {name: f"$.detail.{name}" for name in names}
        transformer = {"InputPathsMap": paths, "InputTemplate": template}
        resource = cast("events.CfnRule", rule.node.default_child)
        resource.add_property_override("Targets.0.InputTransformer", transformer)

    def watch_dead_letters(self, queue: sqs.Queue) -> None:
        """A message here is a run that never started."""
        self._alarm(
            "StartsLost",
            "starts were lost",
            queue.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES),
            "A start did not reach the state machine, or a failed run's mail the topic. That start "
            "sent nothing. The message in the dead-letter queue holds its input; start it by hand.",
        )

    def watch_functions(self, functions: Mapping[str, TaskFunction]) -> None:
        """Look at what is refused for lack of concurrency, and at what nearly runs out of time."""
        slow = {
            state: task
            for state, task in functions.items()
            if task.timeout_seconds >= LONG_TIMEOUT_SECONDS
        }
        if slow:
            shares = {
                f"m{number}": task.function.metric_duration(
                    period=FIVE_MINUTES, statistic=cloudwatch.Stats.MAXIMUM
                )
                for number, task in enumerate(slow.values())
            }
            limits = (task.timeout_seconds * 1000 for task in slow.values())
            terms = (
                f"FILL({name}, 0) / {limit}" for name, limit in zip(shares, limits, strict=True)
            )
            longest = cloudwatch.MathExpression(
                expression=f"MAX([{', '.join(terms)}])", using_metrics=shares, period=FIVE_MINUTES
            )
            self._alarm(
                "NearTimeout",
                "a function nearly timed out",
                longest,
                "A function took over 80 % of its time limit. Nothing is wrong yet; a larger month "
                "will fail. Raise the function's memory or split the work.",
                threshold=NEAR_TIMEOUT,
            )
        for number, start in enumerate(range(0, len(functions), MOST_METRICS), start=1):
            some = list(functions.values())[start : start + MOST_METRICS]
            throttles = {
                f"m{place}": task.function.metric_throttles(period=FIVE_MINUTES)
                for place, task in enumerate(some)
            }
            filled = (f"FILL({name}, 0)" for name in throttles)
            self._alarm(
                f"Throttled{number}",
                f"functions are throttled ({number})",
                cloudwatch.MathExpression(
                    expression=" + ".join(filled), using_metrics=throttles, period=FIVE_MINUTES
                ),
                "Lambda refused invocations because the account's concurrency is used up. They are "
                "retried, so nothing is lost while retries last. Raise the account's concurrency.",
                section="functions are throttled",
            )

    def watch_plan(self, plan: Plan) -> None:
        """Look at the deadline, at silence, and at contracts that nobody has settled."""
        name = f"{plan.service} {plan.environment_type} {plan.plan_id}"
        if not plan.dry_run:
            self._alarm(
                f"Deadline-{plan.key}",
                "deadline in 60 minutes",
                cloudwatch.MathExpression(
                    expression=DEADLINE,
                    using_metrics={"m": self._metric(metrics.MONTHS_UNCLOSED, HOUR, plan)},
                    period=HOUR,
                ),
                "It is past 05:00 UTC on the 1st and last month is not closed. AWS takes its usage "
                "until 06:00 UTC. Nothing is lost. Read the last run's mail and act on it now.",
                of=name,
            )
        self._alarm(
            f"Silence-{plan.key}",
            "no run for 26 hours",
            self._metric(metrics.RUNS, HOUR, plan, statistic=cloudwatch.Stats.SUM),
            "No run of this plan has ended for 26 hours, although one starts every day. Nothing "
            "was sent. Look at the schedules, and start an execution.",
            of=name,
            silent_hours=SILENT_HOURS,
        )
        self._alarm(
            f"ContractsOpen-{plan.key}",
            "contracts are not billed",
            self._metric(metrics.CONTRACTS_OPEN, FIVE_MINUTES, plan),
            "Contracts of closed months are not billed. What was billed is safe. The last mail "
            "names each with its reason; retry or resolve them. Stays until none is open.",
            of=name,
            stays=True,
        )

    def watch_usage(self) -> None:
        """Look at usage that cannot be billed by the pipeline."""
        self._alarm(
            "UsageChangedAfterBilling",
            "usage changed after billing",
            self._metric(metrics.LATE_USAGE, FIVE_MINUTES, statistic=cloudwatch.Stats.SUM),
            "Usage of a billed month has changed. What was billed stays as it is; the difference "
            "is not billed. Read late-usage.json and settle it with the customer.",
        )
        self._alarm(
            "LedgerDiffers",
            "ledger and records differ",
            self._metric(
                metrics.RECONCILIATION_DIFFERS, FIVE_MINUTES, statistic=cloudwatch.Stats.SUM
            ),
            "Clazar's records of a closed month are not those of the ledger: a customer may be "
            "billed twice, or not at all. Nothing was sent or changed. Read reconciliation.json.",
        )
        self._alarm(
            "UsageWithoutPayer",
            "usage without a payer",
            self._metric(metrics.QUARANTINED, FIVE_MINUTES),
            "Usage without an externalPayerId was exported and is not billed. All other usage is. "
            "Add the payer in Omnistrate; the report names the subscriptions.",
        )

    def watch_credits(self) -> None:
        """Look at credits that wait."""
        self._alarm(
            "CreditsHeld",
            "credits are held",
            self._metric(metrics.CREDITS_HELD, FIVE_MINUTES, statistic=cloudwatch.Stats.SUM),
            "A credits file would change a month by much and was held. CloudZero keeps what it "
            "had. Check the file; upload a right one, or accept it with accept_shrink.",
        )
        self._alarm(
            "StreamWaiting",
            "a credits file waits for an hour",
            self._metric(metrics.STREAM_WAITING, FIVE_MINUTES),
            "A credits file has waited for an hour for the files before it. Nothing is lost; it is "
            "posted in its turn. Look at the execution that holds the stream.",
        )

    def _metric(
        self,
        metric: Metric,
        period: Duration,
        plan: Plan | None = None,
        *,
        statistic: str = cloudwatch.Stats.MAXIMUM,
    ) -> cloudwatch.Metric:
        """Return a metric as the functions emit it."""
        dimensions = {"service": self._pipeline}
        if metric.per_plan and plan:
            dimensions["plan"] = plan.key
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=metric.name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=period,
        )

    def _alarm(
        self,
        id_: str,
        title: str,
        metric: cloudwatch.IMetric,
        text: str,
        *,
        threshold: float = 1,
        of: str = "",
        section: str = "",
        silent_hours: int = 0,
        stays: bool = False,
    ) -> None:
        """Add an alarm; one on silence watches whether there is anything at all.

        `stays`: as it is until the metric says otherwise.
        """
        where = f"{self._environment.name} {self._pipeline}{f' {of}' if of else ''}"
        anchor = (section or title).replace(" ", "-")
        more = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        less = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        missing = cloudwatch.TreatMissingData
        silence = missing.BREACHING if silent_hours else missing.NOT_BREACHING
        alarm = cloudwatch.Alarm(
            self,
            id_.replace(":", "-"),
            alarm_name=f"{where}: {title}",
            alarm_description=f"{text} Runbook: {self._environment.runbook_url}#{anchor}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=silent_hours or 1,
            comparison_operator=less if silent_hours else more,
            treat_missing_data=missing.IGNORE if stays else silence,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
