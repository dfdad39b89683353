"""Schedules per plan, so that one plan's trouble never holds up another plan."""

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.domain.months.run import LAST_MONTH
from functions.domain.plan import Plan
from infra.constructs.dead_letters import DeadLetters
from infra.environment import Environment
from infra.settings import plan_slug

# The next hourly start is a retry of its own, so a start that fails for an hour is worth a call.
START_WITHIN = Duration.hours(1)
START_ATTEMPTS = 20
# Behind the early starts of the 3rd: a month that was closed late is closed by then.
RECONCILE = "cron(0 9 3 * ? *)"


class PlanSchedules(Construct):
    """Starts the machine with the plan and the scheduled time; a lost start is kept in a queue."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        machine: sfn.StateMachine,
    ) -> None:
        """All schedules share one role, which may start this machine and nothing else."""
        super().__init__(scope, id_)
        self.dead_letters = DeadLetters(self, "LostStarts")
        self._machine, self._role = machine, self._starting_role()
        for plan in environment.parsed_plans:
            for number, expression in enumerate(environment.schedules, 1):
                self._start(plan, str(number), expression)
            if not plan.dry_run:
                self._start(plan, "reconcile", RECONCILE, reconcile=LAST_MONTH)

    def _starting_role(self) -> iam.Role:
        own_account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=own_account)
        return iam.Role(self, "Role", assumed_by=principal)

    def _start(self, plan: Plan, name: str, expression: str, **asked: str) -> None:
        given = {"plan": plan.key, "as_of": scheduler.ContextAttribute.scheduled_time, **asked}
        scheduler.Schedule(
            self,
            f"{plan_slug(plan)}-{name}",
            description=f"Monthly usage of {plan.key}",
            schedule=scheduler.ScheduleExpression.expression(expression, TimeZone.ETC_UTC),
            target=targets.StepFunctionsStartExecution(
                self._machine,
                input=scheduler.ScheduleTargetInput.from_object(given),
                role=self._role,
                dead_letter_queue=self.dead_letters,
                max_event_age=START_WITHIN,
                retry_attempts=START_ATTEMPTS,
            ),
        )
