"""A cloud assembly as `cdk synth` would write it, for handlers and a definition given by a test."""

import json
import textwrap
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

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


def write_assembly(
    folder: Path,
    *,
    handlers: dict[str, str],
    definition: dict[str, Any],
    timeout: int = 30,
    environment: dict[str, str] | None = None,
    rules: dict[str, Any] | None = None,
) -> Path:
    """One stack "tiny": a state bucket, one function per handler, one state machine.

    In the definition `${name}` stands for a function's ARN. With rules, the bucket sends events.
    """
    asset = folder / "asset.0123abcd" / "functions"
    asset.mkdir(parents=True)
    (asset / "__init__.py").write_text("")
    for name, source in handlers.items():
        (asset / f"{name}.py").write_text(textwrap.dedent(source))
    variables = {
        "STATE_BUCKET": {"Ref": "State"},
        "USAGE_BUCKET": "tiny-usage",
        "PLANS_PATH": "/tiny/plans",
        "CLAZAR_URL": "https://api.clazar.io",
        **(environment or {}),
    }
    resources: dict[str, Any] = {
        "State": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": STATE_BUCKET,
                "VersioningConfiguration": {"Status": "Enabled"},
                **({"NotificationConfiguration": SENDS_EVENTS} if rules else {}),
            },
        },
        "Alarms": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "tiny-alarms"}},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "tiny/clazar"}},
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": MACHINE,
                "DefinitionString": json.dumps(definition),
                "DefinitionSubstitutions": {
                    **{name: {"Fn::GetAtt": [f"F{name}", "Arn"]} for name in handlers},
                    "StateBucket": {"Ref": "State"},
                    "Topic": {"Ref": "Alarms"},
                },
            },
        },
    }
    for name, properties in (rules or {}).items():
        resources[name] = {"Type": "AWS::Events::Rule", "Properties": properties}
    for name in handlers:
        resources[f"F{name}"] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": f"functions.{name}.handler",
                "Timeout": timeout,
                "MemorySize": 256,
                "Environment": {"Variables": variables},
                "Code": {"S3Bucket": "assets", "S3Key": "0123abcd.zip"},
            },
        }
    manifest: dict[str, Any] = {
        "artifacts": {
            "tiny.assets": {
                "type": "cdk:asset-manifest",
                "properties": {"file": "tiny.assets.json"},
            },
            "tiny": {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/unknown-region",
                "properties": {"templateFile": "tiny.template.json", "stackName": "tiny"},
            },
        }
    }
    asset_of_all = {
        "source": {"path": "asset.0123abcd", "packaging": "zip"},
        "destinations": {"current": {"bucketName": "assets", "objectKey": "0123abcd.zip"}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "tiny.assets.json").write_text(json.dumps({"files": {"all": asset_of_all}}))
    (folder / "tiny.template.json").write_text(json.dumps({"Resources": resources}))
    return folder


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
