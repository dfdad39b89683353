from typing import Any

import pytest

from tests.infra.templates import Template

KEPT = ("ledger/", "reports/", "leases/", "metering_state.json")


@pytest.fixture
def buckets(template: Template) -> list[dict[str, Any]]:
    found = list(template.resources("AWS::S3::Bucket").values())
    assert len(found) == 2
    return [bucket["Properties"] for bucket in found]


def test_buckets_are_encrypted_versioned_and_closed(buckets: list[dict[str, Any]]) -> None:
    for bucket in buckets:
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(bucket["PublicAccessBlockConfiguration"].values())


def test_buckets_refuse_what_does_not_come_over_tls(template: Template) -> None:
    policies = template.resources("AWS::S3::BucketPolicy").values()
    assert len(policies) == 2
    for policy in policies:
        denied = [
            statement["Condition"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_only_what_runs_and_previews_leave_behind_expires(template: Template) -> None:
    rules = {
        rule.get("Prefix", ""): rule
        for bucket in template.resources("AWS::S3::Bucket").values()
        for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    }
    assert {prefix: rule["ExpirationInDays"] for prefix, rule in rules.items()} == {
        "runs/": 90,
        "previews/": 30,
    }
    assert not [prefix for prefix in rules if prefix.startswith(KEPT)]


def test_no_rule_shortens_the_history_of_the_ledger(template: Template) -> None:
    for id_, bucket in template.resources("AWS::S3::Bucket").items():
        if "StateBucket" in id_:
            for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]:
                if "NoncurrentVersionExpiration" in rule:
                    assert rule["Prefix"] in {"runs/", "previews/"}


def test_prod_keeps_its_data_and_dev_goes_with_its_stack(dev: Template, prod: Template) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::SecretsManager::Secret"):
        for resource in prod.resources(kind).values():
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resource["UpdateReplacePolicy"] == "Retain"
        for resource in dev.resources(kind).values():
            assert resource["DeletionPolicy"] == "Delete"


def test_no_hidden_function_empties_a_bucket(template: Template) -> None:
    kinds = {resource["Type"] for resource in template.body["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("Custom::")]


def test_omnistrate_may_write_and_read_its_export_and_nothing_else(template: Template) -> None:
    allowed = [
        (id_, statement)
        for id_, policy in template.resources("AWS::S3::BucketPolicy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    ((id_, statement),) = allowed
    assert "UsageBucket" in id_
    assert statement["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert "498789612402:root" in str(statement["Principal"])
