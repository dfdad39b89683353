"""A state machine from its definition file, with the rights that the definition needs.

CDK makes no grants for a definition given as text, so they are written here. The text stays in
the template (``from_file`` would hide it in an asset), where ``cdk diff`` and the tests see it.
``TimeoutSeconds`` stands in the definition: CDK ignores a timeout given beside a text.
"""

import json
import re
from collections.abc import Mapping

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import definitions
from infra.constructs.acknowledged import acknowledge, acknowledge_pattern
from infra.constructs.log_group import LogGroup
from infra.constructs.task_function import TaskFunction

RESULT_WRITER = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

ERRORS_ONLY = (
    "Every step of every execution stands in the execution history for 90 days. Logging them all "
    "a second time would add cost, and payloads can hold what a log should not."
)
NO_TRACES = (
    "X-Ray needs a right on every resource for the machine and each function; the execution "
    "history already shows each state with its times and errors."
)
LOG_DELIVERY = "Setting up log delivery is an account-wide action without a resource to name."


class DefinitionMismatch(ValueError):
    """A definition file and the stack do not speak of the same things."""


class StateMachine(Construct):
    """A Standard workflow; its name is fixed so that its own ARN can stand in its own policy."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        definition: str,
        name: str,
        tasks: Mapping[str, TaskFunction],
        values: Mapping[str, str],
        log_days: int,
        map_bucket: s3.IBucket | None = None,
        map_keys: tuple[str, ...] = (),
    ) -> None:
        """Fail the synth when a placeholder has no value, or a value no placeholder.

        ``map_bucket`` is for a definition with a Distributed Map.
        """
        super().__init__(scope, id_)
        text = json.dumps(definitions.load(definition), indent=1, ensure_ascii=False)
        arns = {f"{state}FunctionArn": task.function.function_arn for state, task in tasks.items()}
        substitutions = {**arns, **values}
        check_placeholders(definition, text, substitutions)
        self.logs = LogGroup(self, "Logs", days=log_days, name=f"/aws/vendedlogs/states/{name}")
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        self._allow("lambda:InvokeFunction", resources=list(arns.values()))
        if map_bucket:
            self._grant_distributed_map(name, map_bucket, map_keys)
        acknowledge_pattern(self.role, "*", LOG_DELIVERY)
        self.machine = self._machine(name, text, substitutions)

    def _machine(self, name: str, text: str, values: Mapping[str, str]) -> sfn.StateMachine:
        machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=values,
            role=self.role,
            logs=sfn.LogOptions(
                destination=self.logs, level=sfn.LogLevel.ERROR, include_execution_data=False
            ),
        )
        acknowledge(machine, "AwsSolutions-SF1", ERRORS_ONLY)
        for rule in ("AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray"):
            acknowledge(machine, rule, NO_TRACES)
        return machine

    def _grant_distributed_map(self, name: str, bucket: s3.IBucket, keys: tuple[str, ...]) -> None:
        """Child executions, the file with their items, and the files with their results."""
        self._allow("states:StartExecution", resources=[machine_arn(self, name)])
        self._allow(
            "states:DescribeExecution",
            "states:StopExecution",
            "states:RedriveExecution",
            resources=execution_arns(self, name),
        )
        files = [bucket.arn_for_objects(key) for key in keys]
        self._allow("s3:GetObject", *RESULT_WRITER, resources=files)
        for arn in (*execution_arns(self, name), *files):
            acknowledge_pattern(self.role, arn, "Names of runs and executions are made at run time")

    def _allow(self, *actions: str, resources: list[str]) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))


def check_placeholders(definition: str, text: str, values: Mapping[str, str]) -> None:
    """Name both sides of a mismatch, so that a renamed state is found at once."""
    used = set(re.findall(r"\$\{(\w+)\}", text))
    if unknown := sorted(used - values.keys()):
        raise DefinitionMismatch(
            f"{definition}.asl.json uses placeholders without a value: {', '.join(unknown)}"
        )
    if unused := sorted(values.keys() - used):
        raise DefinitionMismatch(
            f"{definition}.asl.json lacks the placeholders: {', '.join(unused)}"
        )


def machine_arn(scope: Construct, name: str) -> str:
    """Spell out the ARN: a reference to the machine in its own policy would be circular."""
    return _arn(scope, "stateMachine", name)


def execution_arns(scope: Construct, name: str) -> list[str]:
    """Executions that an operator or an event started, and the children of a Distributed Map."""
    return [_arn(scope, "execution", f"{name}:*"), _arn(scope, "execution", f"{name}/*")]


def _arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="states",
        resource=resource,
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
