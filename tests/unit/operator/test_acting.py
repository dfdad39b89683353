"""Verbs that start executions, and the doctor, against an account in memory."""

import json
import shlex

import pytest

from functions.adapters import keys
from functions.adapters.clazar.api import Clazar
from infra.operator import deployed
from tests.builders import a_record
from tests.memory import MemoryObjects
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.account import AT, MACHINE, Account
from tests.unit.operator.typed import Billing, answer, billed

DECISION = {"contract": "c-1", "month": "2025-07", "outcome": "waived", "reason": "a trial"}


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (
            "run --month 2025-07 --plan P --dry-run",
            {"plan": "S:E:P", "months": ["2025-07"], "dry_run": True},
        ),
        ("run --reconcile 2025-07", {"reconcile": "2025-07"}),
        ("retry", {"retry_errors": True}),
        ("resolve c-1 2025-07 waived --reason 'a trial'", {"resolve": DECISION}),
        (
            "approve 2025-07 --reason checked --plan P",
            {"plan": "S:E:P", "approve": "2025-07", "reason": "checked"},
        ),
    ],
)
def test_each_verb_starts_an_execution_follows_it_and_ends_with_its_message(
    billing: Billing, account: Account, words: str, given: dict[str, object]
) -> None:
    result = billing(*shlex.split(words), "--env", "dev")
    assert result.exit_code == 0
    (started,) = account.started
    assert (started["stateMachineArn"], started["input"]) == (MACHINE, given)
    assert "PlanMonths" in result.stderr
    assert "SUCCEEDED" in result.stdout


def test_no_wait_returns_at_once(billing: Billing, account: Account) -> None:
    result = billing("retry", "--env", "dev", "--no-wait", "--json")
    assert (result.exit_code, answer(result)["status"]) == (0, "RUNNING")
    assert len(account.started) == 1


def test_an_execution_that_fails_ends_with_its_cause(billing: Billing, account: Account) -> None:
    account.ending = {"status": "FAILED", "error": "BadUsage", "cause": "the marker is missing"}
    result = billing("run", "--env", "dev")
    assert result.exit_code == 1
    assert "BadUsage" in result.stdout
    assert "the marker is missing" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --env dev --month July", ["'July' is not a month"]),
        ("run --env dev --plan X", ["'X' is not configured; name one of S:E:P"]),
        ("run --env dev --reconcile 2025-07 --month 2025-07", ["reconcile"]),
        ("approve 2025-07 --reason ... --env dev", ["reason"]),
        ("run --env prd", ["no stack prd-metering", "AWS_PROFILE"]),
    ],
)
def test_a_wrong_input_or_environment_starts_nothing_and_says_what_to_check(
    billing: Billing, account: Account, words: str, said: list[str]
) -> None:
    result = billing(*words.split())
    assert (result.exit_code, account.started) == (2, [])
    assert [text for text in said if text not in result.stderr] == []


def test_a_stack_of_an_earlier_version_says_to_deploy(billing: Billing, account: Account) -> None:
    del account.stacks["dev-metering"]["PlansPath"]
    result = billing("run", "--env", "dev")
    assert result.exit_code == 1
    assert "make deploy ENV=dev" in result.stderr


def test_logs_tell_states_and_failures(billing: Billing, account: Account) -> None:
    account.looks = 0
    details = {"error": "StorageBusy", "cause": json.dumps({"errorMessage": "slow down"})}
    failed = {"type": "TaskFailed", "timestamp": AT, "taskFailedEventDetails": details}
    account.events.append(failed)
    account.ending = {"status": "FAILED", "error": "StorageBusy", "cause": "slow down"}
    result = billing("logs", "x-1", "--env", "dev")
    assert result.exit_code == 1
    assert "entered PlanMonths" in result.stdout
    assert "TaskFailed StorageBusy slow down" in result.stdout
    assert "docs/runbook.md" in result.stdout
    assert billing("logs", "unknown", "--env", "dev").exit_code == 2


def a_bucket(monkeypatch: pytest.MonkeyPatch, *, marker: bool) -> None:
    exported = {"S:E:P": {"last_processed_to": "2025-08-01T02:00:00Z"}}
    objects = {keys.EXPORT_MARKER: json.dumps(exported).encode()} if marker else {}
    monkeypatch.setattr(deployed, "Bucket", lambda _: MemoryObjects(objects))


def test_the_verbs_that_look_work_on_a_deployed_environment(
    billing: Billing, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = billed([a_record("c-1", value=7)], "refuse", plan_id="P")
    buckets = {"state": world.state_bucket, "usage": world.usage_bucket, "credits": MemoryObjects()}
    monkeypatch.setattr(deployed, "Bucket", buckets.__getitem__)
    monkeypatch.setattr(deployed, "Clazar", lambda _: Clazar(world.clazar))
    assert account.stacks
    status = billing("status", "--env", "dev")
    assert status.exit_code == 1
    command = "billing retry --month 2025-07 --contract c-1 --env dev --plan S:E:P"
    assert command in status.stdout
    refused = billing("reconcile", "2025-07", "--env", "dev")
    assert (refused.exit_code, ": 1 open." in refused.stdout) == (1, True)
    assert billing(*command.split()[1:]).exit_code == 0
    world.forget_errors("2025-07")
    world.run()
    assert billing("reconcile", "2025-07", "--env", "dev").exit_code == 0
    assert billing("explain", "c-1", "2025-07", "--env", "dev").exit_code == 0


def test_a_contract_in_doubt_is_settled_by_a_decision(
    billing: Billing, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = WholeMonth("lost")
    world.clazar.lists = False
    world.every_hour("2025-07", [a_record("c 1", value=7)])
    world.run()
    monkeypatch.setattr(
        deployed, "Bucket", {"state": world.state_bucket, "usage": world.usage_bucket}.get
    )
    del account.stacks["dev-credits"]
    (plan,) = answer(billing("status", "--env", "dev", "--json"))["plans"]
    wanted = "billing resolve 'c 1' 2025-07 OUTCOME --reason \"...\" --env dev --plan S:E:P"
    assert plan["open"][0]["commands"][0].endswith(wanted)


def test_the_doctor_finds_nothing_in_a_sound_environment(
    billing: Billing, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bucket(monkeypatch, marker=True)
    result = billing("doctor", "--env", "dev")
    assert (result.exit_code, "LOOK" in result.stdout) == (0, False), account.started


def test_the_doctor_says_what_to_do_about_each_thing(
    billing: Billing, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bucket(monkeypatch, marker=False)
    account.secrets["dev/metering/clazar"] = ""
    account.secrets["dev/credits/cloudzero"] = "hunter2"
    account.subscriptions = ["PendingConfirmation"]
    account.concurrency = 10
    result = billing("doctor", "--env", "dev")
    assert result.exit_code == 1
    for text in ("has no value", "is not JSON", "confirm it", "Service Quotas", "is missing"):
        assert text in result.stdout
    assert "hunter2" not in result.output


def test_the_doctor_stops_where_there_is_no_stack(billing: Billing, account: Account) -> None:
    account.stacks.clear()
    result = billing("doctor", "--env", "dev")
    assert result.exit_code == 1
    assert "no stack dev-metering" in result.stdout
