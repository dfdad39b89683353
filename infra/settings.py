"""What the functions read at run time: one parameter per plan, and a partner's credentials."""

import re
from collections.abc import Iterable

import msgspec
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from functions.domain.plan import Plan
from infra.constructs.acknowledged import acknowledge, acknowledge_pattern
from infra.environment import Environment
from infra.storage import removal_policy

PARAMETER_BYTES = 4096
MADE_BY_A_PERSON = "The partner's console makes and revokes this; nothing here could rotate it."


class PlanDoesNotFit(ValueError):
    """A plan's configuration is too long, or its name taken, in the parameter store."""


class PlanParameters(Construct):
    """Plans are parameters, not environment variables: those share 4 KB among all plans."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: str, plans: Iterable[Plan]
    ) -> None:
        """Write each plan under one path, which is all that a reader has to know."""
        super().__init__(scope, id_)
        self.path = f"/{environment}/metering/plans"
        for plan in plans:
            self._add(environment, plan)

    def _add(self, environment: str, plan: Plan) -> None:
        value, id_ = msgspec.json.encode(plan).decode(), plan_slug(plan)
        where = f"environment {environment}: plan {plan.key}"
        if (size := len(value.encode())) > PARAMETER_BYTES:
            raise PlanDoesNotFit(f"{where}: {size} bytes of configuration; {PARAMETER_BYTES} fit")
        if self.node.try_find_child(id_):
            raise PlanDoesNotFit(f"{where}: another plan also has the parameter name {id_}")
        ssm.StringParameter(
            self,
            id_,
            parameter_name=f"{self.path}/{id_}",
            string_value=value,
            description=f"Metering plan {plan.key}",
        )

    def grant_read(self, role: iam.Role) -> None:
        """All plans in one call, and no parameter beside them."""
        path = Stack.of(self).format_arn(
            service="ssm", resource="parameter", resource_name=self.path.removeprefix("/")
        )
        below = f"{path}/*"
        role.add_to_policy(
            iam.PolicyStatement(actions=["ssm:GetParametersByPath"], resources=[path, below])
        )
        acknowledge_pattern(role, below, "Plans come and go; all of them lie under this path")


class PartnerSecret(Construct):
    """A secret that is created empty, so that no template and no update ever holds its value.

    Named after environment, pipeline and partner.
    """

    def __init__(
        self, scope: Stack, id_: str, *, environment: Environment, description: str
    ) -> None:
        """Leave out the generated value that the ready-made construct would put in."""
        super().__init__(scope, id_)
        self.name = f"{environment.name}/{scope.node.id}/{id_.lower()}"
        secret = secretsmanager.CfnSecret(self, "Secret", name=self.name, description=description)
        secret.apply_removal_policy(removal_policy(keep_data=environment.keep_data))
        acknowledge(secret, "AwsSolutions-SMG4", MADE_BY_A_PERSON)
        self.arn = secret.ref

    def grant_read(self, role: iam.Role) -> None:
        """Read the current value."""
        role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[self.arn])
        )


def plan_slug(plan: Plan) -> str:
    """Spell the plan's key in the letters that a parameter name may have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", plan.key.replace(":", "."), flags=re.ASCII)
