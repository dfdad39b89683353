"""One Lambda = one role + one log group, and no other right until somebody grants one."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.acknowledged import acknowledge
from infra.constructs.log_group import LogGroup

PYTHON = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
TESTED_PYTHON = "Python 3.13 is the newest version that the packages and the tests are run on."
ACKNOWLEDGED = {
    "AwsSolutions-L1": TESTED_PYTHON,
    "Serverless-LambdaLatestVersion": TESTED_PYTHON,
    "Serverless-LambdaDLQ": (
        "Step Functions waits for the answer: nothing is delivered asynchronously."
    ),
    "Serverless-LambdaTracing": (
        "It would need a right on every resource, and the execution history already shows every "
        "state with its times."
    ),
}


class TaskFunction(Construct):
    """The function behind one state; its construct id is the name of the state.

    No AWSLambdaBasicExecutionRole: that one may write every log group. ``settings``: those of the
    Lambda itself, by their names in the CDK.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        module: str,
        timeout_seconds: int,
        log_days: int,
        **settings: Any,
    ) -> None:
        """Name the module as a string: ``infra`` does not import what it deploys."""
        super().__init__(scope, id_)
        self.timeout_seconds = timeout_seconds
        logs = LogGroup(self, "Logs", days=log_days)
        self.role = self._role(logs)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"State {id_}: {module}",
            runtime=PYTHON,
            architecture=ARCHITECTURE,
            handler=f"{module}.handler",
            timeout=Duration.seconds(timeout_seconds),
            role=self.role,
            log_group=logs,
            **settings,
        )
        for rule, reason in ACKNOWLEDGED.items():
            acknowledge(self.function, rule, reason)

    def _role(self, logs: LogGroup) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[logs.log_group_arn],
            )
        )
        return role
