from typing import Any

import pytest

from infra.local.app.template import Template, TemplateError

RESOURCES: dict[str, Any] = {
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "Named": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "usage"}},
    "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "do-it"}},
    "Machine": {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"StateMachineName": {"Fn::Join": ["-", ["dev", "metering"]]}},
    },
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "dev/clazar"}},
    "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p/1", "Value": "v"}},
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
    "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"X": {"Fn::ImportValue": "y"}}},
}


def template() -> Template:
    return Template({"Resources": RESOURCES}, stack="Dev-Metering", region="eu-west-1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *(({"Ref": "AWS::Region"}, "eu-west-1"), ({"Ref": "AWS::Partition"}, "aws")),
        *(({"Ref": "AWS::AccountId"}, "123456789012"), ({"Ref": "Bucket"}, "dev-metering-bucket")),
        *(({"Ref": "Named"}, "usage"), ({"Ref": "Function"}, "do-it")),
        ({"Ref": "Parameter"}, "/p/1"),
        ({"Fn::GetAtt": ["Named", "Arn"]}, "arn:aws:s3:::usage"),
        (
            {"Fn::GetAtt": ["Function", "Arn"]},
            "arn:aws:lambda:eu-west-1:123456789012:function:do-it",
        ),
        ({"Ref": "Machine"}, "arn:aws:states:eu-west-1:123456789012:stateMachine:dev-metering"),
        ({"Ref": "Topic"}, "arn:aws:sns:eu-west-1:123456789012:Dev-Metering-Topic"),
        ({"Ref": "Secret"}, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:dev/clazar"),
        ({"Fn::Join": [":", ["a", {"Ref": "Named"}]]}, "a:usage"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:eu-west-1:123456789012:dead"),
        ({"Fn::Sub": "${Named}/${AWS::Region}"}, "usage/eu-west-1"),
        ([{"Ref": "Named"}, {"deep": {"Ref": "Named"}}], ["usage", {"deep": "usage"}]),
    ],
)
def test_an_intrinsic_becomes_what_it_stands_for(given: Any, expected: Any) -> None:
    assert template().resolve(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        *({"Ref": "Nobody"}, {"Fn::ImportValue": "other"}),
        *({"Fn::GetAtt": ["Bucket", "Colour"]}, {"Fn::Sub": "${!Kept}"}),
    ],
)
def test_what_cannot_be_worked_out_is_refused_rather_than_guessed(given: Any) -> None:
    with pytest.raises(TemplateError):
        template().resolve(given)


def test_resources_that_mean_nothing_here_may_hold_anything() -> None:
    buckets = [found.name for found in template().of_type("AWS::S3::Bucket")]
    assert buckets == ["dev-metering-bucket", "usage"]
