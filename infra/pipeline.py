"""What the stacks of both pipelines have in common."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.domain.plan import Plan
from infra import watched
from infra.alarms import Alarms
from infra.constructs.acknowledged import acknowledge_pattern
from infra.constructs.state_machine import StateMachine, execution_arns
from infra.constructs.task_function import TaskFunction
from infra.dashboard import Dashboard, SavedQueries
from infra.environment import Environment, InvalidEnvironment
from infra.failed_runs import mail_failed_runs
from infra.own_metrics import OwnMetrics
from infra.settings import PartnerSecret
from infra.tasks import Task


class PipelineStack(Stack):
    """One pipeline of one environment, named like its definition and its folder of functions.

    Nothing refers to another stack, so each can be deployed, changed and deleted on its own.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, description: str
    ) -> None:
        """Protect with the stack what must outlive a mistake."""
        super().__init__(
            scope, id_, description=description, termination_protection=environment.keep_data
        )
        self._check_finished(environment)
        self.pipeline, self.machine_name = id_, f"{environment.name}-{id_}"
        self.metrics = OwnMetrics(f"BillingPipelines/{environment.name}", id_)
        self.alarms = Alarms(self, "Alarms", environment=environment, pipeline=id_)

    def _check_finished(self, environment: Environment) -> None:
        """Warn at synth; refuse the stacks that ``make deploy`` names in the context."""
        deployed = str(self.node.try_get_context("deploying") or "")
        for number, problem in enumerate(environment.unfinished(self.node.id)):
            if fnmatchcase(self.node.path, deployed):
                raise InvalidEnvironment(problem)
            Annotations.of(self).add_warning_v2(f"billing-pipelines:unfinished-{number}", problem)

    def _grant_common_rights(
        self,
        tasks: Mapping[str, Task],
        functions: Mapping[str, TaskFunction],
        secret: PartnerSecret,
    ) -> None:
        for state, task in tasks.items():
            if task.reads_secret:
                secret.grant_read(functions[state].role)
            if task.reads_executions:
                self._grant_read_executions(functions[state].role)

    def _grant_read_executions(self, role: iam.Role) -> None:
        """A lease or a claim is taken over only from an execution that no longer runs."""
        arns = execution_arns(self, self.machine_name)
        role.add_to_policy(
            iam.PolicyStatement(actions=["states:DescribeExecution"], resources=arns)
        )
        for arn in arns:
            acknowledge_pattern(role, arn, "Executions are named when they are started")

    def _watch(
        self,
        workflow: StateMachine,
        functions: Mapping[str, TaskFunction],
        *,
        lost_starts: sqs.Queue,
        plans: Sequence[Plan] = (),
    ) -> None:
        """Let the machine and all that can fail with it call an operator, and say where to look."""
        self.alarms.topic.grant_publish(workflow.role)
        mail_failed_runs(self.alarms, workflow.machine, lost_starts)
        self.alarms.add(watched.lost_starts(lost_starts))
        self.alarms.add(watched.functions_at_their_limit(tuple(functions.values())))
        for plan in plans:
            self.alarms.add(watched.open_months(self.metrics, plan))
        Dashboard(
            self,
            "Dashboard",
            name=self.machine_name,
            own=self.metrics,
            plans=plans,
            machine=workflow.machine,
            functions=functions,
            lost_starts=lost_starts,
        )
        SavedQueries(self, "Queries", name=self.machine_name, functions=functions)
        self._say_where(workflow, functions, lost_starts)

    def _say_where(
        self, workflow: StateMachine, functions: Mapping[str, TaskFunction], lost: sqs.Queue
    ) -> None:
        machine, errors = workflow.machine.state_machine_arn, workflow.logs.log_group_name
        topic = self.alarms.topic.topic_arn
        self._output("StateMachineArn", machine, "State machine in which to start an execution")
        self._output("TopicArn", topic, "Topic of alarms and notifications; subscribe")
        self._output("StateMachineLogGroupName", errors, "Log group of the state machine's errors")
        self._output("LostStartsQueueUrl", lost.queue_url, "Queue of starts that were lost")
        for state, task in functions.items():
            group = task.function.log_group.log_group_name
            self._output(f"{state}LogGroupName", group, f"Log group of the function behind {state}")

    def _output(self, name: str, value: str, description: str) -> None:
        CfnOutput(self, name, value=value, description=description)
