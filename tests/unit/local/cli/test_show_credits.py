import io
import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from functions.domain.wording import counted
from infra.local.cli.show_credits import show_credits
from infra.local.cli.wording import one_line, usd

STATE = Path("/a folder")
SNAPSHOT = "snapshots/c-1/2025-01/run-1.json"
TOTALS = {"row_count": 1023, "unique_accounts": 22, "total_credit_usd": "121125.39"}
DROP = {"drop_id": "drop-7", "snapshot": SNAPSHOT, "undo": {"restore": SNAPSHOT}, "error": ""}
MONTH = {"billing_month": "2025-01", "status": "verified", "posted": True, **TOTALS, **DROP}
UNDO = "undo 2025-01: "


def shown(ended: dict[str, Any]) -> str:
    screen = Console(file=io.StringIO(), width=160)
    show_credits(ended, state=STATE, console=screen)
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]
    return text


def shown_month(**changes: Any) -> str:
    return shown({"status": "SUCCEEDED", "output": {"months": [{**MONTH, **changes}]}})


def test_a_person_reads_totals_warnings_and_where_the_evidence_is() -> None:
    output = {
        "file": "credits-2025-01.csv",
        "months": [{**MONTH, "warnings": ["line 24: account 0547 [again]"]}],
        "warnings": ["line 24: account 0547 [again]"],
        "report": "reports/1.json",
    }
    text = shown({"file": "x.csv", "status": "SUCCEEDED", "output": output})
    for said in ("credits-2025-01.csv", "verified", "1,023", "22", "121,125.39", "drop-7"):
        assert said in text
    assert text.count("[again]") == 1
    assert str(STATE / "reports/1.json") in text


def test_what_was_replaced_can_be_put_back_with_a_line_that_a_shell_understands() -> None:
    (line,) = [line for line in shown_month().splitlines() if line.startswith(UNDO)]
    words = shlex.split(line.removeprefix(UNDO))
    assert Path(words[0]).name == "billing", "with its folder where it is not on the PATH"
    assert words[1:] == ["restore", SNAPSHOT, "--state", str(STATE)]


def test_only_what_can_be_undone_is_offered_to_be_undone() -> None:
    assert UNDO not in shown_month(undo=None)


@pytest.mark.parametrize(("posted", "said"), [(True, "yes"), (False, "no"), (None, "perhaps")])
def test_a_month_says_whether_this_execution_has_posted_it(
    posted: bool | None,  # noqa: FBT001 (from parametrize)
    said: str,
) -> None:
    (row,) = [line for line in shown_month(posted=posted).splitlines() if "1,023" in line]
    assert row.replace("│", " ").split()[:3] == ["2025-01", "verified", said]


def test_a_superseded_month_says_by_what_and_nothing_that_is_not_known() -> None:
    text = shown_month(
        status="superseded",
        message="credits-2025-01.csv is newer",
        **dict.fromkeys(TOTALS),
        posted=False,
        drop_id=None,
    )
    assert "2025-01: credits-2025-01.csv is newer" in text
    (row,) = [line for line in text.splitlines() if line.startswith("│")]
    assert row.strip("│").replace("│", " ").split() == ["2025-01", "superseded", "no"]


def test_a_failed_run_shows_its_months_and_a_cause_without_lambdas_json() -> None:
    month = {**MONTH, "status": "failed", "error": "DropDiffers", "message": "22 rows, not 23"}
    ended = {
        "status": "FAILED",
        "error": "CreditsNeedAttention",
        "cause": '{"errorMessage": "2025-01 needs a person", "errorType": "X"}',
        "output": None,
        "final_input": {"result": {"months": [month, "odd"], "warnings": None}},
    }
    text = shown(ended)
    for said in ("failed", "DropDiffers: 22 rows, not 23", "FAILED: CreditsNeedAttention"):
        assert said in text
    assert "2025-01 needs a person" in text
    assert "errorMessage" not in text


def test_a_cause_that_is_the_months_message_is_said_once() -> None:
    month = {**MONTH, "status": "failed", "error": "DropHeld", "message": "2 rows instead of 24"}
    other = {**month, "billing_month": "2025-02", "message": "not a word of it in the cause"}
    ended = {
        "status": "FAILED",
        "error": "DropHeld",
        "cause": "2025-01: DropHeld: 2 rows instead of 24",
        "final_input": {"result": {"months": [month, other]}},
    }
    text = shown(ended)
    assert text.count("2 rows instead of 24") == 1
    assert "2025-02: DropHeld: not a word of it" in text


def test_what_is_missing_is_left_empty() -> None:
    missed = {"file": "x.csv", "status": "NOT_STARTED", "error": "NoRuleMatched", "output": None}
    text = shown({**missed, "cause": "no rule takes [it]"})
    for said in ("x.csv", "NOT_STARTED: NoRuleMatched", "no rule takes [it]"):
        assert said in text
    assert "2025" in shown({"output": {"months": [{"billing_month": "2025"}]}})


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 row left out: repeats an account"), (2, "2 rows left out: repeat an account")],
)
def test_repeated_rows_are_counted(count: int, said: str) -> None:
    output = {"months": [MONTH], "duplicates": count}
    assert said in shown({"status": "SUCCEEDED", "output": output})


def test_numbers_have_one_form_everywhere() -> None:
    assert [counted(number, "row") for number in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
    assert [usd(text) for text in ("121125.39", "-5", "?")] == ["121,125.39", "-5.00", "?"]


def test_a_long_message_is_cut_to_one_line_without_control_characters() -> None:
    assert one_line(" a\n b\x1b[2J ") == "a b [2J"
    assert one_line("x" * 150) == "x" * 150
    assert one_line("x" * 151) == "x" * 149 + "…"
