"""The metering pipeline: its state machine, the Lambdas behind the states, and what starts it."""

from constructs import Construct

from infra import watched
from infra.constructs.state_machine import StateMachine
from infra.constructs.task_function import TaskFunction
from infra.environment import Environment
from infra.metering_tasks import PREVIEWS, STATE_FILES, TASKS
from infra.pipeline import PipelineStack
from infra.schedules import PlanSchedules
from infra.settings import PartnerSecret, PlanParameters
from infra.storage import MeteringStorage
from infra.tasks import RUNS, SETTLE_SECONDS, task_functions

CLAZAR_CLIENT = (
    "Clazar API client. Put the value by console or CLI as JSON with the keys "
    "client_id and client_secret."
)


class MeteringStack(PipelineStack):
    """Composes; what each part is and may do stands in its own module."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        """Build from the outside in: storage and settings, tasks, machine, schedules, alarms."""
        what = "Usage exported by Omnistrate, billed through Clazar once a month"
        super().__init__(scope, id_, environment=environment, description=what)
        name, plans = environment.name, environment.parsed_plans
        self.storage = MeteringStorage(self, "Storage", environment=environment)
        self.parameters = PlanParameters(self, "Plans", environment=name, plans=plans)
        self.credentials = PartnerSecret(
            self, "Clazar", environment=environment, description=CLAZAR_CLIENT
        )
        self.tasks = self._functions(environment)
        self._grant_rights(sorted({plan.state_file for plan in plans}))
        self._start_and_watch(environment)
        self._outputs(environment)

    def _start_and_watch(self, environment: Environment) -> None:
        workflow = StateMachine(
            self,
            "Metering",
            definition="metering",
            name=self.machine_name,
            tasks=self.tasks,
            values={
                "StateBucketName": self.storage.state.bucket_name,
                "TopicArn": self.alarms.topic.topic_arn,
            },
            map_bucket=self.storage.state,
            map_keys=(RUNS, PREVIEWS),
            log_days=environment.log_days,
        )
        starts = PlanSchedules(self, "Schedules", environment=environment, machine=workflow.machine)
        plans = environment.parsed_plans
        self._watch(workflow, self.tasks, lost_starts=starts.dead_letters, plans=plans)
        self.alarms.add(watched.usage_not_billed(self.metrics))

    def _functions(self, environment: Environment) -> dict[str, TaskFunction]:
        return task_functions(
            self,
            TASKS,
            self.metrics,
            everyone={"STATE_BUCKET": self.storage.state.bucket_name},
            settings={
                "USAGE_BUCKET": self.storage.usage.bucket_name,
                "PLANS_PATH": self.parameters.path,
                "CLAZAR_URL": environment.clazar_url,
                "CLAZAR_SECRET_ARN": self.credentials.arn,
                "SETTLE_SECONDS": str(SETTLE_SECONDS),
                **environment.mail_settings,
            },
            log_days=environment.log_days,
        )

    def _outputs(self, environment: Environment) -> None:
        state, usage = self.storage.state.bucket_name, self.storage.usage.bucket_name
        self._output("StateBucketName", state, "Bucket of state file, ledger and reports")
        self._output("UsageBucketName", usage, "Bucket that Omnistrate exports usage to")
        self._output("PlansPath", self.parameters.path, "Parameters with the plans as deployed")
        self._output("ClazarUrl", environment.clazar_url, "Clazar as the functions reach it")
        self._output("ClazarSecretName", self.credentials.name, CLAZAR_CLIENT)

    def _grant_rights(self, state_files: list[str]) -> None:
        for state, task in TASKS.items():
            role = self.tasks[state].role
            task.state.replacing(STATE_FILES, state_files).grant(self.storage.state, role)
            task.usage.grant(self.storage.usage, role)
            if task.reads_plans:
                self.parameters.grant_read(role)
        self._grant_common_rights(TASKS, self.tasks, self.credentials)
