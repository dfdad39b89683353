from typing import Any

import pytest

from tests.infra.templates import Template

BUCKETS = {"metering": 2, "credits": 1}
EXPIRING = {"metering": {"runs/": 90, "previews/": 30, "days/": 430}, "credits": {"runs/": 90}}
CONDITIONAL = {
    "metering": {"/days/*", "/ledger/*", "/leases/*"},
    "credits": {"/drops/*", "/leases/*"},
}
KEPT = (
    *("ledger/", "reports/", "leases/", "metering_state.json"),
    *("credits-", "snapshots/", "drops/"),
)


@pytest.fixture
def buckets(template: Template) -> list[dict[str, Any]]:
    found = template.properties("AWS::S3::Bucket")
    assert len(found) == BUCKETS[template.pipeline]
    return found


def test_buckets_are_encrypted_versioned_and_closed(buckets: list[dict[str, Any]]) -> None:
    for bucket in buckets:
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(bucket["PublicAccessBlockConfiguration"].values())


def test_buckets_topics_and_queues_refuse_what_does_not_come_over_tls(template: Template) -> None:
    for kind, count in (("S3::Bucket", BUCKETS[template.pipeline]), ("SNS::Topic", 1)):
        assert len(template.resources(f"AWS::{kind}Policy")) == count
    for kind in ("S3::BucketPolicy", "SNS::TopicPolicy", "SQS::QueuePolicy"):
        policies = template.resources(f"AWS::{kind}")
        plain = {"Bool": {"aws:SecureTransport": "false"}}
        denied = {
            id_
            for id_, statement in template.statements(f"AWS::{kind}")
            if (statement["Effect"], statement.get("Condition")) == ("Deny", plain)
        }
        assert denied == policies.keys()


def test_what_decides_what_was_sent_cannot_be_written_without_a_condition(
    template: Template,
) -> None:
    rights = template.statements("AWS::S3::BucketPolicy")
    ((id_, statement),) = (r for r in rights if r[1].get("Sid") == "ConditionalWritesOnly")
    assert "UsageBucket" not in id_
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Action"] == "s3:PutObject"
    absent = {"s3:if-none-match": "true", "s3:if-match": "true"}
    assert statement["Condition"] == {"Null": absent}, "both in one operator: neither is there"
    bucket = template.resources("AWS::S3::BucketPolicy")[id_]["Properties"]["Bucket"]["Ref"]
    keys = {key for _, (_, key) in (arn["Fn::Join"] for arn in statement["Resource"])}
    assert keys == CONDITIONAL[template.pipeline]
    assert all(bucket in str(arn) for arn in statement["Resource"])


def test_only_what_runs_leave_behind_expires(template: Template) -> None:
    rules = {
        rule.get("Prefix", ""): rule
        for bucket in template.properties("AWS::S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    }
    days = {prefix: rule["ExpirationInDays"] for prefix, rule in rules.items()}
    assert days == EXPIRING[template.pipeline]
    assert not [prefix for prefix in rules if prefix.startswith(KEPT)]


def test_no_rule_shortens_the_history_of_what_was_sent(template: Template) -> None:
    for id_, bucket in template.resources("AWS::S3::Bucket").items():
        if "UsageBucket" not in id_:
            for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]:
                if "NoncurrentVersionExpiration" in rule:
                    assert rule["Prefix"] in EXPIRING[template.pipeline]


def test_prod_keeps_its_data_and_dev_goes_with_its_stack(dev: Template, prod: Template) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::SecretsManager::Secret"):
        for resource in prod.resources(kind).values():
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resource["UpdateReplacePolicy"] == "Retain"
        for resource in dev.resources(kind).values():
            assert resource["DeletionPolicy"] == "Delete"


def test_no_hidden_function_empties_or_configures_a_bucket(template: Template) -> None:
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("Custom::")]
    assert "AWS::CloudFormation::CustomResource" not in kinds


def test_omnistrate_may_write_and_read_its_export_and_nothing_else(
    metering_stack: Template,
) -> None:
    rights = metering_stack.statements("AWS::S3::BucketPolicy")
    ((id_, statement),) = (right for right in rights if right[1]["Effect"] == "Allow")
    assert "UsageBucket" in id_
    assert statement["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert "498789612402:root" in str(statement["Principal"])


def test_nobody_outside_is_let_into_the_credits_bucket(credits_stack: Template) -> None:
    rights = credits_stack.statements("AWS::S3::BucketPolicy")
    assert {right["Effect"] for _, right in rights} == {"Deny"}
