"""Rights that both pipelines may and may not give, and those of metering."""

import pytest

from infra.metering_tasks import TASKS
from tests.infra.templates import Template, listed

# AWS offers no resource for these: they set up the delivery of an account's logs.
LOG_DELIVERY = {
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery"),
    *("logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:DescribeLogGroups"),
    *("logs:DescribeResourcePolicies", "logs:PutResourcePolicy"),
}


def test_only_log_delivery_names_every_resource(template: Template) -> None:
    for owner, statement in template.rights():
        if "*" in listed(statement["Resource"]):
            assert owner == template.machine
            assert set(statement["Action"]) == LOG_DELIVERY


def test_no_role_may_do_everything_of_a_service(template: Template) -> None:
    for _, statement in template.rights():
        assert not [action for action in listed(statement["Action"]) if "*" in action]


def test_nobody_may_delete_anything(template: Template) -> None:
    for _, statement in template.rights():
        actions = set(listed(statement["Action"])) - LOG_DELIVERY
        assert not [action for action in actions if "delete" in action.lower()]


def test_a_missing_object_answers_404_to_everyone_who_reads(template: Template) -> None:
    for state in template.tasks:
        for bucket in ("StateBucket", "UsageBucket", "CreditsBucket"):
            if template.keys(state, "s3:GetObject", bucket):
                assert _may_list(template, state, bucket), state


def test_the_machine_invokes_its_own_functions(template: Template) -> None:
    assert len(template.rights_of(template.machine)["lambda:InvokeFunction"]) == len(template.tasks)


def test_only_who_asks_clazar_reads_the_secret(metering_stack: Template) -> None:
    assert metering_stack.owners("secretsmanager:GetSecretValue") == {
        "SubmitContract",
        "CompareContract",
    }


def test_only_acquire_plan_reads_the_plans(metering_stack: Template) -> None:
    assert metering_stack.owners("ssm:GetParametersByPath") == {"AcquirePlan"}


def test_only_the_taker_of_the_lease_looks_at_executions(metering_stack: Template) -> None:
    assert metering_stack.owners("states:DescribeExecution") == {"AcquirePlan", "Metering"}


def test_the_usage_bucket_is_never_written(metering_stack: Template) -> None:
    for state in TASKS:
        assert not metering_stack.keys(state, "s3:PutObject", "UsageBucket")


def test_only_the_recorders_of_outcomes_write_the_ledger(metering_stack: Template) -> None:
    assert _writers(metering_stack, "/ledger/*") == {
        *("ClaimContract", "SubmitContract", "RecordError"),
        *("ResolveContract", "ReconcileState", "CloseMonth"),
    }


def test_only_a_closed_month_and_decisions_write_the_state_file(metering_stack: Template) -> None:
    assert _writers(metering_stack, "/metering_state.json") == {
        "CloseMonth",
        "ReconcileState",
        "ResolveContract",
    }


def test_what_holds_a_month_reads_of_the_reports_only_their_totals(
    metering_stack: Template,
) -> None:
    read = metering_stack.keys("MergeUsage", "s3:GetObject", "State")
    assert {key for key in read if "reports" in key} == {"/reports/*/totals.json"}


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        ("PlanMonths", {"/ledger/*/plan.json", "/runs/*/contracts.json"}),
        ("FoldDay", {"/days/*", "/runs/*/problems/*", "/previews/*/problems/*"}),
        ("ReportUsageSoFar", set()),
        ("CompareContract", {"/runs/*/compared/*"}),
        ("ReportReconciliation", {"/ledger/*/plan.json", "/reports/*/reconciliation.json"}),
        ("RecordOpen", {"/runs/*/open/*"}),
        ("SummarizeRun", set()),
    ],
)
def test_who_bills_nothing_writes_only_what_it_is_for(
    metering_stack: Template, state: str, keys: set[str]
) -> None:
    assert metering_stack.rights_of(state)
    assert metering_stack.keys(state, "s3:PutObject", "State") == keys


def test_a_preview_writes_nothing_but_previews(metering_stack: Template) -> None:
    assert metering_stack.keys("PreviewMonth", "s3:PutObject", "State") == {"/previews/*"}


def test_the_machine_of_metering_starts_only_itself(metering_stack: Template) -> None:
    (own,) = metering_stack.rights_of("Metering")["states:StartExecution"]
    assert own["Fn::Join"][1][-1].endswith("-metering")


def test_the_machine_reads_and_writes_only_the_files_of_runs(metering_stack: Template) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        assert metering_stack.keys("Metering", action, "State") == {"/runs/*", "/previews/*"}


@pytest.mark.parametrize("action", ["states:StopExecution", "states:RedriveExecution"])
def test_the_machine_controls_the_children_of_its_maps(
    metering_stack: Template, action: str
) -> None:
    arns = [arn["Fn::Join"][1][-1] for arn in metering_stack.rights_of("Metering")[action]]
    assert sorted(arn[-2:] for arn in arns) == ["/*", ":*"]


def _writers(template: Template, key: str) -> set[str]:
    return {state for state in TASKS if key in template.keys(state, "s3:PutObject", "State")}


def _may_list(template: Template, state: str, bucket: str) -> bool:
    return any(
        owner == state
        and right["Action"] == "s3:ListBucket"
        and bucket in right["Resource"]["Fn::GetAtt"][0]
        and right["Condition"]["StringLikeIfExists"]["s3:prefix"]
        for owner, right in template.rights()
    )
