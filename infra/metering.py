"""The metering pipeline: its state machine, the Lambdas behind the states, and what starts it."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.alarms import Alarms
from infra.constructs.acknowledged import acknowledge_pattern
from infra.constructs.dependency_layer import DependencyLayer
from infra.constructs.functions_code import functions_code
from infra.constructs.state_machine import StateMachine, execution_arns
from infra.environments import Environment
from infra.metering_tasks import (
    PREVIEWS,
    RUNS,
    SETTLE_SECONDS,
    STATE_FILES,
    TASKS,
    task_functions,
)
from infra.schedules import PlanSchedules
from infra.settings import ClazarCredentials, PlanParameters
from infra.storage import MeteringStorage


class MeteringStack(Stack):
    """Composes; what each part is and may do stands in its own module."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        """Build from the outside in: storage and settings, tasks, machine, schedules, alarms."""
        super().__init__(
            scope,
            id_,
            description="Usage exported by Omnistrate, billed through Clazar once a month",
            termination_protection=environment.keep_data,
        )
        self.machine_name = f"{environment.name}-metering"
        keep_data, plans = environment.keep_data, environment.parsed_plans
        self.storage = MeteringStorage(
            self, "Storage", usage_bucket=environment.usage_bucket, keep_data=keep_data
        )
        self.parameters = PlanParameters(self, "Plans", environment=environment.name, plans=plans)
        self.credentials = ClazarCredentials(
            self, "Clazar", environment=environment.name, keep_data=keep_data
        )
        self.alarms = Alarms(self, "Alarms", email=environment.alarm_email)
        self.tasks = task_functions(
            self,
            code=functions_code(),
            layer=DependencyLayer(self, "Dependencies"),
            log_days=environment.log_days,
            settings={
                "STATE_BUCKET": self.storage.state.bucket_name,
                "USAGE_BUCKET": self.storage.usage.bucket_name,
                "PLANS_PATH": self.parameters.path,
                "CLAZAR_URL": environment.clazar_url,
                "CLAZAR_SECRET_ARN": self.credentials.arn,
                "SETTLE_SECONDS": str(SETTLE_SECONDS),
            },
        )
        self._grant_rights(sorted({plan.state_file for plan in plans}))
        workflow = self._state_machine(environment.log_days)
        schedules = PlanSchedules(
            self,
            "Schedules",
            plans=plans,
            expression=environment.schedule,
            machine=workflow.machine,
        )
        self.alarms.topic.grant_publish(workflow.role)
        self.alarms.watch_machine(workflow.machine)
        self.alarms.watch_dead_letters(schedules.dead_letters)
        self._output("StateBucketName", self.storage.state.bucket_name)
        self._output("ClazarSecretName", self.credentials.name)
        self._output("StateMachineArn", workflow.machine.state_machine_arn)
        self._output("TopicArn", self.alarms.topic.topic_arn)

    def _state_machine(self, log_days: int) -> StateMachine:
        return StateMachine(
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
            log_days=log_days,
        )

    def _grant_rights(self, state_files: list[str]) -> None:
        for state, task in TASKS.items():
            role = self.tasks[state].role
            task.state.replacing(STATE_FILES, state_files).grant(self.storage.state, role)
            task.usage.grant(self.storage.usage, role)
            if task.reads_plans:
                self.parameters.grant_read(role)
            if task.reads_secret:
                self.credentials.grant_read(role)
            if task.reads_executions:
                self._grant_read_executions(role)

    def _grant_read_executions(self, role: iam.Role) -> None:
        """A lease or a claim is taken over only from an execution that no longer runs."""
        arns = execution_arns(self, self.machine_name)
        role.add_to_policy(
            iam.PolicyStatement(actions=["states:DescribeExecution"], resources=arns)
        )
        for arn in arns:
            acknowledge_pattern(role, arn, "Executions are named when they are started")

    def _output(self, name: str, value: str) -> None:
        CfnOutput(self, name, value=value)
