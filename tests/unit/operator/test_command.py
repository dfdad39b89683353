"""The command as it is typed: verbs on folders, exit codes, sentences instead of tracebacks."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.adapters import keys
from functions.adapters.books import Books
from functions.domain.lease import Lease
from functions.domain.month import Month
from infra import ROOT
from infra.operator import unbilled
from infra.operator.folder import Folder
from tests.builders import a_record
from tests.in_memory.metering_world import PLAN
from tests.unit.metering.whole_month import ROOT as USAGE
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.typed import Billing, answer, billed, options

LOOKING = ["explain", "reconcile", "status", "check", "report", "logs", "doctor"]
ACTING = ["run", "retry", "resolve", "approve", "restore", "drill"]


def a_month(*actions: str) -> WholeMonth:
    return billed([a_record("c-1", value=7), a_record("c-2", value=1)], *actions)


@pytest.mark.parametrize("verb", [*LOOKING, *ACTING])
def test_every_verb_has_an_example_and_the_common_options(billing: Billing, verb: str) -> None:
    result = billing(verb, "--help")
    assert result.exit_code == 0
    for text in ("Example:", f"billing {verb}", "--json", "--quiet", "Exit code"):
        assert text in result.stdout


def test_explain_answers_in_its_first_line(billing: Billing, tmp_path: Path) -> None:
    given = options(a_month(), tmp_path)
    result = billing("explain", "c-1", "2025-07", *given, "--within", "01/00")
    assert result.exit_code == 0
    assert result.stdout.startswith("c-1 2025-07, S:E:P: the records add up exactly.")
    assert "record 1: 7" in result.stdout
    assert answer(billing("explain", "c-1", "2025-07", *given, "--json"))[0]["exact"] is True
    assert billing("explain", "c-1", "2025-07", *given, "--quiet").stdout == ""


def test_explain_takes_the_name_of_usage_in_the_files(billing: Billing, tmp_path: Path) -> None:
    records = [a_record("c-1", value=7), a_record("c-1", "mem", value=2, pricePerUnit=3)]
    records += [a_record("c-1", "network", value=12)]
    formulas = {"compute": "cpu * 2", "both": "cpu + mem_total_price"}
    given = options(billed(records, dimensions=formulas), tmp_path)
    cpu = billing("explain", "c-1", "2025-07", "cpu", *given)
    assert cpu.exit_code == 0
    assert "read by: both, compute\n" in cpu.stdout
    assert "compute: 14 (accepted)" in cpu.stdout
    assert "read by: both\n" in billing("explain", "c-1", "2025-07", "mem", *given).stdout
    network = billing("explain", "c-1", "2025-07", "network", *given, "--within", "01/00")
    assert network.exit_code == 0
    assert "read by: no billed dimension\n" in network.stdout
    assert "network: 0 (no formula reads it)" in network.stdout
    assert "record 3: 12" in network.stdout
    unknown = billing("explain", "c-1", "2025-07", "compile", *given)
    assert unknown.exit_code == 1
    assert "c-1 has no compile in 2025-07; did you mean compute? known: both" in unknown.stderr


@pytest.mark.parametrize(
    ("contract", "month", "said"),
    [
        ("c-9", "2025-07", "no entry of c-9 for 2025-07"),
        *(("c-1", "2025-08", "it has one for 2025-07; "), ("c-11", "2025-07", "did you mean c-1?")),
    ],
)
def test_explain_of_a_contract_without_an_entry_says_what_to_look_at(
    billing: Billing, tmp_path: Path, contract: str, month: str, said: str
) -> None:
    result = billing("explain", contract, month, *options(a_month(), tmp_path))
    assert (result.exit_code, said in result.stderr) == (1, True)
    assert "billing status" in result.stderr


def test_explain_shows_prices_and_how_to_see_more(billing: Billing, tmp_path: Path) -> None:
    records = [a_record("c-1", value=2, pricePerUnit=0.25)]
    world = billed(records, dimensions={"money": "cpu_total_price * 100"})
    given = options(world, tmp_path)
    said = billing("explain", "c-1", "2025-07", *given).stdout
    assert "formula: cpu_total_price * 100, with cpu_total_price = 0.5\n" in said
    assert "usage cpu: 2 at 0.25 a unit\n" in said
    more = said.partition("the records of a day: ")[2].split("billing ")[-1]
    assert "record 1: 2\n" in billing(*shlex.split(more), "--plans", given[-1]).stdout


def test_reconcile_ends_with_one_if_anything_differs(billing: Billing, tmp_path: Path) -> None:
    world = a_month()
    given = options(world, tmp_path)
    assert billing("reconcile", "2025-07", *given).exit_code == 0
    (tmp_path / "state" / keys.ledger_entry(world.plan, Month(2025, 7), "c-2")).unlink()
    result = billing("reconcile", "2025-07", *given)
    assert result.exit_code == 1
    assert "1 differ" in result.stdout
    assert "missing" in result.stdout


def test_a_difference_that_many_amounts_have_is_said_once(billing: Billing, tmp_path: Path) -> None:
    world = billed([a_record(f"c-{n:02d}", value=n) for n in range(1, 32)], *["refuse"] * 30)
    world.hour("02/05", [a_record("c-31", value=1)], name="late")
    given = options(world, tmp_path)
    said = billing("reconcile", "2025-07", *given).stdout
    assert "31 amounts in files, bill, ledger: 1 differ, 30 open." in said
    assert "open: 30 amounts of 30 contracts (c-01, c-02, c-03, c-04, c-05, and 25 more): " in said
    assert f"billing status {shlex.join(given)}" in said.partition("what settles it: ")[2]
    assert "the files come to 32, the ledger was billed 31" in said
    assert len(said.splitlines()) < 10
    (found,) = answer(billing("reconcile", "2025-07", *given, "--json"))
    assert [bool(row["differs"]) for row in found["rows"]] == [True, *[False] * 30]
    assert {row.get("open") for row in found["rows"][1:]} != {""}


def test_status_says_how_many_hours_have_no_files_and_what_bills_a_late_contract(
    billing: Billing, tmp_path: Path
) -> None:
    world = WholeMonth(missing_hours="warn")
    world.hour("01/00", [a_record("c-1", value=2)])
    world.run()
    world.hour("01/01", [a_record("c-2", value=3), a_record("c-1", value=4)])
    given = options(world, tmp_path)
    early = billing("status", *given, "--as-of", "2025-08-02").stdout
    assert "2025-07: when it was billed, 1 of 744 hours had usage files" in early
    assert "since the last run: 01; of whom and by how much:" in early
    compare = early.partition("by how much:\n")[2].splitlines()[0]
    assert "the files come to 6, the ledger was billed 2" in (
        billing(*shlex.split(compare.partition("billing ")[2])).stdout
    )
    world.run()
    status = billing("status", *options(world, tmp_path / "later"), "--as-of", "2025-08-02").stdout
    assert "cpu 7 more" not in status
    assert (
        "usage that changed after it was billed is not billed: 4 cpu more of 1 contract: c-1"
        in (status)
    )
    assert "2025-07: never billed: c-2; bill them, if nobody has:\n" in status
    assert "billing run --month 2025-07 " in status


def test_status_names_a_held_month_with_what_moved_and_the_command_that_bills_it(
    billing: Billing, tmp_path: Path
) -> None:
    world = WholeMonth(as_of="2025-09-02T00:00:00Z", approve_above="20%", missing_hours="warn")
    world.hour("01/00", [a_record("c-1", value=2)])
    world.hour("01/00", [a_record("c-1", value=3)], month="2025-08")
    assert world.run().error == "MonthHeld"
    given = options(world, tmp_path)
    result = billing("status", *given, "--as-of", "2025-09-02")
    assert result.exit_code == 1
    assert "last closed month 2025-07; 2025-08 held; no contract in error." in result.stdout
    assert "cpu: 2 in 2025-07, now 3 (+50.0%)" in result.stdout
    (plan,) = answer(billing("status", *given, "--json"))["plans"]
    assert 'billing approve 2025-08 --reason "..." --state ' in plan["held"][0]["settle"]
    world.run(approve="2025-08", reason="checked")
    (plan,) = answer(billing("status", *options(world, tmp_path), "--json"))["plans"]
    assert (plan["last_closed"], plan["held"]) == ("2025-08", [])


def test_status_names_what_is_open_with_the_command_that_settles_it(
    billing: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    given = options(a_month("refuse"), tmp_path)
    result = billing("status", *given)
    assert result.exit_code == 1
    assert "1 contract not billed." in result.stdout
    (plan,) = answer(billing("status", *given, "--json"))["plans"]
    (found,) = plan["open"]
    (command,) = found["commands"]
    assert found["contracts"] == ["c-1"]
    assert command in result.stdout
    retry = (str(ROOT / ".venv/bin/billing"), "retry", "--month", "2025-07", "--contract", "c-1")
    assert shlex.split(command) == [*retry, *given, "--plan", "S:E:P"]


def test_nothing_in_codes_and_names_reaches_the_terminal_as_a_control_character(
    billing: Billing, tmp_path: Path
) -> None:
    escape = "\x1b[2J"
    records = [a_record("c-1", value=7), a_record("c-1", f"net{escape}", value=12)]
    world = billed(records, "refuse", dimensions={"cpu": "cpu"})

    def recode(state: dict[str, Any]) -> None:
        state["error_contracts"]["2025-07"][0]["code"] = f"CODE{escape}"

    world.edit_state(recode)
    given = options(world, tmp_path)
    said = billing("status", *given).stdout + billing("explain", "c-1", "2025-07", *given).stdout
    assert "CODE [2J" in said
    assert "net [2J" in said
    assert "\x1b" not in said


def test_contracts_with_the_same_cause_are_named_together_with_one_command(
    billing: Billing, tmp_path: Path
) -> None:
    world = billed([a_record(f"c-{n:02d}", value=n) for n in range(1, 31)], *["refuse"] * 30)
    given = options(world, tmp_path)
    said = billing("status", *given).stdout
    assert "  2025-07 30 contracts: " in said
    assert "c-01, c-02, c-03, c-04, c-05, and 25 more" in said
    assert said.count("billing retry") == 1
    (plan,) = answer(billing("status", *given, "--json"))["plans"]
    (found,) = plan["open"]
    assert len(found["contracts"]) == 30
    assert "billing retry --month 2025-07 --contract c-01 --contract c-02" in found["commands"][0]


def test_status_says_until_when_the_marketplace_takes_what_is_not_billed(
    billing: Billing, tmp_path: Path
) -> None:
    given = options(a_month("refuse"), tmp_path)
    early = billing("status", *given, "--as-of", "2025-08-01T03:00:00Z")
    assert "July 2025: AWS takes its usage until 2025-08-01T06:00:00Z: 3 hours left" in early.stdout
    assert "--as-of 2025-08-01T03:00:00Z" in early.stdout
    late = billing("status", *given, "--as-of", "2025-08-04")
    assert "July 2025: deadline passed" in late.stdout


def test_status_names_usage_that_nobody_is_billed_for(billing: Billing, tmp_path: Path) -> None:
    unpaid = a_record("", value=1500, subscriptionId="sub-9")
    unread = a_record("c-1", "network", value=12)
    world = billed([a_record("c-1", value=7), unpaid, unread], dimensions={"cpu": "cpu"})
    result = billing("status", *options(world, tmp_path), "--as-of", "2025-08-02")
    said = result.stdout
    assert (result.exit_code, "nothing open" in said) == (0, False)
    assert "last closed month 2025-07; no contract in error." in said
    payer = "2025-07: usage without a payer is not billed: 1,500 cpu of 1 subscription: sub-9"
    assert payer in said
    network = "2025-07: usage that no formula reads is not billed: 12 network"
    assert network in said
    world.configure({**PLAN, "dimensions": {"cpu": "cpu", "net": "network"}})
    given = options(world, tmp_path)
    assert network in billing("status", *given).stdout, "its month was billed without it"
    world.run(months=["2025-07"])
    assert network in billing("status", *options(world, tmp_path)).stdout
    world.configure({**PLAN, "dimensions": {"cpu": "cpu"}})
    world.hour("02/05", [a_record("c-1", value=3)], name="late")
    said = billing("status", *options(world, tmp_path)).stdout
    assert "2025-07: files of these days came, changed or went since the last run: 02" in said
    world.run()
    said = billing("status", *options(world, tmp_path)).stdout
    late = "2025-07: usage that changed after it was billed is not billed: "
    assert f"{late}3 cpu more of 1 contract: c-1" in said
    assert "since the last run" not in said
    world.hour("01/00", [a_record("c-2", value=2), unpaid, unread])
    world.run()
    said = billing("status", *options(world, tmp_path)).stdout
    assert f"{late}4 cpu less of 1 contract: c-1" in said


def test_a_listing_that_is_cut_is_not_compared(
    billing: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_month()
    for hour in range(3):  # keys that are no usage files are listed as well
        world.usage_bucket.edit(f"{USAGE}/2025/07/01/0{hour}/_SUCCESS", b"")
    files = len([key for key in world.usage_bucket.objects if "/2025/07/" in key])
    given = options(world, tmp_path)
    monkeypatch.setattr(unbilled, "_MOST_FILES", files)
    assert "not compared" not in billing("status", *given).stdout
    monkeypatch.setattr(unbilled, "_MOST_FILES", files - 1)
    said = billing("status", *given).stdout
    assert f"2025-07: not compared: more than {files - 1} files; of whom" in said


def test_status_says_which_run_works_on_a_plan(billing: Billing, tmp_path: Path) -> None:
    world = a_month()
    held = Lease(execution="run-4711", at="2025-08-02T00:00:00Z")
    Books(world.state_bucket, world.plan).lease().change(lambda _: held)
    said = billing("status", *options(world, tmp_path)).stdout
    assert "run-4711 is working on this plan" in said
    assert "held by" not in said


def test_months_that_wait_are_said_as_one_span(billing: Billing, tmp_path: Path) -> None:
    given = options(a_month(), tmp_path)
    due = "due in the next run: August 2025 to November 2025 (4 months)"
    known = billing("status", *given, "--as-of", "2025-12-02")
    assert (known.exit_code, due in known.stdout) == (0, True)
    marker = {"S:E:P": {"last_processed_to": "2025-08-20T00:00:00Z"}}
    (tmp_path / "usage" / keys.EXPORT_MARKER).write_text(json.dumps(marker))
    result = billing("status", *given, "--as-of", "2025-12-02")
    said = result.stdout
    assert result.exit_code == 1
    late = "August 2025 to October 2025 (3 months) overdue; no contract in error."
    assert f"last closed month 2025-07; {late}" in said
    waiting = (
        "August 2025 to November 2025 (4 months) wait, the first for this: export incomplete: it "
        "has reached 2025-08-20T00:00:00Z and must reach 2025-09-01T01:00:00Z"
    )
    assert waiting in said


def test_status_writes_nothing(billing: Billing, tmp_path: Path) -> None:
    given = options(a_month("refuse"), tmp_path)
    before = {p: p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file()}
    assert billing("status", *given).exit_code == 1
    after = {p: p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file()}
    assert after == before


def test_a_calm_plan_is_all_well_and_has_a_next_deadline(billing: Billing, tmp_path: Path) -> None:
    result = billing("status", *options(a_month(), tmp_path), "--as-of", "2025-08-30")
    assert (result.exit_code, "nothing open" in result.stdout) == (0, True)
    deadline = "August 2025: AWS takes its usage until 2025-09-01T06:00:00Z: 2 days left"
    assert deadline in result.stdout


def test_report_comes_as_csv_json_or_a_page(billing: Billing, tmp_path: Path) -> None:
    given = options(a_month(), tmp_path)
    assert "c-1,cpu,7" in billing("report", "2025-07", *given, "--csv").stdout
    assert answer(billing("report", "2025-07", *given, "--json"))["month"] == "2025-07"
    page = Path(billing("report", "2025-07", *given).stdout.strip())
    assert page.read_text().startswith("<!")
    page.unlink()
    missing = billing("report", "2025-06", *given)
    assert (missing.exit_code, "no report of 2025-06" in missing.stderr) == (1, True)


def test_check_judges_a_file(billing: Billing, tmp_path: Path) -> None:
    file = tmp_path / "anything.csv"
    file.write_text("a,b\n")
    result = billing("check", file, "--as-of", "2025-08-02T00:00:00Z")
    assert result.exit_code == 1
    assert "anything.csv" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status"], "say where to look"),
        (["status", "--env", "prod", "--state", "."], "only one place"),
        (["status", "--state", "/nowhere/at/all"], "is not a folder"),
        (["explain", "c", "07-2025", "--state", "."], "write it as 2025-07"),
        (["explain", "c", "2025-07", "--state", "."], "add --usage DIR"),
        (["status", "--state", ".", "--plan", "x"], "--plan x is not configured"),
        (["report", "2025-07", "--state", ".", "--csv", "--json"], "give one"),
        (["run"], "say where to look"),
        (["run", "--state", "."], "add --usage DIR"),
        (["run", "--state", ".", "--usage", ".", "--no-wait"], "--no-wait requires --env"),
        (["retry", "--env", "prod", "--clazar", "http://x"], "require --state"),
        (["logs", "x"], "add --env prod"),
        (["reconcile", "2025-07", "--state", ".", "--clazar", "x"], "not a base URL"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_exit_code_two(
    billing: Billing, words: list[str], said: str
) -> None:
    result = billing(*words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) <= 1


def test_a_state_that_cannot_be_read_is_one_sentence(billing: Billing, tmp_path: Path) -> None:
    given = options(a_month(), tmp_path)
    (tmp_path / "state" / "metering_state.json").write_text("{")
    result = billing("status", *given)
    assert result.exit_code == 1
    assert "metering_state.json cannot be read" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_is_listed_as_a_bucket_is(tmp_path: Path) -> None:
    for name in ("a/b.json", "a/c/d.json", "ab.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    folder = Folder(tmp_path)
    assert [item.key for item in folder.list("a")] == ["a/b.json", "a/c/d.json", "ab.json"]
    assert [item.key for item in folder.list("a/", after="a/b.json", limit=1)] == ["a/c/d.json"]
    assert folder.read("a/nothing") is None
    assert folder.read("a") is None
    with pytest.raises(PermissionError, match="only read"):
        folder.put("x", b"")
    assert folder.read("../x") is None


def test_the_launcher_works_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__init__.py").write_text("raise SystemExit('the wrong folder')")
    recipe = (ROOT / "Makefile").read_text().partition(".venv/bin/billing: ")[2]
    assert "PYTHONSAFEPATH=1" in recipe
    assert "-m infra.operator" in recipe
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "infra.operator", "--help"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (ended.returncode, b"reconcile" in ended.stdout) == (0, True)


def test_status_names_a_plan_whose_last_month_has_not_ended_and_goes_on(
    billing: Billing, tmp_path: Path
) -> None:
    given = options(a_month(), tmp_path)
    state = tmp_path / "state" / "metering_state.json"
    state.write_text(state.read_text().replace('"2025-07"', '"2099-07"', 1))
    result = billing("status", *given)
    assert result.exit_code == 1
    (plan,) = answer(billing("status", *given, "--json"))["plans"]
    assert "last_processed_month: 2099-07 has not ended yet" in plan["notes"][-1]
