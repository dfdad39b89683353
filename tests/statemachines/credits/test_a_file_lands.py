"""A file dropped into the bucket appears in CloudZero to the cent, once."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of

SEED = (
    '054736553085,"$6,407.96"\n000000000002,"$116,319.27"\n000000000003,$0.00\n'
    '054736553085,"$6,407.96"\n'
)


def log_lines(logs: Path, message: str) -> list[dict[str, Any]]:
    lines = [line for line in logs.read_text().splitlines() if line.startswith("{")]
    return [entry for line in lines if (entry := json.loads(line)).get("message") == message]


def test_a_dropped_file_replaces_its_month_with_credits_that_are_read_back_equal(
    world: CreditsWorld,
) -> None:
    result = world.drop(JANUARY, SEED)
    assert result.status == "SUCCEEDED", result.cause
    assert world.accounts() == ["054736553085", "000000000002", "000000000003"]
    costs = [row["cost/cost"] for row in world.cloudzero.stored["2025-01"]]
    assert costs == ["-6407.96", "-116319.27", "0.00"]
    (post,) = world.cloudzero.posts
    assert (json.loads(post.raw)["operation"], post.month) == ("replace_drop", "2025-01")
    row = world.cloudzero.stored["2025-01"][0]
    assert row["lineitem/type"] == "Credit"
    assert row["time/usage_start"] == "2025-01-01T00:00:00Z"
    month = month_of(result)
    assert month["row_count"] == month["unique_accounts"] == 3
    assert month["total_credit_usd"] == "122727.23"
    assert (month["status"], month["posted"]) == ("verified", True)
    assert month["drop_id"]


def test_success_is_one_structured_log_line_with_the_numbers_of_the_month(
    world: CreditsWorld, function_logs: Path
) -> None:
    before = len(log_lines(function_logs, "credits posted"))
    result = world.drop(JANUARY, SEED)
    world.drop(JANUARY, SEED)
    (line,) = log_lines(function_logs, "credits posted")[before:]
    assert log_lines(function_logs, "credits stored already")
    assert (line["file"], line["billing_month"], line["row_count"]) == (JANUARY, "2025-01", 3)
    assert (line["unique_accounts"], line["total_credit_usd"]) == (3, "122727.23")
    assert line["drop_id"] == month_of(result)["drop_id"]


def test_a_repeated_account_keeps_its_first_row_and_is_warned_of(
    world: CreditsWorld, function_logs: Path
) -> None:
    before = len(log_lines(function_logs, "repeated account skipped"))
    result = world.drop(JANUARY, SEED)
    assert result.output["duplicates"] == 1
    (line,) = log_lines(function_logs, "repeated account skipped")[before:]
    assert (line["level"], line["row"]["line"]) == ("WARNING", 4)
    report = world.read(result.output["report"])
    assert report["duplicates"] == [
        {"line": 4, "account": "054736553085", "kept": ["6407.96"], "skipped": ["6407.96"]}
    ]
    assert report["attention"] == ""


def test_a_repeated_account_with_another_amount_is_the_first_line_of_the_report_and_tells_a_person(
    world: CreditsWorld,
) -> None:
    sent = len(world.account.aws.published())
    result = world.drop(JANUARY, "000000000001,$5.00\n000000000001,$7.00\n")
    assert result.status == "SUCCEEDED"
    first_line = (world.state / result.output["report"]).read_text().splitlines()[0]
    assert "line 2 (000000000001: 5.00 counts, 7.00 does not)" in first_line
    (message,) = world.account.aws.published()[sent:]
    assert "line 2 (000000000001: 5.00 counts" in message


def test_the_same_file_again_doubles_nothing_and_posts_nothing(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(23))
    again = world.drop(JANUARY, a_file(23))
    assert again.status == "SUCCEEDED"
    assert len(world.accounts()) == 23
    assert len(world.cloudzero.posts) == 1
    assert (month_of(again)["status"], month_of(again)["posted"]) == ("verified", False)
    assert month_of(again)["drop_id"], "the drop that holds it is named"
    assert "not posted; CloudZero holds 23 rows" in again.output["message"]


def test_the_same_file_again_repairs_a_month_that_somebody_else_has_replaced(
    world: CreditsWorld,
) -> None:
    world.drop(JANUARY, a_file(23))
    world.cloudzero.preload("2025-01", world.cloudzero.stored["2025-01"][:22])
    assert len(world.accounts()) == 22
    assert world.drop(JANUARY, a_file(23)).status == "SUCCEEDED"
    assert len(world.accounts()) == 23


def test_a_corrected_file_replaces_the_month_as_a_whole(world: CreditsWorld) -> None:
    world.drop(JANUARY, a_file(10))
    world.drop(JANUARY, a_file(8, cents=900_000))
    assert len(world.accounts()) == 8
    assert world.total() == sum(Decimal(900_000 + number) / 100 for number in range(8))


def test_a_month_can_be_emptied_by_giving_its_accounts_nothing(world: CreditsWorld) -> None:
    world.drop(JANUARY, "000000000001,$5.00\n")
    assert world.drop(JANUARY, "000000000001,$0.00\n").error == "DropHeld"
    given = {"bucket": world.account.state_bucket, "key": JANUARY, "accept_shrink": True}
    assert world.run(given).status == "SUCCEEDED"
    assert world.total() == 0


def test_reversals_are_refused_in_an_environment_that_does_not_allow_them(
    world: CreditsWorld,
) -> None:
    result = world.drop(JANUARY, "000000000001,$5.00\n000000000002,($1.00)\n")
    assert result.error == "BadCredits"
    assert "line 2" in str(result.cause)
    assert not world.cloudzero.posts
