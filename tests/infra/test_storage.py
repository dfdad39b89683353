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
    found = list(template.resources("AWS::S3::Bucket").values())
    assert len(found) == BUCKETS[template.pipeline]
    return [bucket["Properties"] for bucket in found]


def test_buckets_are_encrypted_versioned_and_closed(buckets: list[dict[str, Any]]) -> None:
    for bucket in buckets:
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(bucket["PublicAccessBlockConfiguration"].values())


def test_buckets_refuse_what_does_not_come_over_tls(template: Template) -> None:
    policies = template.resources("AWS::S3::BucketPolicy").values()
    assert len(policies) == BUCKETS[template.pipeline]
    for policy in policies:
        denied = [
            statement["Condition"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_what_decides_what_was_sent_cannot_be_written_without_a_condition(
    template: Template,
) -> None:
    for id_, policy in template.resources("AWS::S3::BucketPolicy").items():
        denied = [
            statement
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement.get("Sid") == "ConditionalWritesOnly"
        ]
        if "UsageBucket" in id_:
            assert not denied
            continue
        (statement,) = denied
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == {"AWS": "*"}
        assert statement["Action"] == "s3:PutObject"
        absent = {"s3:if-none-match": "true", "s3:if-match": "true"}
        assert statement["Condition"] == {"Null": absent}, "both in one operator: neither is there"
        bucket = policy["Properties"]["Bucket"]["Ref"]
        keys = {key for _, (_, key) in (arn["Fn::Join"] for arn in statement["Resource"])}
        assert keys == CONDITIONAL[template.pipeline]
        assert all(bucket in str(arn) for arn in statement["Resource"])


def test_only_what_runs_leave_behind_expires(template: Template) -> None:
    rules = {
        rule.get("Prefix", ""): rule
        for bucket in template.resources("AWS::S3::Bucket").values()
        for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
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
    allowed = [
        (id_, statement)
        for id_, policy in metering_stack.resources("AWS::S3::BucketPolicy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    ((id_, statement),) = allowed
    assert "UsageBucket" in id_
    assert statement["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert "498789612402:root" in str(statement["Principal"])


def test_nobody_outside_is_let_into_the_credits_bucket(credits_stack: Template) -> None:
    (policy,) = credits_stack.resources("AWS::S3::BucketPolicy").values()
    effects = {right["Effect"] for right in policy["Properties"]["PolicyDocument"]["Statement"]}
    assert effects == {"Deny"}
