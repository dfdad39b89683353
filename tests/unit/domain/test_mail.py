"""What an operator reads at 05:10: subject, then text, in `mails/`; `MAILS=write` renews them."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.credits import credits_report
from functions.domain.credits.credits_report import MonthReport
from functions.domain.mails import Place, execution_link, subject
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.months.hold import Held, explain
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.mail import Ended, is_mailed, mail
from functions.domain.months.run import Run
from functions.payloads import Problem, Refused
from tests.builders import JULY, a_plan

PLACE = Place("prod", "eu-central-1", "state-1", "https://wiki.example/runbook", mails_closed=True)
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:prod-metering:x-1"
AT = datetime(2025, 8, 1, 5, 10, tzinfo=UTC)
MAILS = Path(__file__).with_name("mails")
REFUSED = Unresolved(code="DIMENSION_NOT_FOUND", since="2025-08-01T01:31:00Z", due="744 cpu_hours")
IN_DOUBT = Unresolved(code="OUTCOME_UNKNOWN", since="2025-08-01T02:31:00Z", due="12 cpu_hours")


def a_run(cloud: str = "aws") -> Run:
    named = {"service": "Postgres", "environment_type": "PROD", "plan_id": "pt-1"}
    plan = a_plan(**named, cloud=cloud, approve_above="20%")
    asked: dict[str, Any] = {"months": None, "contracts": None, "retry_errors": False}
    begun: dict[str, Any] = {"execution": EXECUTION, "name": "x-1", "as_of": "2025-08-01T05:10:00Z"}
    return Run(plan=plan, dry_run=False, max_months=12, **asked, **begun)


def a_month(**changes: Any) -> ClosedMonth:
    numbers = {"files": 744, "records": 2_232, "contracts": 300, "entries": 900, "skipped": 0}
    others: dict[str, Any] = {"quarantined": 0, "duplicates": 0, "submitted_records": 894}
    report = "reports/Postgres/PROD/pt-1/2025-07/report.html"
    given = {**numbers, **others, "closed": True, "warnings": [], **changes}
    return ClosedMonth(month="2025-07", report=report, **given)


def ended(**changes: Any) -> Ended:
    nothing = {"months": [], "due": [], "error": "", "reminds": False, "details": []}
    return Ended(**{**nothing, "journal": Journal(), **changes})


MOVED = Held(
    digest="d",
    moves=(
        "cpu_hours: 12,400 in 2025-06, now 19,840 (+60.0%)",
        "replica_hours: 0 in 2025-06, now 744 (new)",
    ),
    since="2025-08-01T01:30:00Z",
)
TWO_OPEN = Journal(unresolved={"2025-07": {"c-17": REFUSED, "c-18": IN_DOUBT}})
METERING = {
    "refused": ended(
        months=[a_month(errors=2, submitted=298)],
        due=["2025-07"],
        error="ContractsNeedAttention",
        journal=TWO_OPEN,
    ),
    "unreadable": ended(
        due=["2025-07"],
        error="BadUsage",
        details=["2025-07: nothing was sent; problems: 1: 2025/07/03/04/s.json: line 3: not JSON"],
    ),
    "held": ended(
        due=["2025-07"],
        error="MonthHeld",
        details=[explain(JULY, MOVED, a_run().plan)],
        journal=Journal(held={"2025-07": MOVED}),
    ),
    "reminder": ended(reminds=True, journal=TWO_OPEN),
    "late": ended(
        months=[a_month(late=True, changed=True)],
        details=["2025-07: usage changed after it was billed and is not billed: changed days: 03"],
    ),
    "closed": ended(months=[a_month(submitted=300)], due=["2025-07"]),
}
UNDO = MonthReport(
    billing_month="2025-06",
    status="verified",
    posted=True,
    message="verified",
    row_count=3,
    total_credit_usd="1.00",
    undo={"restore": "snapshots/s-1/2025-06/x-1.json"},
)
HELD = MonthReport(
    billing_month="2025-07",
    status="failed",
    error="DropHeld",
    message="12 rows instead of 24",
    row_count=24,
    total_credit_usd="122.20",
)
DIFFERS = replace(UNDO, error="DropDiffers", message="CloudZero holds 0 rows", posted=True)
CREDITS = {
    "credits-held": credits_report.Ended(
        "credits-2025-06_2025-07.csv",
        [UNDO, HELD],
        "DropHeld",
        [str(HELD), str(UNDO)],
        "reports/credits-2025-06_2025-07/x-1.json",
    ),
    "credits-differs": credits_report.Ended(
        "credits-2025-06.csv", [DIFFERS], "DropDiffers", [str(DIFFERS)], None
    ),
    "credits-refused": credits_report.Ended(
        "credits-2025-07.csv", [], "BadCredits", ["line 3: 1,5 is not an amount"], None
    ),
}
NOT_STARTED = {
    "not-started": Refused(
        EXECUTION,
        "x-1",
        {"months": "2025-07"},
        Problem(
            "BadInput",
            "ExecutionInput: Expected `array | null`, got `str` - at `$.months`: '2025-07'",
        ),
    )
}


def of(name: str) -> tuple[str, str]:
    if name in NOT_STARTED:
        refused = NOT_STARTED[name].finished("metering", PLACE)
        return refused.subject, refused.mail
    if name in METERING:
        return mail(a_run(), METERING[name], PLACE, AT)
    return credits_report.mail(EXECUTION, "x-1", CREDITS[name], PLACE)


@pytest.mark.parametrize("name", [*METERING, *CREDITS, *NOT_STARTED])
def test_a_mail_reads_as_it_was_approved(name: str) -> None:
    title, body = of(name)
    text = f"{title}\n\n{body}"
    if os.environ.get("MAILS") == "write":
        (MAILS / f"{name}.txt").write_text(text, encoding="utf-8")
    assert text == (MAILS / f"{name}.txt").read_text(encoding="utf-8")


def test_of_two_months_the_subject_names_the_one_that_is_not_billed() -> None:
    found = ended(
        months=[a_month(submitted=300)], due=["2025-07", "2025-08"], error="BadUsage", details=["x"]
    )
    assert mail(a_run(), found, PLACE, AT)[0].startswith("[prod] Postgres August 2025: not billed")
    all_closed = found._replace(due=["2025-07"])
    assert mail(a_run(), all_closed, PLACE, AT)[0] == "[prod] Postgres: BadUsage"


def test_a_restore_that_is_held_is_accepted_as_a_restore() -> None:
    held = CREDITS["credits-held"]._replace(file="snapshots/s-1/2025-07/x-1.json", months=[HELD])
    _, body = credits_report.mail(EXECUTION, "x-1", held, PLACE)
    assert '{"restore": "snapshots/s-1/2025-07/x-1.json", "accept_shrink": true}' in body


def test_only_what_an_operator_has_to_know_is_news() -> None:
    silent = [name for name, found in METERING.items() if not is_mailed(found, if_closed=False)]
    assert silent == ["closed"]


def test_a_month_that_was_closed_is_mailed_to_those_who_want_that() -> None:
    assert is_mailed(METERING["closed"], if_closed=True)
    late = METERING["late"]._replace(error="", reminds=False, details=[])
    assert not is_mailed(late, if_closed=True), "it was closed before"


def test_a_marketplace_without_a_known_limit_has_no_deadline() -> None:
    title, body = mail(a_run(cloud="gcp"), METERING["refused"], PLACE, AT)
    assert title.endswith("2 of 300 contracts not billed")
    assert "takes its usage until" not in body


def test_three_hundred_contracts_with_one_reason_are_said_once_and_forty_are_named() -> None:
    names = {f"c-{number:03d}": REFUSED for number in range(300)}
    found = METERING["refused"]._replace(journal=Journal(unresolved={"2025-07": names}))
    _, body = mail(a_run(), found, PLACE, AT)
    assert body.count("DIMENSION_NOT_FOUND") == 1
    assert "2025-07: 300 contracts (DIMENSION_NOT_FOUND since 2025-08-01): c-000 744" in body
    assert "; and 260 more" in body
    assert "c-040" not in body


def test_an_input_that_is_long_is_not_repeated_in_the_mail() -> None:
    long = replace(NOT_STARTED["not-started"], input={"contracts": ["c-1"] * 1_000})
    body = long.finished("metering", PLACE).mail
    assert "c-1" not in body
    assert """--input '{"...": "..."}'""" in body


def test_a_subject_is_what_sns_takes() -> None:
    assert subject(f"Zürich\n{'x' * 200}") == f"Z?rich?{'x' * 92}"


def test_an_execution_of_this_machine_has_no_link() -> None:
    assert execution_link("x-1") == "x-1"
    assert execution_link(EXECUTION).startswith("https://eu-central-1.console.aws.amazon.com/")
