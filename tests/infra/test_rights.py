from typing import Any

import pytest

from infra.metering_tasks import TASKS
from tests.infra.templates import Template, listed

# AWS offers no resource for these: they set up the delivery of an account's logs.
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def test_only_log_delivery_names_every_resource(template: Template) -> None:
    for owner, statement in template.rights():
        if "*" in listed(statement["Resource"]):
            assert owner == "Metering"
            assert set(statement["Action"]) == LOG_DELIVERY


def test_no_role_may_do_everything_of_a_service(template: Template) -> None:
    for _, statement in template.rights():
        assert not [action for action in listed(statement["Action"]) if "*" in action]


def test_nobody_may_delete_anything(template: Template) -> None:
    for _, statement in template.rights():
        actions = set(listed(statement["Action"])) - LOG_DELIVERY
        assert not [action for action in actions if "delete" in action.lower()]


def test_only_submit_contract_reads_the_secret(template: Template) -> None:
    assert _owners(template, "secretsmanager:GetSecretValue") == {"SubmitContract"}


def test_only_acquire_plan_reads_the_plans(template: Template) -> None:
    assert _owners(template, "ssm:GetParametersByPath") == {"AcquirePlan"}


def test_only_the_takers_of_leases_and_claims_look_at_executions(template: Template) -> None:
    owners = _owners(template, "states:DescribeExecution")
    assert owners == {"AcquirePlan", "ClaimContract", "Metering"}


def test_the_usage_bucket_is_never_written(template: Template) -> None:
    for state in TASKS:
        assert not template.keys(state, "s3:PutObject", "UsageBucket")


def test_only_the_recorders_of_outcomes_write_the_ledger(template: Template) -> None:
    writers = {
        state for state in TASKS if "/ledger/*" in template.keys(state, "s3:PutObject", "State")
    }
    assert writers == {
        "ClaimContract",
        "SubmitContract",
        "RecordSuccess",
        "RecordError",
        "CloseMonth",
    }


def test_only_close_month_writes_the_state_file(template: Template) -> None:
    state_file = "/metering_state.json"
    writers = {
        state for state in TASKS if state_file in template.keys(state, "s3:PutObject", "State")
    }
    assert writers == {"CloseMonth"}


def test_a_preview_writes_nothing_but_previews(template: Template) -> None:
    assert template.keys("PreviewMonth", "s3:PutObject", "State") == {"/previews/*"}


def test_a_missing_object_answers_404_to_everyone_who_reads(template: Template) -> None:
    for state in TASKS:
        for bucket in ("StateBucket", "UsageBucket"):
            if template.keys(state, "s3:GetObject", bucket):
                assert _may_list(template, state, bucket), state


def test_the_machine_invokes_its_own_functions_and_starts_only_itself(template: Template) -> None:
    rights = _rights_of(template, "Metering")
    assert len(rights["lambda:InvokeFunction"]) == len(TASKS)
    (own,) = rights["states:StartExecution"]
    assert own["Fn::Join"][1][-1].endswith("-metering")


def test_the_machine_reads_and_writes_only_the_files_of_runs(template: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        assert template.keys("Metering", action, "State") == {"/runs/*", "/previews/*"}


@pytest.mark.parametrize("action", ["states:StopExecution", "states:RedriveExecution"])
def test_the_machine_controls_the_children_of_its_maps(template: Template, action: str) -> None:
    arns = [arn["Fn::Join"][1][-1] for arn in _rights_of(template, "Metering")[action]]
    assert sorted(arn[-2:] for arn in arns) == ["/*", ":*"]


def _owners(template: Template, action: str) -> set[str]:
    return {owner for owner, right in template.rights() if action in listed(right["Action"])}


def _rights_of(template: Template, owner: str) -> dict[str, list[Any]]:
    return {
        action: listed(right["Resource"])
        for name, right in template.rights()
        if name == owner
        for action in listed(right["Action"])
    }


def _may_list(template: Template, state: str, bucket: str) -> bool:
    return any(
        owner == state
        and right["Action"] == "s3:ListBucket"
        and bucket in right["Resource"]["Fn::GetAtt"][0]
        and right["Condition"]["StringLikeIfExists"]["s3:prefix"]
        for owner, right in template.rights()
    )
