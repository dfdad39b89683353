"""`billing restore`: the input it starts, what it refuses, and a folder that it restores."""

import shlex
from pathlib import Path

import pytest
from rich.console import Console

from infra.local.cli.demo_data import write_credits
from infra.operator.screens import show_status
from infra.operator.status import Status, credits_status
from tests.unit.credits.pipeline import Pipeline
from tests.unit.local.cli.test_command_line import command
from tests.unit.operator.account import Account
from tests.unit.operator.typed import Billing, answer

SNAPSHOT = "snapshots/1/2025-07/run-1.json"


def test_restore_starts_the_credits_pipeline_with_the_snapshot(
    billing: Billing, account: Account
) -> None:
    result = billing("restore", SNAPSHOT, "--env", "dev", "--accept-shrink", "--json")
    assert result.exit_code == 0
    (started,) = account.started
    assert started["stateMachineArn"].endswith("dev-credits")
    assert started["input"] == {"restore": SNAPSHOT, "accept_shrink": True}
    assert "--pipeline credits" in result.stderr


def test_a_failed_restore_ends_with_one(billing: Billing, account: Account) -> None:
    account.ending = {"status": "FAILED", "error": "BadCredits", "cause": "not a snapshot"}
    result = billing("restore", SNAPSHOT, "--env", "dev")
    assert (result.exit_code, "not a snapshot" in result.stdout) == (1, True)
    assert billing("restore", SNAPSHOT, "--env", "dev", "--quiet").output == ""


def test_the_undo_line_of_a_drop_restores_its_month_on_a_folder(
    billing: Billing, tmp_path: Path
) -> None:
    file, _ = write_credits(tmp_path)
    changed = tmp_path / "later" / file.name
    changed.parent.mkdir()
    changed.write_text(file.read_text().replace(file.read_text().splitlines()[1] + "\n", "", 1))
    state = tmp_path / "state"
    dropped = command("credits", str(file), str(changed), "--state", str(state))
    undo = [line for line in dropped.stdout.splitlines() if line.startswith("undo ")]
    words = shlex.split(undo[-1])
    assert (Path(words[2]).name, words[3]) == ("billing", "restore")
    result = billing(*words[3:], "--json")
    (ran,) = answer(result)["executions"]
    assert (result.exit_code, ran["status"]) == (0, "SUCCEEDED"), ran
    assert "snapshots/" in ran["output"]["file"]


def test_a_restore_that_cannot_be_run_starts_nothing(
    billing: Billing, account: Account, tmp_path: Path
) -> None:
    both = ("--env", "dev", "--state", tmp_path)
    for words in (
        ("credits-2025-07.csv", "--env", "dev"),
        (SNAPSHOT,),
        (SNAPSHOT, *both),
        (SNAPSHOT, "--state", tmp_path, "--no-wait"),
        (SNAPSHOT, "--state", tmp_path / "none"),
    ):
        assert billing("restore", *words).exit_code == 2, words
    assert account.started == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        *(("ingest", "posted, not seen; start again"), ("dropped", "perhaps posted; start again")),
        *(("", "verified"), ("refused", "")),
    ],
)
def test_status_says_what_became_of_the_last_drop(fault: str, said: str) -> None:
    pipeline = Pipeline()
    pipeline.cloudzero.faults += [fault] * 7
    pipeline.put("credits-2025-01.csv", "054736553085,$5.00\n")
    pipeline.execute(key="credits-2025-01.csv")
    status = Status(where="", plans=[], credits=list(credits_status(pipeline.credits_bucket)))
    console = Console(width=200)
    with console.capture() as captured:
        show_status(status, console)
    assert said in captured.get()
    assert bool(captured.get()) is bool(said)
    assert status.calm is (said in ("verified", ""))
