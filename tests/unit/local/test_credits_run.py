from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from infra.local.account import LocalAccount
from infra.local.arguments import Upload
from infra.local.credits_run import CreditsRun
from infra.local.ending import succeeded
from infra.local.show_credits import show_credits
from tests.unit.local.conftest import Open
from tests.unit.local.tiny_app import STATE_BUCKET

# Keeps an account of what it saw in the bucket, so that the order of things can be read there.
HANDLER = """
    import os, boto3
    s3 = boto3.client("s3")
    def handler(event, context):
        bucket = os.environ["STATE_BUCKET"]
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        s3.put_object(Bucket=bucket, Key="ended/" + event.get("key", "none"), Body=b"")
        if "bad" in event.get("key", ""):
            raise ValueError("line 3: not an amount")
        return {"keys": keys, "given": event}
"""
DEFINITION = {
    "StartAt": "Send",
    "States": {"Send": {"Type": "Task", "Resource": "${send}", "End": True}},
}
RULE = {
    "EventPattern": {
        "source": ["aws.s3"],
        "detail": {"object": {"key": [{"wildcard": "credits-*.csv"}]}},
    },
    "Targets": [
        {
            "Arn": {"Ref": "Machine"},
            "Id": "Target0",
            "InputTransformer": {
                "InputPathsMap": {
                    "b": "$.detail.bucket.name",
                    "k": "$.detail.object.key",
                    "t": "$.time",
                },
                "InputTemplate": '{"bucket":<b>,"key":<k>,"as_of":<t>}',
            },
        }
    ],
}
AS_OF = "2025-08-02T00:00:00Z"


def opened(tiny: Open) -> LocalAccount:
    return tiny({"send": HANDLER}, DEFINITION, rules={"Uploaded": RULE})


def entries(account: LocalAccount, *names: str, **more: Any) -> list[dict[str, Any]]:
    files = [Upload(name, b"1") for name in names]
    run = CreditsRun(waiting=[*files] or [None], **more)
    assert len(list(run.each(account))) == len(run.result()["executions"])
    found: list[dict[str, Any]] = run.result()["executions"]
    return found


def test_one_file_has_ended_before_the_next_is_uploaded_and_a_failure_stops_none(
    tiny: Open,
) -> None:
    first, bad, last = entries(
        opened(tiny), "credits-1.csv", "credits-bad.csv", "credits-2.csv", as_of=AS_OF
    )
    assert set(first) == {"file", "status", "error", "cause", "output"}
    given = {"bucket": STATE_BUCKET, "key": "credits-1.csv", "as_of": AS_OF}
    assert first["output"] == {"keys": ["credits-1.csv"], "given": given}
    assert (bad["file"], bad["status"], bad["error"]) == ("credits-bad.csv", "FAILED", "ValueError")
    assert "line 3: not an amount" in bad["cause"]
    assert bad["output"] is None
    uploaded = ["credits-1.csv", "credits-2.csv", "credits-bad.csv"]
    ended = ["ended/credits-1.csv", "ended/credits-bad.csv"]
    assert last["output"]["keys"] == [*uploaded, *ended]


def test_a_file_that_no_rule_takes_starts_none_and_says_what_the_rule_takes(tiny: Open) -> None:
    missed, taken = entries(opened(tiny), "credit-1.csv", "credits-1.csv")
    assert {name: missed[name] for name in ("file", "status", "error", "output")} == {
        "file": "credit-1.csv",
        "status": "NOT_STARTED",
        "error": "NoRuleMatched",
        "output": None,
    }
    assert "credits-*.csv" in missed["cause"]
    assert taken["output"]["keys"] == ["credit-1.csv", "credits-1.csv"]
    assert not succeeded({"executions": [missed, taken]})


def test_with_an_input_a_file_is_started_as_from_the_console(tiny: Open) -> None:
    account = opened(tiny)
    one, two = entries(account, "a.csv", "b.csv", given={"accept_shrink": True})
    named = {"bucket": STATE_BUCKET, "accept_shrink": True}
    assert [one["output"]["given"], two["output"]["given"]] == [
        {**named, "key": "a.csv"},
        {**named, "key": "b.csv"},
    ]
    (own,) = entries(account, "c.csv", given={"key": "a.csv"}, as_of=AS_OF)
    assert own["output"]["given"] == {"bucket": STATE_BUCKET, "key": "a.csv", "as_of": AS_OF}
    assert "c.csv" in own["output"]["keys"]


def test_an_input_without_a_file_is_the_whole_input(tiny: Open) -> None:
    (entry,) = entries(opened(tiny), given={"key": "a.csv", "x": 1}, as_of=AS_OF)
    assert entry["file"] is None
    assert entry["output"]["given"] == {"key": "a.csv", "x": 1}


def test_a_run_that_is_cut_off_keeps_what_it_knows(tiny: Open) -> None:
    files = [Upload(f"credits-{number}.csv", b"1") for number in (1, 2, 3)]
    run = CreditsRun(waiting=list(files))
    next(run.each(opened(tiny)))
    stopped = {"status": "ABORTED", "error": "Stopped", "cause": "told to stop"}
    known = run.cut_off(**stopped)["executions"]
    assert [(one["file"], one["status"]) for one in known] == [
        ("credits-1.csv", "SUCCEEDED"),
        ("credits-2.csv", "ABORTED"),
    ]
    assert known[1] == {"file": "credits-2.csv", **stopped, "output": None}
    assert not succeeded({"executions": known})


def test_a_run_that_never_began_is_no_success() -> None:
    assert not succeeded(CreditsRun().result())


MONTH = {
    "billing_month": "2025-01",
    "status": "verified",
    "row_count": 23,
    "unique_accounts": 22,
    "total_credit_usd": "-123.45",
    "drop_id": "drop-7",
    "snapshot": "snapshots/2025-01.json",
    "error": "",
}


def shown(ended: dict[str, Any], tmp: Any) -> str:
    screen = Console(file=io.StringIO(), width=160)
    show_credits(ended, state=tmp, console=screen)
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_person_reads_totals_warnings_and_where_the_evidence_is(tmp_path: Any) -> None:
    output = {
        "file": "credits-2025-01.csv",
        "months": [MONTH],
        "warnings": ["line 24: account 0547 [again]"],
        "report": "reports/1.json",
    }
    text = shown({"file": "x.csv", "status": "SUCCEEDED", "output": output}, tmp_path)
    for said in ("credits-2025-01.csv", "verified", "23", "22", "-123.45", "drop-7", "[again]"):
        assert said in text
    assert str(tmp_path / "reports/1.json") in text
    assert str(tmp_path / "snapshots/2025-01.json") in text


def test_a_failed_run_shows_its_months_and_a_cause_without_lambdas_json(tmp_path: Any) -> None:
    month = {**MONTH, "status": "failed", "error": "DropDiffers", "message": "22 rows, not 23"}
    ended = {
        "status": "FAILED",
        "error": "CreditsNeedAttention",
        "cause": '{"errorMessage": "2025-01 needs a person", "errorType": "X"}',
        "output": None,
        "final_input": {"result": {"months": [month, "odd"], "warnings": None}},
    }
    text = shown(ended, tmp_path)
    for said in ("failed", "DropDiffers: 22 rows, not 23", "FAILED: CreditsNeedAttention"):
        assert said in text
    assert "2025-01 needs a person" in text
    assert "errorMessage" not in text


def test_what_is_missing_is_left_empty(tmp_path: Any) -> None:
    missed = {"file": "x.csv", "status": "NOT_STARTED", "error": "NoRuleMatched", "output": None}
    text = shown({**missed, "cause": "no rule takes [it]"}, tmp_path)
    for said in ("x.csv", "NOT_STARTED: NoRuleMatched", "no rule takes [it]"):
        assert said in text
    assert "2025" in shown({"output": {"months": [{"billing_month": "2025"}]}}, tmp_path)
