"""How a file that is dropped into the bucket starts the credits pipeline."""

import json
from typing import Any

import pytest

from infra.credits_tasks import TASKS
from tests.infra.templates import Template


@pytest.fixture
def rule(credits_stack: Template) -> dict[str, Any]:
    rules = credits_stack.properties("AWS::Events::Rule")
    (rule,) = (rule for rule in rules if rule["EventPattern"]["source"] == ["aws.s3"])
    return rule


@pytest.fixture
def target(rule: dict[str, Any]) -> dict[str, Any]:
    (target,) = rule["Targets"]
    return dict(target)


def test_the_bucket_tells_eventbridge_of_every_object(credits_stack: Template) -> None:
    (bucket,) = credits_stack.properties("AWS::S3::Bucket")
    sends = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert bucket["NotificationConfiguration"] == sends


def test_every_object_in_this_bucket_but_our_own_starts_the_machine(
    credits_stack: Template, rule: dict[str, Any], target: dict[str, Any]
) -> None:
    (bucket,) = credits_stack.resources("AWS::S3::Bucket")
    (machine,) = credits_stack.resources("AWS::StepFunctions::StateMachine")
    assert rule["State"] == "ENABLED"
    assert "EventBusName" not in rule
    own = ["drops/*", "leases/*", "reports/*", "runs/*", "snapshots/*"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": bucket}]},
            "object": {"key": [{"anything-but": {"wildcard": [*own, "*/"]}}]},
        },
    }
    assert target["Arn"] == {"Ref": machine}


def test_no_function_may_write_what_would_start_the_machine(rule: dict[str, Any]) -> None:
    (key,) = rule["EventPattern"]["detail"]["object"]["key"]
    written = {name for task in TASKS.values() for name in task.credits.write}
    assert written <= set(key["anything-but"]["wildcard"])


def test_the_machine_is_given_bucket_key_and_time_of_the_event(target: dict[str, Any]) -> None:
    transformer = target["InputTransformer"]
    paths, text = transformer["InputPathsMap"], transformer["InputTemplate"]
    for name, path in paths.items():
        text = text.replace(f"<{name}>", json.dumps(path))
    assert json.loads(text) == {
        "bucket": "$.detail.bucket.name",
        "key": "$.detail.object.key",
        "as_of": "$.time",
    }


def test_a_start_that_fails_is_tried_for_a_day(target: dict[str, Any]) -> None:
    day = {"MaximumEventAgeInSeconds": 24 * 3600, "MaximumRetryAttempts": 185}
    assert target["RetryPolicy"] == day


def test_only_the_rules_of_this_stack_may_leave_what_is_lost(credits_stack: Template) -> None:
    rules = credits_stack.resources("AWS::Events::Rule")
    rights = [statement for _, statement in credits_stack.statements("AWS::SQS::QueuePolicy")]
    allow = [statement for statement in rights if statement["Effect"] == "Allow"]
    assert {statement["Action"] for statement in allow} == {"sqs:SendMessage"}
    assert [statement["Principal"] for statement in allow] == [
        {"Service": "events.amazonaws.com"}
    ] * len(rules)
    sources = [statement["Condition"]["ArnEquals"]["aws:SourceArn"] for statement in allow]
    assert sorted(source["Fn::GetAtt"][0] for source in sources) == sorted(rules)


def test_the_rule_may_start_this_machine_and_nothing_else(
    credits_stack: Template, target: dict[str, Any]
) -> None:
    (machine,) = credits_stack.resources("AWS::StepFunctions::StateMachine")
    assert credits_stack.rights_of("Uploads") == {"states:StartExecution": [{"Ref": machine}]}
    role = target["RoleArn"]["Fn::GetAtt"][0]
    (trust,) = credits_stack.resources("AWS::IAM::Role")[role]["Properties"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_log_group_of_the_summary_lines_is_an_output(credits_stack: Template) -> None:
    named = credits_stack.body["Outputs"]["SummaryLogGroupName"]["Value"]
    assert credits_stack.functions()["ReportCredits"]["LoggingConfig"]["LogGroup"] == named
