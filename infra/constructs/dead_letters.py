"""The queue that keeps what could not be delivered."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.acknowledged import acknowledge

IS_A_DEAD_LETTER_QUEUE = "It is a dead-letter queue of EventBridge, which cdk-nag does not see."


class DeadLetters(sqs.Queue):
    """Starts that never reached the machine: kept for two weeks, to be repeated by hand."""

    def __init__(self, scope: Construct, id_: str) -> None:
        """Encrypt with the queue's own key: EventBridge could not use one of ours unasked."""
        super().__init__(
            scope,
            id_,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            acknowledge(self, rule, IS_A_DEAD_LETTER_QUEUE)
