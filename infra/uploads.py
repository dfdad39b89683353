"""What starts the credits pipeline: a file that is dropped into its bucket."""

from collections.abc import Iterable

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs.dead_letters import DeadLetters

# A folder as the console makes it: an object without content.
FOLDERS = "*/"
# Nothing else would start the machine for this upload, so EventBridge tries for as long as it can.
START_WITHIN = Duration.hours(24)
START_ATTEMPTS = 185


class UploadTrigger(Construct):
    """Starts the machine with the name of every object but our own; a lost start is kept.

    A name that is not right has to be reported, so it is the machine that judges it.
    The name and not the version: the machine reads what the object is by then, so that events
    that come twice or out of order end at the newest upload.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bucket: s3.IBucket,
        own_keys: Iterable[str],
        machine: sfn.StateMachine,
    ) -> None:
        """Listen on the default bus, where S3 puts its events."""
        super().__init__(scope, id_)
        self.dead_letters = DeadLetters(self, "LostStarts")
        events.Rule(
            self,
            "Rule",
            description="An object was dropped into the credits bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [bucket.bucket_name]},
                    "object": {"key": events.Match.anything_but_wildcard(*own_keys, FOLDERS)},
                },
            ),
            targets=[self._start(machine)],
        )

    def _start(self, machine: sfn.StateMachine) -> targets.SfnStateMachine:
        given = {
            "bucket": events.EventField.from_path("$.detail.bucket.name"),
            "key": events.EventField.from_path("$.detail.object.key"),
            "as_of": events.EventField.time,
        }
        own_account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        principal = iam.ServicePrincipal("events.amazonaws.com", conditions=own_account)
        return targets.SfnStateMachine(
            machine,
            input=events.RuleTargetInput.from_object(given),
            role=iam.Role(self, "Role", assumed_by=principal),
            dead_letter_queue=self.dead_letters,
            max_event_age=START_WITHIN,
            retry_attempts=START_ATTEMPTS,
        )
