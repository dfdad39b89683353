import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from infra import ROOT
from infra.environment import SAMPLE_PLAN
from infra.local.__main__ import app
from infra.local.cli import arguments
from infra.local.cli.arguments import BadArgument
from infra.local.cli.show import show_advice, show_run

Posted = tuple[subprocess.CompletedProcess[str], list[dict[str, Any]], Path]
NOW = dt.datetime(2025, 8, 2, 3, 4, 5, 678, dt.UTC)


def command(*options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "infra.local", *options, **settings)


def typed(*options: str) -> Result:
    """Run the command in this process, which has imported everything already."""
    return CliRunner().invoke(app, options)


def python(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(status: str = "SUCCEEDED", **result: Any) -> str:
    """Return what an operator reads of an execution."""
    screen = Console(file=io.StringIO(), width=160)
    show_run({"status": status, **result}, state=Path("state"), console=screen, where="--env prod")
    return screen.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("text", "as_of", "expected"),
    [
        (None, None, {"as_of": "2025-08-02T03:04:05Z"}),
        (None, "2025-07-01T02:00:00+02:00", {"as_of": "2025-07-01T00:00:00Z"}),
        ('{"dry_run": true}', None, {"as_of": "2025-08-02T03:04:05Z", "dry_run": True}),
        ('{"as_of": "own"}', "2025-07-01T00:00:00Z", {"as_of": "own"}),
    ],
)
def test_the_time_of_the_run_is_part_of_its_input(
    text: str | None, as_of: str | None, expected: dict[str, Any]
) -> None:
    assert arguments.execution_input(text, as_of, NOW) == expected


@pytest.mark.parametrize(
    ("text", "as_of", "said"),
    [
        ("{", None, "--input is not valid JSON"),
        ("[1]", None, "--input must be a JSON object"),
        ('{"a": NaN}', None, "NaN"),
        ("@/no/such/file", None, "--input /no/such/file cannot be read"),
        (None, "yesterday", "--as-of 'yesterday' is not a time"),
        (None, "2025-08-02T00:00:00", "lacks its time zone"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    text: str | None, as_of: str | None, said: str
) -> None:
    with pytest.raises(BadArgument, match=said):
        arguments.execution_input(text, as_of, NOW)


def test_a_bad_plan_is_refused_in_the_pipelines_own_words(tmp_path: Path) -> None:
    plans = tmp_path / "plans.json"
    plan = {"service": "Postgres", "environment_type": "PROD", "plan_id": "pt-1"}
    plans.write_text(json.dumps([plan]))
    assert arguments.plans(plans) == [plan]
    for bad, said in (([{**plan, "max_months": 0}], "max_months"), ({}, "a JSON list")):
        plans.write_text(json.dumps(bad))
        with pytest.raises(BadArgument, match=said):
            arguments.plans(plans)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"plan_id": "a"', r"is not valid JSON: .*line 1 column 17"),
        ('[{"service": "S", "environment_type": "E", "plan_id": "a"}, {}]', ": plan number 2: "),
        ("[3]", ": plan number 1: "),
        ('[{"plan_id": "a", "roundin": "x"}]', ": plan a: .*`roundin`"),
        (
            '[{"service": "S", "environment_type": "E", "plan_id": "a", "dimensions": {"d": "+"}}]',
            r": plan S:E:a: dimensions.d: formula '\+': invalid syntax$",
        ),
        (None, "cannot be read: No such file or directory$"),
    ],
)
def test_a_mistake_in_a_file_of_plans_is_named_with_the_file_and_the_place(
    text: str | None, said: str, tmp_path: Path
) -> None:
    plans = tmp_path / "plans.json"
    if text is not None:
        plans.write_text(text)
    with pytest.raises(BadArgument, match=said) as refused:
        arguments.plans(plans)
    assert str(refused.value).startswith(f"--plans {plans}")
    assert "\n" not in str(refused.value)


def test_a_command_that_cannot_be_run_as_given_ends_with_two_and_says_why() -> None:
    missing = command("metering", "--usage", "/no/such/folder", "--json")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "--usage /no/such/folder is not a folder" in missing.stderr
    assert "Traceback" not in missing.stderr
    negative = command("metering", "--usage", ".", "--time-scale", "-1")
    assert (negative.returncode, "time-scale" in negative.stderr) == (2, True)


def test_a_person_reads_numbers_reasons_and_where_the_evidence_is() -> None:
    month = {"month": "2025-07", "files": 744, "records": 2232, "submitted": 2, "errors": 0}
    output = {
        "plan": "Postgres:PROD:pt-1",
        "months": [{**month, "report": "reports/report.html"}],
        "waiting": [{"month": "2025-08", "reason": "the export is not complete"}],
        "unresolved": 3,
        "open_contracts": ["2025-06: 3 contracts (DIM since 2025-07-01): c-1, c-2, c-3"],
    }
    text = shown(output=output)
    for said in ("744", "2,232", "August 2025 waits: the export", "state/reports/report.html"):
        assert said in text
    assert (
        "Contracts not billed so far: 3\n2025-06: 3 contracts (DIM since 2025-07-01): c-1" in text
    )
    assert "c-3\nHow each is settled: " in text
    assert "billing status --env prod\n" in text


def test_why_nothing_was_due_is_said() -> None:
    output = {"plan": "S:E:P", "months": [], "why": "2025-08 ends at 2025-09-01T00:00:00Z."}
    assert "Nothing was due. 2025-08 ends at 2025-09-01T00:00:00Z.\n" in shown(output=output)


def test_a_dry_run_shows_what_would_be_submitted() -> None:
    month = {"month": "2025-07", "to_submit": 2, "to_submit_records": 6, "submitted": 0}
    output = {"months": [{**month, "dry_run": True, "submitted_records": 0}], "dry_run": True}
    text = shown(output=output)
    assert "would submit" in text
    assert "would submit records" in text
    assert "submitted" not in text


def test_a_failure_shows_its_message_rather_than_lambdas_json() -> None:
    cause = json.dumps({"errorType": "BadUsage", "errorMessage": "a.json: line 3"})
    text = shown("FAILED", error="BadUsage", cause=cause, output=None)
    assert "FAILED: BadUsage\na.json: line 3\n" in text


def test_the_last_line_says_where_to_read_what_to_do_about_each_failure() -> None:
    screen = Console(file=io.StringIO(), width=20)
    statuses = ("FAILED", "FAILED", "SUCCEEDED", "NOT_STARTED", "ABORTED")
    show_advice([{"status": status, "error": "DropHeld"} for status in statuses], screen)
    said = 'What to do: docs/runbook.md, "DropHeld"\n'
    assert screen.file.getvalue() == said  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [("metering", "--usage", "."), ("credits", "--input", "{}")])
def test_a_state_folder_that_cannot_be_made_is_refused(options: tuple[str, ...]) -> None:
    ran = typed(*options, "--state", "/proc/x/y", "--json")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "Error: --state /proc/x/y cannot be used: No such file" in ran.stderr


def test_a_state_folder_whose_name_is_too_long_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"--state .* cannot be used: File name too long"):
        arguments.state_folder(Path("x" * 300))


def test_without_a_clazar_the_built_in_one_answers_and_nothing_else_is_on_stdout(
    tmp_path: Path,
) -> None:
    usage = tmp_path / "usage/omnistrate-metering"
    hour = usage / f"Postgres/PROD/{SAMPLE_PLAN}/2025/07/01/00/sub-1.json"
    hour.parent.mkdir(parents=True)
    record = {"externalPayerId": "c-1", "dimension": "cpu_core_hours", "value": 5}
    hour.write_text(json.dumps([record]))
    marker = {f"Postgres:PROD:{SAMPLE_PLAN}": {"last_processed_to": "2025-08-01T02:00:00Z"}}
    (usage / "last_success_export.json").write_text(json.dumps(marker))
    options = ("--usage", str(tmp_path / "usage"), "--as-of", "2025-08-02T00:00:00Z", "--json")
    ran = command("metering", *options)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["status"] == "SUCCEEDED"
    assert sum(month["submitted_records"] for month in result["output"]["months"]) == 1
    assert "final_input" not in result


def test_a_run_that_needs_a_person_still_shows_its_months() -> None:
    months = [{"month": "2025-07", "files": 744, "errors": 1}]
    last = {"result": {"plan": "S:E:P", "months": months, "unresolved": 1}}
    text = shown("FAILED", error="ContractsNeedAttention", output=None, final_input=last)
    assert "744" in text
    assert "Contracts not billed so far: 1" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "at least one FILE, or --input"),
        (("/no/such/credits-2025-07.csv",), "FILE /no/such/credits-2025-07.csv cannot be read"),
        (("{file}", "{folder}"), "FILE {folder} cannot be read: Is a directory"),
        (("{file}", "--input", "[]"), "--input must be a JSON object"),
        (("--input", "{"), "--input is not valid JSON"),
        (("{file}", "--input", '{"restore":"snapshots/x"}'), "restore needs no FILE"),
        (("{file}", "--as-of", "2025-08-02T00:00:00"), "lacks its time zone"),
        (("{file}", "--state", "{file}"), "--state {file} is not a folder"),
        (("{file}", "--cloudzero", "localhost:80"), "--cloudzero 'localhost:80' is not a base URL"),
        (("{file}", "--time-scale", "-1"), "time-scale"),
        (("--check",), "--check and --metadata need at least one FILE"),
        (("--metadata", "row-count=1"), "--check and --metadata need at least one FILE"),
        (("{file}", "--check", "--input", "{}"), "--check starts nothing: leave out --input"),
        (("{file}", "{folder}", "--check"), "FILE {folder} cannot be read: Is a directory"),
        (("{file}", "--metadata", "row_count=1"), "--metadata row_count=1 is not understood"),
        (("{file}", "--metadata", "row-count"), "--metadata row-count is not understood"),
        (("{file}", "--metadata", "total-usd=1,000"), "--metadata 000 is not understood"),
    ],
)
def test_credits_that_cannot_be_sent_as_given_end_with_two_before_anything_is_uploaded(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    names = {"file": str(tmp_path / "credits-2025-07.csv"), "folder": str(tmp_path)}
    Path(names["file"]).write_text("123456789012,$1.00\n")
    given = [text.format(**names) if text in {"{file}", "{folder}"} else text for text in options]
    state = [] if "--state" in options else ["--state", str(tmp_path / "state")]
    ran = typed("credits", *given, *state, "--json")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said.format(**names) in ran.stderr
    assert not (tmp_path / "state").exists()


def test_a_file_is_uploaded_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "credits-2025-07.csv"
    path.write_bytes(b"\xef\xbb\xbf1\r\n")
    assert arguments.upload(path) == arguments.Upload("credits-2025-07.csv", path.read_bytes())
    with pytest.raises(BadArgument, match="not valid UTF-8"):
        arguments.upload(tmp_path / "credits-\udcff.csv")


CREDITS_HELP = (
    "python -m infra.local credits credits-2025-07.csv",
    """v2/credits-2025-07.csv --input '{"accept_shrink": true}'""",
    """--input '{"restore": "snapshots/..."}'""",
    *("what month is in the future", "the real service would refuse it"),
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("metering", ["python -m infra.local metering --usage"]), ("credits", CREDITS_HELP)],
)
def test_the_help_shows_examples_and_what_options_really_do(name: str, shown: list[str]) -> None:
    helped = typed(name, "--help")
    assert helped.exit_code == 0
    text = " ".join(helped.stdout.replace("│", " ").split())
    assert [said for said in shown if said not in text] == []


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Posted:
    """Post two files, one of them with a name that is not right, in a shell with much else set."""
    folder = tmp_path_factory.mktemp("posted")
    (folder / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    files = [folder / "credits-2025-07.csv", folder / "Credits_2025-01.CSV"]
    files[0].write_text('012345678901,"$6,407.96"\n012345678902,$0.04\n')
    files[1].write_text("012345678901,$1.00\n")
    settings = {"AWS_PROFILE": "nope", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    settings |= {"HOME": str(folder), "TZ": "Asia/Kolkata"}
    ran = command("credits", *map(str, files), f"--state={folder}/state", "--json", **settings)
    return ran, json.loads(ran.stdout)["executions"], folder


def test_a_profile_and_a_netrc_of_the_shell_change_nothing(posted: Posted) -> None:
    ran, (sent, _), _ = posted
    assert sent["status"] == "SUCCEEDED", ran.stderr


def test_a_name_that_is_not_right_fails_with_the_right_one(posted: Posted) -> None:
    ran, (_, failed), _ = posted
    assert (ran.returncode, failed["status"], failed["error"]) == (1, "FAILED", "BadCredits")
    assert "name it credits-2025-01.csv and upload it again" in failed["cause"]


def test_files_are_checked_without_anything_being_started(tmp_path: Path) -> None:
    texts = {
        "credits-2025-06.csv": '012345678901,"$6,407.96"\n012345678902,-\n012345678901,5\n',
        "credits-2025-07.csv": "12345678901,$1.00\n012345678902,1.234\n",
        "Credits-2025-05.csv": "123456789012,$1.000\n",
        "march 2025.csv": "123456789012,$1.00\n",
        "april.csv": "123456789012,\n",
        "export.csv": "account,Jan,Feb\n1,2,3\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in texts]
    begun = time.monotonic()
    good, ran = command("credits", "--check", files[0]), command("credits", "--check", *files)
    assert time.monotonic() - begun < 10  # two on an idle machine: nothing heavy is imported
    assert (good.returncode, ran.returncode, good.stderr, ran.stderr) == (0, 1, "", "")
    passed = [
        (
            "credits-2025-06.csv: 3 rows of 1 month, 6,412.96 USD; lines that repeat an account: "
            "3; 6,407.96 USD would be posted"
        ),
        (
            "1 repeated account with another amount than the first time; only the first rows "
            "count: line 3 (012345678901: 6407.96 counts, 5.00 does not)"
        ),
    ]
    assert good.stdout.splitlines() == passed
    unclear = (
        "name it credits-YYYY-MM.csv, or credits-YYYY-MM_YYYY-MM.csv for several months, and "
        "upload it again"
    )
    assert ran.stdout.splitlines() == [
        *passed,
        "credits-2025-07.csv: 2 problems, nothing of it was posted",
        (
            "line 1: account '12345678901' has 11 digits: the leading zero was lost: 012345678901? "
            "Format the column as text"
        ),
        "line 2: amount '1.234' may have thousands or decimals; write it like 1,234.50",
        "Credits-2025-05.csv: name it credits-2025-05.csv and upload it again",
        "credits-2025-05.csv: 1 problem, nothing of it was posted",
        "line 1: amount '$1.000' may have thousands or decimals; write it like 1,234.50",
        f"march 2025.csv: {unclear}",
        "march 2025.csv: 1 row of 1 month, 1.00 USD",
        f"april.csv: {unclear}",
        "its rows: 1 problem, nothing of it was posted",
        "line 1: amount '' is empty; write $0.00 for none",
        f"export.csv: {unclear}",
    ]


def test_what_is_checked_is_given_to_programs_with_its_control_totals(tmp_path: Path) -> None:
    path = tmp_path / "credits-2025-06_2025-07.csv"
    path.write_text("012345678901,1,2\n")
    options = ("--check", str(path), "--json", "--as-of", "2025-07-01T00:00:00Z")
    ran = typed("credits", *options, "--metadata", "Row-Count=1,total-usd=3.00")
    checked = {"file": path.name, "status": "SUCCEEDED", "months": ["2025-06", "2025-07"]}
    totals = {"row_count": 1, "total_usd": "3.00", "posted_usd": "3.00"}
    found = {**checked, **totals, "warnings": [], "duplicates": []}
    assert json.loads(ran.stdout) == {"status": "SUCCEEDED", "files": [found]}
    for wrong in ("row-count=2", "total-usd=2"):
        ran = typed("credits", *options, "--metadata", wrong)
        (file,) = json.loads(ran.stdout)["files"]
        assert (ran.exit_code, file["status"]) == (1, "FAILED")
        assert f"the upload's {wrong[:9]} is '2'" in file["cause"]


def test_what_does_not_fit_into_a_request_is_refused_by_the_check(tmp_path: Path) -> None:
    path = tmp_path / "credits-2025-06.csv"
    path.write_text("".join(f"{number:012d},1\n" for number in range(1, 25_001)))
    ran = typed("credits", "--check", str(path))
    assert ran.exit_code == 1
    assert "bytes as a request; CloudZero takes less than 5,000,000" in ran.stdout
    path.write_bytes(b"\n" * 8_000_001)
    ran = typed("credits", "--check", str(path))
    assert "8000001 bytes, at most 8000000 are read" in ran.stdout


def test_control_totals_are_sent_with_an_upload_and_a_failure_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "credits-2025-07.csv"
    path.write_text("012345678901,$1.00\n")
    options = ("--state", str(tmp_path / "state"), "--metadata", "row-count=2")
    ran = typed("credits", str(path), *options)
    assert ran.exit_code == 1, ran.stderr
    assert "FAILED: BadCredits" in ran.stdout
    assert "row-count is '2', the file has 1 row" in ran.stdout


def test_without_a_cloudzero_the_built_in_one_answers_and_the_file_is_in_the_state_folder(
    posted: Posted,
) -> None:
    ran, (sent, _), folder = posted
    assert "nothing leaves this machine" in ran.stderr.lower()
    assert (sent["file"], sent["status"]) == ("credits-2025-07.csv", "SUCCEEDED")
    assert set(sent) == {"file", "status", "error", "cause", "output"}
    (month,) = sent["output"]["months"]
    assert (month["billing_month"], month["row_count"]) == ("2025-07", 2)
    assert month["total_credit_usd"] == "6408.00"
    name = sent["file"]
    assert (folder / "state" / name).read_bytes() == (folder / name).read_bytes()


def stop_while_it_runs(tmp_path: Path, *more: str) -> tuple[int, str, str]:
    """Stop credits after the second of three files was uploaded. CloudZero is not there."""
    names = ("credits.csv", "credits-2025-07.csv", "credits-2025-08.csv")
    files = [str(tmp_path / name) for name in names]
    for name in files:
        Path(name).write_text("012345678901,$1.00\n")
    nobody = "http://127.0.0.1:9"
    options = ("--state", str(tmp_path / "state"), "--cloudzero", nobody, *more)
    running = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "credits", *files, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "state/credits-2025-07.csv").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=30)
    return running.returncode, out, err


def test_credits_that_are_told_to_stop_still_say_what_is_known(tmp_path: Path) -> None:
    code, out, _ = stop_while_it_runs(tmp_path, "--json")
    assert code == 1
    known = [(one["file"], one["status"], one["error"]) for one in json.loads(out)["executions"]]
    assert known == [
        ("credits.csv", "FAILED", "BadCredits"),
        ("credits-2025-07.csv", "ABORTED", "Stopped"),
        ("credits-2025-08.csv", "NOT_STARTED", "Stopped"),
    ]


def test_a_person_who_stops_credits_reads_at_which_file_and_how_to_go_on(tmp_path: Path) -> None:
    code, _, err = stop_while_it_runs(tmp_path)
    assert code == 1
    assert "told to stop at credits-2025-07.csv; not reached: credits-2025-08.csv" in err
    assert f"run the same command again with --state {tmp_path / 'state'};" in err
