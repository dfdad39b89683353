"""One topic that a person listens to, and what rings it."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct


class Alarms(Construct):
    """The topic that the state machine itself also publishes to.

    TLS only, without a customer key: messages name plan, month, file and contract ids, hold no
    customer data, and leave as e-mail. A CloudWatch alarm cannot use the AWS-managed key, and a
    key of our own would protect nothing that the mail does not show.
    """

    def __init__(self, scope: Construct, id_: str, *, email: str | None) -> None:
        """Subscribe the address when there is one; it has to confirm before it gets anything."""
        super().__init__(scope, id_)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        self._let_alarms_publish()
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))

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

    def watch_machine(self, machine: sfn.StateMachine) -> None:
        """An execution that does not end well is always a person's business."""
        period = Duration.minutes(5)
        self._ring("ExecutionsFailed", machine.metric_failed(period=period))
        self._ring("ExecutionsTimedOut", machine.metric_timed_out(period=period))
        self._ring("ExecutionsAborted", machine.metric_aborted(period=period))

    def watch_late_usage(self, namespace: str) -> None:
        """Usage that changed after it was billed cannot be billed by the pipeline."""
        late = cloudwatch.Metric(
            namespace=namespace,
            metric_name="LateUsage",
            dimensions_map={"service": "metering"},
            statistic=cloudwatch.Stats.SUM,
            period=Duration.minutes(5),
        )
        self._ring("UsageChangedAfterBilling", late)

    def watch_dead_letters(self, queue: sqs.Queue) -> None:
        """A message here is a run that never started."""
        depth = queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(5))
        self._ring("StartsLost", depth)

    def _ring(self, id_: str, metric: cloudwatch.Metric) -> None:
        alarm = metric.create_alarm(
            self,
            id_,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
