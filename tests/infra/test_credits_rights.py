"""What each role of the credits pipeline may do, in full."""

import pytest

from infra.credits_tasks import TASKS
from tests.infra.templates import Template

UPLOADS = "credits-*.csv"
READS = {
    "AcquireStream": {"leases/*"},
    "ParseCredits": {UPLOADS, "snapshots/*", "drops/*"},
    "SnapshotDrop": {"runs/*", "drops/*", "leases/*", "snapshots/*"},
    "PostDrop": {"runs/*", "drops/*", "leases/*"},
    "VerifyDrop": {"runs/*", "drops/*", "leases/*"},
    "ReportCredits": {"runs/*", UPLOADS, "drops/*", "leases/*"},
}
WRITES = {
    "AcquireStream": {"leases/*"},
    "ParseCredits": {"runs/*"},
    "SnapshotDrop": {"leases/*", "snapshots/*", "runs/*"},
    "PostDrop": {"leases/*", "drops/*"},
    "VerifyDrop": {"leases/*", "drops/*"},
    "ReportCredits": {"reports/*", "leases/*"},
}
TALK_TO_CLOUDZERO = {"SnapshotDrop", "PostDrop", "VerifyDrop"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
OBJECTS = {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


@pytest.mark.parametrize("state", TASKS)
def test_a_task_reads_and_writes_its_own_kinds_of_objects(
    credits_stack: Template, state: str
) -> None:
    for action, keys in (("s3:GetObject", READS[state]), ("s3:PutObject", WRITES[state])):
        assert credits_stack.keys(state, action, "CreditsBucket") == {f"/{key}" for key in keys}


@pytest.mark.parametrize("state", TASKS)
def test_a_task_has_no_right_beside_its_objects_its_log_and_what_it_is_for(
    credits_stack: Template, state: str
) -> None:
    extra = {"secretsmanager:GetSecretValue"} if state in TALK_TO_CLOUDZERO else set()
    extra |= {"states:DescribeExecution"} if state == "AcquireStream" else set()
    assert credits_stack.rights_of(state).keys() == LOGS | OBJECTS | extra


def test_only_who_talks_to_cloudzero_reads_its_own_secret(credits_stack: Template) -> None:
    (secret,) = credits_stack.resources("AWS::SecretsManager::Secret")
    assert credits_stack.owners("secretsmanager:GetSecretValue") == TALK_TO_CLOUDZERO
    for state in TALK_TO_CLOUDZERO:
        assert credits_stack.rights_of(state)["secretsmanager:GetSecretValue"] == [{"Ref": secret}]


def test_only_the_taker_of_the_lease_looks_at_executions_of_this_machine(
    credits_stack: Template,
) -> None:
    assert credits_stack.owners("states:DescribeExecution") == {"AcquireStream"}
    arns = credits_stack.rights_of("AcquireStream")["states:DescribeExecution"]
    name = f"{credits_stack.environment.name}-credits"
    assert {arn["Fn::Join"][1][-1] for arn in arns} == {
        f":execution:{name}:*",
        f":execution:{name}/*",
    }


def test_the_machine_runs_its_tasks_and_tells_a_person_and_no_more(credits_stack: Template) -> None:
    rights = credits_stack.rights_of("Credits")
    without_logs = {action for action in rights if not action.startswith("logs:")}
    assert without_logs == {"lambda:InvokeFunction", "sns:Publish"}
