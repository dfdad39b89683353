from pathlib import Path
from typing import Any

import pytest

from infra.local.account import LocalAccount
from infra.local.cli.arguments import Upload
from infra.local.cli.credits_run import CreditsRun
from infra.local.cli.ending import functions_know, succeeded
from infra.local.cli.session import Stopped
from tests.unit.local.conftest import Open
from tests.unit.local.tiny_app import STATE_BUCKET, client, upload_rule

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
AS_OF = "2025-08-02T00:00:00Z"


def opened(tiny: Open) -> LocalAccount:
    return tiny({"send": HANDLER}, DEFINITION, Uploaded=upload_rule("credits-*.csv"))


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


def test_a_file_that_no_rule_takes_starts_none_and_says_so(tiny: Open) -> None:
    missed, taken = entries(opened(tiny), "credit-1.csv", "credits-1.csv")
    not_started = ["credit-1.csv", "NOT_STARTED", "NoRuleMatched", None]
    assert [missed[name] for name in ("file", "status", "error", "output")] == not_started
    assert missed["cause"] == "credit-1.csv is in the bucket, but no rule of the stack takes it"
    assert taken["output"]["keys"] == ["credit-1.csv", "credits-1.csv"]
    assert not succeeded({"executions": [missed, taken]})
    assert not functions_know({"executions": [missed, taken]})
    assert functions_know({"executions": [missed, {**taken, "status": "FAILED"}]})


def test_an_upload_carries_its_metadata(tiny: Open) -> None:
    account = opened(tiny)
    entries(account, "credits-1.csv", metadata={"row-count": "24"})
    s3 = client(account.aws, "s3")
    found = s3.head_object(Bucket=STATE_BUCKET, Key="credits-1.csv")
    assert found["Metadata"] == {"row-count": "24"}


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


def stopped_at_the_second(account: LocalAccount, monkeypatch: pytest.MonkeyPatch) -> CreditsRun:
    """Give a run of three files that is told to stop while the second one is under way."""
    run = CreditsRun(waiting=[Upload(f"credits-{number}.csv", b"1") for number in (1, 2, 3)])
    each = run.each(account)
    next(each)

    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(account, "wait", stop)
    with pytest.raises(Stopped):
        next(each)
    return run


def test_a_run_that_is_cut_off_tells_the_file_it_was_at_from_those_it_did_not_reach(
    tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped_at_the_second(opened(tiny), monkeypatch)
    known = run.cut_off("ABORTED", "Stopped", "told to stop")["executions"]
    assert [(one["file"], one["status"]) for one in known] == [
        ("credits-1.csv", "SUCCEEDED"),
        ("credits-2.csv", "ABORTED"),
        ("credits-3.csv", "NOT_STARTED"),
    ]
    ended = {"error": "Stopped", "cause": "told to stop", "output": None}
    assert known[1] == {"file": "credits-2.csv", "status": "ABORTED", **ended}
    assert known[2] == {"file": "credits-3.csv", "status": "NOT_STARTED", **ended}
    assert not succeeded({"executions": known})


def test_a_run_that_is_stopped_names_the_file_and_how_to_go_on(
    tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped_at_the_second(opened(tiny), monkeypatch)
    run.state = Path("/a folder")
    first, second = run.stopped().splitlines()
    assert first.endswith("told to stop at credits-2.csv; not reached: credits-3.csv")
    assert second.startswith("run the same command again with --state '/a folder';")
    assert second.endswith("CloudZero is asked before anything is posted")


def test_what_was_stopped_before_its_upload_was_not_started() -> None:
    run = CreditsRun(waiting=[Upload("credits-1.csv", b"1")])
    assert run.stopped() == "the runner was told to stop; not reached: credits-1.csv"
    (entry,) = run.cut_off("ABORTED", "Stopped", "told to stop")["executions"]
    assert (entry["file"], entry["status"]) == ("credits-1.csv", "NOT_STARTED")


def test_a_run_that_never_began_is_no_success() -> None:
    assert not succeeded(CreditsRun().result())
