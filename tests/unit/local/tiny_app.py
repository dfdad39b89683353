"""A stack as `cdk synth` would write it, for handlers and a definition given by a test."""

import json
import textwrap
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.app.assembly import Stack
from infra.local.app.template import Template
from infra.local.aws.services import LoopbackAws

STATE_BUCKET = "tiny-state"
MACHINE = "tiny"
SENDS_EVENTS = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
# As the CDK writes RuleTargetInput.from_object({"bucket": EventField.from_path(…), …}).
NAMED = {
    "InputPathsMap": {
        "detail-bucket-name": "$.detail.bucket.name",
        "detail-object-key": "$.detail.object.key",
        "time": "$.time",
    },
    "InputTemplate": '{"bucket":<detail-bucket-name>,"key":<detail-object-key>,"as_of":<time>}',
}


def upload_rule(keys: str) -> dict[str, Any]:
    """Return a rule that starts the machine for uploads into the state bucket."""
    bucket, key = {"name": [{"Ref": "State"}]}, {"key": [{"wildcard": keys}]}
    return {
        "EventPattern": {"source": ["aws.s3"], "detail": {"bucket": bucket, "object": key}},
        "Targets": [{"Arn": {"Ref": "Machine"}, "Id": "Target0", "InputTransformer": NAMED}],
    }


Resources = dict[str, tuple[str, dict[str, Any]]]


def template_of(resources: Resources) -> Template:
    """Return a template with resources of these types and properties."""
    found = {n: {"Type": f"AWS::{kind}", "Properties": p} for n, (kind, p) in resources.items()}
    return Template({"Resources": found}, stack="tiny", region="us-east-1")


def tiny_stack(
    folder: Path, handlers: dict[str, str], definition: dict[str, Any], **rules: dict[str, Any]
) -> Stack:
    """One stack "tiny": a state bucket, one function per handler, one state machine.

    In the definition `${name}` stands for a function's ARN. With rules, the bucket sends events.
    """
    code = folder / "asset.0123abcd"
    (code / "functions").mkdir(parents=True)
    (code / "functions/__init__.py").write_text("")
    for name, source in handlers.items():
        (code / f"functions/{name}.py").write_text(textwrap.dedent(source))
    variables = {
        "STATE_BUCKET": {"Ref": "State"},
        "USAGE_BUCKET": "tiny-usage",
        "PLANS_PATH": "/tiny/plans",
        "CLAZAR_URL": "https://api.clazar.io",
    }
    arns = {name: {"Fn::GetAtt": [f"F{name}", "Arn"]} for name in handlers}
    properties: Resources = {
        "State": (
            "S3::Bucket",
            {
                "BucketName": STATE_BUCKET,
                "VersioningConfiguration": {"Status": "Enabled"},
                **({"NotificationConfiguration": SENDS_EVENTS} if rules else {}),
            },
        ),
        "Alarms": ("SNS::Topic", {"TopicName": "tiny-alarms"}),
        "Secret": ("SecretsManager::Secret", {"Name": "tiny/clazar"}),
        "Machine": (
            "StepFunctions::StateMachine",
            {
                "StateMachineName": MACHINE,
                "DefinitionString": json.dumps(definition),
                "DefinitionSubstitutions": {
                    **arns,
                    "StateBucket": {"Ref": "State"},
                    "Topic": {"Ref": "Alarms"},
                },
            },
        ),
        **{name: ("Events::Rule", rule) for name, rule in rules.items()},
    }
    for name in handlers:
        function = {
            "Handler": f"functions.{name}.handler",
            "Timeout": 30,
            "MemorySize": 256,
            "Environment": {"Variables": variables},
            "Code": {"S3Bucket": "assets", "S3Key": "0123abcd.zip"},
        }
        properties[f"F{name}"] = ("Lambda::Function", function)
    return Stack("tiny", template_of(properties), {"0123abcd.zip": code})


def client(aws: LoopbackAws, service: str) -> Any:
    """Return an SDK's client of this machine's AWS."""
    new_client: Any = boto3.client
    return new_client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=40),
    )
