"""The credits pipeline: its state machine, the Lambdas behind the states, and what starts it."""

from constructs import Construct

from infra import watched
from infra.constructs.state_machine import StateMachine
from infra.constructs.task_function import TaskFunction
from infra.credits_tasks import OWN_KEYS, TASKS
from infra.environment import Environment
from infra.pipeline import PipelineStack
from infra.settings import PartnerSecret
from infra.storage import CreditsBucket
from infra.tasks import SETTLE_SECONDS, task_functions
from infra.uploads import UploadTrigger

CLOUDZERO_KEY = (
    'CloudZero API key. Put the value by console or CLI as JSON: {"api_key": "..."}. '
    "The key has to create and read AnyCost billing drops."
)


class CreditsStack(PipelineStack):
    """Composes; what each part is and may do stands in its own module."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        """Build from the outside in: bucket and secret, tasks, machine, trigger, alarms."""
        what = "Credits dropped as files, sent to a CloudZero AnyCost Stream"
        super().__init__(scope, id_, environment=environment, description=what)
        self.bucket = CreditsBucket(self, "CreditsBucket", keep_data=environment.keep_data)
        self.secret = PartnerSecret(
            self, "CloudZero", environment=environment, description=CLOUDZERO_KEY
        )
        self.tasks = self._functions(environment)
        for state, task in TASKS.items():
            task.credits.grant(self.bucket, self.tasks[state].role)
        self._grant_common_rights(TASKS, self.tasks, self.secret)
        self._start_and_watch(environment.log_days)
        self._outputs()

    def _start_and_watch(self, log_days: int) -> None:
        workflow = StateMachine(
            self,
            "Credits",
            definition="credits",
            name=self.machine_name,
            tasks=self.tasks,
            values={"TopicArn": self.alarms.topic.topic_arn},
            log_days=log_days,
        )
        uploads = UploadTrigger(
            self, "Uploads", bucket=self.bucket, own_keys=OWN_KEYS, machine=workflow.machine
        )
        self._watch(workflow, self.tasks, lost_starts=uploads.dead_letters)
        self.alarms.add(watched.waiting_credits(self.metrics))

    def _functions(self, environment: Environment) -> dict[str, TaskFunction]:
        return task_functions(
            self,
            TASKS,
            self.metrics,
            everyone={"CREDITS_BUCKET": self.bucket.bucket_name},
            settings={
                "CLOUDZERO_CONNECTION_ID": environment.cloudzero_connection_id,
                "CLOUDZERO_URL": environment.cloudzero_url,
                "CLOUDZERO_SECRET_ARN": self.secret.arn,
                "ALLOW_REVERSALS": "true" if environment.allow_reversals else "false",
                "SHRINK_LIMIT": environment.shrink_limit,
                "GROWTH_LIMIT": environment.growth_limit,
                "SETTLE_SECONDS": str(SETTLE_SECONDS),
                **environment.mail_settings,
            },
            log_days=environment.log_days,
        )

    def _outputs(self) -> None:
        bucket = self.bucket.bucket_name
        summaries = self.tasks["ReportCredits"].function.log_group.log_group_name
        self._output("CreditsBucketName", bucket, "Bucket into which credits files go")
        self._output("SummaryLogGroupName", summaries, "Log group with a line per verified month")
        self._output("CloudZeroSecretName", self.secret.name, CLOUDZERO_KEY)
