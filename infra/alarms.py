"""One topic that an operator listens to, and the alarms that publish to it.

An alarm says in its description what happened, what is safe and what to do, and links its section
of the runbook, whose title is the alarm's name without the environment.
"""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from functions.domain.plan import Plan
from infra.constructs.acknowledged import acknowledge
from infra.environment import Environment

MISSING = cloudwatch.TreatMissingData
REACHED = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
NOTHING_IS_LOST = (
    "SNS retries a mail for hours, and what it says stays: an alarm in CloudWatch, a run in its "
    "execution. The alarm on a queue of undelivered mails would be a mail to the same address."
)


@dataclass(frozen=True)
class Alarm:
    """Rings at the threshold; one on silence, at so many hours without anything."""

    id: str
    title: str
    metric: cloudwatch.IMetric
    text: str
    plan: Plan | None = None
    _: KW_ONLY
    threshold: float = 1
    silent_hours: int = 0
    stays: bool = False  # as it is until the metric says otherwise


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
        self.where, self.runbook_url = f"{environment.name} {pipeline}", environment.runbook_url
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

    def add(self, alarms: Iterable[Alarm]) -> None:
        """Publish when an alarm begins to ring, and when it is over."""
        action = actions.SnsAction(self.topic)
        for alarm in alarms:
            made = self._alarm(alarm)
            made.add_alarm_action(action)
            made.add_ok_action(action)

    def _alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        of = ("", *alarm.plan.key.split(":")) if alarm.plan else ("",)
        anchor = alarm.title.partition(" (")[0].replace(" ", "-")
        silent = alarm.silent_hours
        missing = MISSING.BREACHING if silent else MISSING.NOT_BREACHING
        return cloudwatch.Alarm(
            self,
            alarm.id + "-".join(of),
            alarm_name=f"{self.where}{' '.join(of)}: {alarm.title}",
            alarm_description=f"{alarm.text} Runbook: {self.runbook_url}#{anchor}",
            metric=alarm.metric,
            threshold=alarm.threshold,
            evaluation_periods=silent or 1,
            comparison_operator=BELOW if silent else REACHED,
            treat_missing_data=MISSING.IGNORE if alarm.stays else missing,
        )
