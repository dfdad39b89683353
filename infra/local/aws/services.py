"""The AWS of this machine: moto's services behind one loopback port, filled from a template."""

import os
from collections.abc import Iterable
from typing import Any, ClassVar

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local.app.template import ACCOUNT, PARTITION, Resource, Template, TemplateError
from infra.local.aws.bucket_policy import refusals
from infra.local.aws.object_store import ObjectStore
from infra.local.aws.wsgi_server import WsgiServer

CREDENTIALS = (
    '{"client_id": "local-client", "client_secret": "local-secret", "api_key": "local-api-key"}'
)
"""What every secret of the template holds here: the loopback partners accept anything not empty."""


class LoopbackAws:
    """All services. moto's state belongs to the process, so there is one of these at a time."""

    _newest: ClassVar["LoopbackAws | None"] = None

    def __init__(self, region: str) -> None:
        # A profile or an endpoint of the shell is for the real AWS; moto would look for it.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        moto_api_backend.reset()
        LoopbackAws._newest = self
        self.region = region
        dispatcher = DomainDispatcherApplication(create_backend_app)
        self.objects = ObjectStore(
            # The dispatcher looks through all of moto's folders for every request.
            others=dispatcher,
            moto=create_backend_app("s3"),
            backend=s3_backends[ACCOUNT]["aws"],
        )
        self._server = WsgiServer(self.objects)
        self.url = f"http://127.0.0.1:{self._server.port}"

    @property
    def has_its_state(self) -> bool:
        """Whether no other one has been opened since, which has emptied moto."""
        return LoopbackAws._newest is self

    def close(self) -> None:
        """Stop answering."""
        self._server.close()

    def create(self, template: Template) -> None:
        """Everything of the template that holds data; code and definitions come separately."""
        for bucket in template.of_type("AWS::S3::Bucket"):
            versioning = bucket.properties.get("VersioningConfiguration", {})
            self.bucket(bucket.name, versioned=versioning.get("Status") == "Enabled")
        self.objects.refuse(refusals(template))
        secrets = secretsmanager_backends[ACCOUNT][self.region]
        for secret in template.of_type("AWS::SecretsManager::Secret"):
            secrets.create_secret(
                name=secret.name,
                secret_string=CREDENTIALS,
                secret_binary=None,
                description=None,
                tags=None,
                kms_key_id=None,
                client_request_token=None,
                replica_regions=[],
                force_overwrite=False,
            )
        for topic in template.of_type("AWS::SNS::Topic"):
            sns_backends[ACCOUNT][self.region].create_topic(topic.name)
        for queue in template.of_type("AWS::SQS::Queue"):
            sqs_backends[ACCOUNT][self.region].create_queue(queue.name)
        for parameter in template.of_type("AWS::SSM::Parameter"):
            self.parameter(parameter.name, str(parameter.properties["Value"]))

    def bucket(self, name: str, *, versioned: bool = False) -> None:
        """Create a bucket unless the template already did."""
        if name not in s3_backends[ACCOUNT]["aws"].buckets:
            self.objects.create(name, self.region, versioned=versioned)

    def parameter(self, name: str, value: str) -> None:
        """Set a parameter of SSM."""
        ssm_backends[ACCOUNT][self.region].put_parameter(
            name=name,
            description="",
            value=value,
            parameter_type="String",
            allowed_pattern="",
            keyid="",
            overwrite=True,
            tags=[],
            data_type="text",
            tier=None,
            policies=None,
        )

    def replace_parameters(self, path: str, values: Iterable[str]) -> None:
        """Put these values under a path, and nothing else."""
        parameters = ssm_backends[ACCOUNT][self.region]
        names = list(parameters._parameters)  # noqa: SLF001 (the public way pages)
        known = [name for name in names if name.startswith(path.rstrip("/") + "/")]
        parameters.delete_parameters(known)
        for number, value in enumerate(values):
            self.parameter(f"{path.rstrip('/')}/{number}", value)

    def state_machine(self, resource: Resource) -> str:
        """Create a state machine. Returns its definition."""
        properties = resource.properties
        definition = properties.get("DefinitionString")
        if not isinstance(definition, str):
            raise TemplateError(f"{resource.logical_id} has no definition as text")
        for name, value in properties.get("DefinitionSubstitutions", {}).items():
            definition = definition.replace("${" + name + "}", str(value))
        stepfunctions_parser_backends[ACCOUNT][self.region].create_state_machine(
            name=resource.name,
            definition=definition,
            roleArn=str(properties.get("RoleArn", f"arn:{PARTITION}:iam::{ACCOUNT}:role/local")),
            sm_type=str(properties.get("StateMachineType", "STANDARD")),
        )
        return definition

    def start_execution(self, machine_arn: str, name: str, text: str) -> Any:
        """Start an execution: moto's object, which runs in threads of its own from here on."""
        return stepfunctions_parser_backends[ACCOUNT][self.region].start_execution(
            machine_arn, name, text
        )

    def published(self) -> list[str]:
        """Every message published to any topic, oldest first."""
        topics = sns_backends[ACCOUNT][self.region].topics.values()
        return [sent[1] for topic in topics for sent in topic.sent_notifications]
