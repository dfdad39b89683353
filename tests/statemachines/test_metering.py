"""The real definition with the real handlers: one test per sentence of what metering promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.statemachines.world import KEY, PATH, PLAN, PLAN_ID, World, a_record

OpenWorld = Callable[..., World]


def test_a_month_is_totalled_and_every_contract_is_billed_once(world: World) -> None:
    world.month("c-1", "c-2", value=3)
    result = world.run()
    assert (result.status, result.error) == ("SUCCEEDED", None)
    assert set(world.billed().values()) == {18}
    assert len(world.billed()) == 6
    record = world.clazar.accepted[0]
    assert (record["start_time"], record["end_time"], record["cloud"]) == (
        "2025-07-01T00:00:00Z",
        "2025-07-31T23:59:59Z",
        "aws",
    )
    state = world.state_json()
    assert state["last_processed_month"] == "2025-07"
    assert state["success_contracts"] == {"2025-07": ["c-1", "c-2"]}
    month = result.output["months"][0]
    counted = (
        "files",
        "records",
        "contracts",
        "entries",
        "submitted",
        "submitted_records",
        "errors",
    )
    assert [month[name] for name in counted] == [6, 36, 2, 6, 2, 6, 0]
    posts = len(world.clazar.posts)
    again = world.run()
    assert again.status == "SUCCEEDED"
    assert again.output["months"] == []
    assert len(world.clazar.posts) == posts


def test_every_unreadable_file_is_named_and_nothing_of_the_month_is_sent(world: World) -> None:
    world.month("c-1", hours=5)
    world.hour("01/02", b'[\n{"externalPayerId": "c-1", "dimension": "cpu')
    world.hour("01/03", {"externalPayerId": "c-1"})
    world.hour("01/04", [a_record("c-1"), a_record("c-1", value=-3)])
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "BadUsage")
    for named in ("07/01/02/sub-1.json line 1", "07/01/03/sub-1.json", "value -3", "problems: 3"):
        assert named in str(result.cause)
    assert not world.clazar.posts
    assert world.state_json() is None


def test_an_object_that_is_no_usage_file_stops_the_month(world: World) -> None:
    world.month("c-1")
    world.put(f"omnistrate-metering/{PATH}/2025/07/01/02/sub-2.json.gz", b"data")
    result = world.run()
    assert result.error == "BadUsage"
    assert "sub-2.json.gz" in str(result.cause)
    assert not world.clazar.posts


def test_a_missing_hour_stops_the_month_or_warns_by_configuration(world: World) -> None:
    world.month("c-1")
    (world.usage / f"omnistrate-metering/{PATH}/2025/07/01/03/sub-1.json").unlink()
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert ": 1 (01/03)" in str(stopped.cause)
    world.plan["missing_hours"] = "warn"
    warned = world.run()
    assert warned.status == "SUCCEEDED"
    assert ": 1 (01/03)" in warned.output["months"][0]["warnings"][0]
    assert world.billed()["c-1", "cpu_core_hours", "2025-07"] == 5


def test_a_renamed_service_is_an_error_not_an_empty_month(world: World) -> None:
    world.month("c-1", path="Postgres2/PROD/pt-1")
    result = world.run()
    assert result.error == "BadUsage"
    assert "renamed" in str(result.cause)
    assert world.state_json() is None


def test_a_marker_in_the_middle_of_a_month_does_not_close_it(world: World) -> None:
    world.month("c-1")
    world.exported_to("2025-07-31T23:59:59Z")
    result = world.run()
    assert result.status == "SUCCEEDED"
    assert not world.clazar.posts
    (waiting,) = result.output["waiting"]
    assert waiting["month"] == "2025-07"
    assert "export incomplete" in waiting["reason"]
    assert world.state_json() is None


@pytest.mark.parametrize("marker", [None, {}, {"Other:PROD:x": {}}])
def test_without_a_marker_the_error_names_the_way_out(world: World, marker: Any) -> None:
    world.month("c-1")
    path = world.put("omnistrate-metering/last_success_export.json", marker)
    if marker is None:
        path.unlink()
    result = world.run()
    assert result.error == "BadUsage"
    assert "last_success_export.json" in str(result.cause)
    assert "calendar" in str(result.cause)


def test_by_the_calendar_no_marker_is_needed(world: World) -> None:
    world.month("c-1")
    (world.usage / "omnistrate-metering/last_success_export.json").unlink()
    world.plan["completeness"] = "calendar"
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1"}


def test_months_are_caught_up_oldest_first_and_capped(world: World) -> None:
    for month in ("2025-05", "2025-06", "2025-07"):
        world.full_month("c-1", month=month)
    world.plan |= {"start_month": "2025-05", "max_months": 2}
    world.exported_to("2025-07-20T00:00:00Z")
    result = world.run(as_of="2025-07-21T00:00:00Z")
    assert [month["month"] for month in result.output["months"]] == ["2025-05", "2025-06"]
    assert [post.records[0]["start_time"][:7] for post in world.clazar.posts] == [
        "2025-05",
        "2025-06",
    ]
    assert world.run(as_of="2025-07-21T00:00:00Z").output["months"] == []


def test_a_broken_month_holds_up_the_later_ones_but_not_the_earlier(world: World) -> None:
    for month in ("2025-05", "2025-06", "2025-07"):
        world.full_month("c-1", month=month)
    world.hour("15/07", b"nonsense", month="2025/06")
    world.plan["start_month"] = "2025-05"
    result = world.run()
    assert result.error == "BadUsage"
    assert {month for _, _, month in world.billed()} == {"2025-05"}
    assert world.state_json()["last_processed_month"] == "2025-05"


def test_a_record_without_a_payer_is_quarantined_with_its_total_and_the_rest_is_billed(
    world: World,
) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"])
    world.hour("01/05", [a_record("c-1"), a_record(None, value=7.5), a_record("", value=1)])
    result = world.run()
    assert result.status == "SUCCEEDED"
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 6}
    assert world.report()["quarantined"] == [
        {"subscription": "sub-1", "dimension": "cpu_core_hours", "quantity": "8.5"}
    ]
    assert "8.5 cpu_core_hours of subscription sub-1" in result.output["message"]


def test_the_larger_of_two_measurements_counts_and_it_is_reported(world: World) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"], podName="p")
    world.hour("01/05", [a_record("c-1", podName="p", value=value) for value in (2, 5, 3)])
    result = world.run()
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 10}
    assert result.output["months"][0]["duplicates"] == 2
    assert world.report()["duplicate_quantity"] == {"cpu_core_hours": "5"}


def test_fractions_are_summed_before_they_are_rounded(world: World) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"], value=0.4)
    world.run()
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 2}
    (row,) = world.report()["rows"]
    assert (row["usage"], row["quantity"], row["remainder"]) == ("2.4", "2", "0.4")


def test_a_zero_is_not_sent_and_counts_as_done(world: World) -> None:
    world.month("c-1", value=0)
    assert world.run().status == "SUCCEEDED"
    assert not world.clazar.posts
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1"]}
    assert {row["outcome"] for row in world.report()["rows"]} == {"nothing to bill"}


def test_formulas_bill_exact_prices_and_fail_only_their_own_contract(world: World) -> None:
    world.month("good", dimensions=["cpu_core_hours"])
    records = [a_record("good", pricePerUnit=8.7), a_record("bad", "replica_hours", value=2)]
    for hour in range(6):
        world.hour(f"01/{hour:02d}", records)
    world.plan["dimensions"] = {
        "cents": "cpu_core_hours_total_price / 0.01 / (2 - replica_hours / 6)"
    }
    result = world.run()
    assert result.error == "ContractsNeedAttention"
    assert world.billed() == {("good", "cents", "2025-07"): 2610}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert (error["contract_id"], error["code"]) == ("bad", "FORMULA")
    assert "division by zero" in error["message"]


def test_a_refused_contract_does_not_hold_others_up_and_can_be_reopened(world: World) -> None:
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-2", "refuse")
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "ContractsNeedAttention")
    assert "contracts that need attention: 1" in str(result.cause)
    assert "2025-07: c-2 (" in str(result.cause)
    assert world.billed_contracts() == {"c-1", "c-3"}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["contract_id"] == "c-2"
    assert error["errors"]
    assert error["code"]
    assert error["message"]
    assert len(error["payload"]["request"]) == 3
    posts = len(world.clazar.posts)
    assert world.run().status == "SUCCEEDED"
    assert len(world.clazar.posts) == posts, "an error is not retried without being asked"
    world.edit_state(error_contracts={"2025-07": []})
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1", "c-2", "c-3"}
    assert world.state_json()["success_contracts"]["2025-07"] == ["c-1", "c-3", "c-2"]
    assert world.ledger("c-2")["retries"] == 1


def test_retry_errors_tries_them_again_without_an_edit(world: World) -> None:
    world.month("c-1", "c-2")
    world.clazar.script("c-2", "refuse", "refuse")
    world.run()
    assert world.run({"retry_errors": True}).error == "ContractsNeedAttention"
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["retry_count"] == 1
    assert world.run({"retry_errors": True}).status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1", "c-2"}
    assert world.state_json()["error_contracts"]["2025-07"] == []


def test_fail_without_errors_is_not_billed(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "fail")
    assert world.run().error == "ContractsNeedAttention"
    assert world.billed() == {}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["code"] == "NOT_BILLED"


def test_errors_without_names_are_recorded_against_their_contract(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "unlabelled")
    world.run()
    assert [error["contract_id"] for error in world.state_json()["error_contracts"]["2025-07"]] == [
        "c-1"
    ]


def test_partial_acceptance_is_kept_and_only_the_rest_is_sent_again(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "partial:memory_byte_hours")
    world.run()
    assert len(world.billed()) == 2
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert [record["dimension"] for record in error["payload"]["request"]] == ["memory_byte_hours"]
    assert world.run({"retry_errors": True}).status == "SUCCEEDED"
    assert len(world.billed()) == 3
    assert [record["dimension"] for record in world.clazar.posts[-1].records] == [
        "memory_byte_hours"
    ]


@pytest.mark.parametrize(
    "actions",
    [
        ["busy", "busy"],
        ["unavailable"],
        ["gateway-timeout", "drop"],
        ["drop"],
        ["lost"],
        ["lost", "busy"],
        ["unavailable:accepted"],
        ["garbage"],
        ["short"],
        ["shuffled"],
        ["expire"],
        ["drop", "lost"],
    ],
)
def test_whatever_happens_to_a_request_each_record_is_accepted_once(
    open_world: OpenWorld, actions: list[str]
) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2")
    world.clazar.script("c-1", *actions)
    result = world.run()
    assert result.status == "SUCCEEDED", result.cause
    assert len(world.billed()) == 6
    assert not world.clazar.unused_actions() or actions == ["lost", "busy"]


def test_expired_tokens_are_renewed(open_world: OpenWorld) -> None:
    world = open_world(token_seconds=0.2)
    world.month("c-1", "c-2", "c-3")
    assert world.run().status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-1", "c-2", "c-3"}


def test_refused_credentials_blame_no_contract_and_the_next_run_sends_all(
    open_world: OpenWorld,
) -> None:
    world = open_world(client_secret="another")  # the world's secret is not this one
    world.month("c-1", "c-2")
    result = world.run()
    assert result.error == "MonthIncomplete"
    assert "errors: 2: c-1" in str(result.cause)
    assert "credentials" in str(result.cause)
    assert world.state_json()["error_contracts"] == {}
    assert "last_processed_month" not in world.state_json()


def test_with_neither_listing_nor_duplicate_rule_a_lost_answer_is_parked(
    open_world: OpenWorld,
) -> None:
    world = open_world(refuse_duplicates=False, listing=False)
    world.month("c-1", "c-2")
    world.clazar.script("c-2", "lost")
    result = world.run()
    assert result.error == "ContractsNeedAttention"
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert (error["contract_id"], error["code"]) == ("c-2", "OUTCOME_UNKNOWN")
    assert len(world.billed()) == 6
    world.run()
    world.run({"retry_errors": True})
    assert len(world.billed()) == 6


def test_a_record_that_somebody_else_has_sent_is_taken_as_billed_only_if_it_is_the_same(
    world: World,
) -> None:
    world.month("same", "other", dimensions=["cpu_core_hours"])
    for contract, quantity in (("same", "6"), ("other", "5")):
        world.clazar.preload(
            {
                "cloud": "aws",
                "contract_id": contract,
                "dimension": "cpu_core_hours",
                "start_time": "2025-07-01T00:00:00Z",
                "end_time": "2025-07-31T23:59:59Z",
                "quantity": quantity,
            }
        )
    assert world.run().error == "ContractsNeedAttention"
    assert world.state_json()["success_contracts"] == {"2025-07": ["same"]}
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert (error["contract_id"], error["code"]) == ("other", "DUPLICATE")
    assert "already bills 5" in error["message"]


def test_one_contract_under_two_plans_is_not_silently_lost(world: World) -> None:
    other = {**PLAN, "plan_id": "pt-2", "start_month": "2025-07"}
    world.month("c-1", dimensions=["cpu_core_hours"])
    world.month("c-1", dimensions=["cpu_core_hours"], path="Postgres/PROD/pt-2")
    instant = {"last_processed_to": "2025-08-01T02:14:59Z"}
    key = KEY.replace(PLAN_ID, "pt-2")
    world.put("omnistrate-metering/last_success_export.json", {KEY: instant, key: instant})
    both = [world.plan, other]
    assert world.run({"plan": KEY}, plans=both).status == "SUCCEEDED"
    result = world.run({"plan": key}, plans=both)
    assert result.error == "ContractsNeedAttention"
    assert "already bills 6" in (world.state / "metering_state.json").read_text()


def test_a_dry_run_changes_nothing_outside_its_preview_and_the_real_run_sends_all(
    world: World,
) -> None:
    world.month("c-1", "c-2")
    result = world.run({"dry_run": True})
    assert result.status == "SUCCEEDED"
    assert not world.clazar.exchanges
    written = world.keys()
    assert written
    assert all(key.startswith("previews/") for key in written)
    preview = json.loads((world.state / result.output["months"][0]["report"]).read_text())
    assert [contract["contract_id"] for contract in preview] == ["c-1", "c-2"]
    assert preview[0]["records"][0]["quantity"] == "6"
    world.run()
    assert world.billed_contracts() == {"c-1", "c-2"}


@pytest.mark.parametrize(
    "body", [b'{"half": ', b"[]", json.dumps({KEY: {"success_contracts": 1}}).encode()]
)
def test_an_unreadable_state_file_stops_the_run_and_is_left_as_it_is(
    world: World, body: bytes
) -> None:
    world.month("c-1")
    world.state.mkdir(exist_ok=True)
    (world.state / "metering_state.json").write_bytes(body)
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "BadState")
    assert "metering_state.json" in str(result.cause)
    assert (world.state / "metering_state.json").read_bytes() == body
    assert not world.clazar.posts


def test_other_plans_in_the_state_file_are_left_alone(world: World) -> None:
    other = {"last_processed_month": "2024-01", "note": "kept"}
    world.write_state({"Other:PROD:x": other})
    world.month("c-1")
    world.run()
    assert json.loads((world.state / "metering_state.json").read_text())["Other:PROD:x"] == other


def test_an_entry_lost_from_the_state_file_is_restored_from_the_ledger_not_sent_again(
    open_world: OpenWorld,
) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2")
    world.run()
    posts = len(world.clazar.posts)
    (world.state / "metering_state.json").unlink()
    (world.state / f"ledger/{PATH}/plan.json").unlink()
    assert world.run().status == "SUCCEEDED"
    assert len(world.clazar.posts) == posts
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1", "c-2"]}


def test_an_error_lost_from_the_state_file_in_a_crash_is_restored_not_retried(world: World) -> None:
    world.month("c-1")
    world.clazar.script("c-1", "refuse")
    world.run()
    posts = len(world.clazar.posts)
    (world.state / "metering_state.json").unlink()
    (world.state / f"ledger/{PATH}/plan.json").unlink()
    assert world.run().error == "ContractsNeedAttention"
    assert len(world.clazar.posts) == posts
    assert len(world.state_json()["error_contracts"]["2025-07"]) == 1


def test_the_state_file_of_the_earlier_script_is_taken_over(world: World) -> None:
    world.full_month("a", "b", "c", month="2025-06")
    world.full_month("a", "b", "c", month="2025-07")
    del world.plan["start_month"]
    error = {"contract_id": "c", "errors": ["Some error"], "code": "ERROR_001", "message": "m"}
    entry = {
        "last_processed_month": "2025-06",
        "last_updated": "2025-07-25T20:15:37Z",
        "success_contracts": {"2025-06": ["a", "b"]},
        "error_contracts": {"2025-06": [error]},
    }
    world.write_state({KEY: entry})
    assert world.run().status == "SUCCEEDED"
    assert {month for _, _, month in world.billed()} == {"2025-07"}
    assert world.state_json()["success_contracts"]["2025-06"] == ["a", "b"]
    assert world.state_json()["error_contracts"]["2025-06"] == [error]
    world.edit_state(error_contracts={"2025-06": []})
    world.run()
    assert world.billed_contracts("2025-06") == {"c"}
    assert world.state_json()["success_contracts"]["2025-06"] == ["a", "b", "c"]


def test_only_the_named_contracts_are_sent_and_the_month_stays_open(world: World) -> None:
    world.month("c-1", "c-2")
    result = world.run({"contracts": ["c-2"]})
    assert result.status == "SUCCEEDED"
    assert world.billed_contracts() == {"c-2"}
    assert "last_processed_month" not in world.state_json()
    assert result.output["months"][0]["closed"] is False
    world.run()
    assert world.billed_contracts() == {"c-1", "c-2"}
    assert world.state_json()["last_processed_month"] == "2025-07"


def test_a_month_asked_for_out_of_order_opens_no_gap(world: World) -> None:
    for month in ("2025-05", "2025-06", "2025-07"):
        world.full_month("c-1", month=month)
    world.plan["start_month"] = "2025-05"
    world.run({"months": ["2025-06"]})
    assert {month for _, _, month in world.billed()} == {"2025-06"}
    assert "last_processed_month" not in world.state_json()
    world.run()
    assert {month for _, _, month in world.billed()} == {"2025-05", "2025-06", "2025-07"}
    assert world.state_json()["last_processed_month"] == "2025-07"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"month": ["2025-07"]}, "month"),
        ({"months": ["2025-08"]}, "2025-08 is not over"),
        ({"months": ["2025-7"]}, "'2025-7'"),
        ({"plan": "Other:PROD:x"}, "Other:PROD:x"),
        ({"max_months": 0}, "max_months: 0"),
        ({"as_of": "tomorrow"}, "as_of"),
        ({"as_of": "2999-01-01T00:00:00Z"}, "in the future"),
        ({"contracts": ["c-9"]}, "c-9"),
        ({"dry_run": "yes"}, "dry_run"),
    ],
)
def test_a_wrong_input_is_refused_by_name_and_nothing_is_sent(
    world: World, given: dict[str, Any], named: str
) -> None:
    world.month("c-1")
    result = world.run(given)
    assert (result.status, result.error) == ("FAILED", "BadInput")
    assert named in str(result.cause)
    assert not world.clazar.posts


def test_two_overlapping_runs_of_a_plan_send_everything_once(open_world: OpenWorld) -> None:
    world = open_world(refuse_duplicates=False)
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-2", "slow:0.3")
    first, second = world.start(), world.start()
    results = [world.account.wait(running) for running in (first, second)]
    assert {result.status for result in results} <= {"SUCCEEDED", "FAILED"}
    assert "SUCCEEDED" in {result.status for result in results}
    assert {result.error for result in results} <= {None, "PlanBusy"}
    assert len(world.billed()) == 9
    assert world.state_json()["success_contracts"] == {"2025-07": ["c-1", "c-2", "c-3"]}


def test_logs_hold_no_record_no_mail_address_and_no_secret(
    world: World, function_logs: Path
) -> None:
    world.month("c-1")
    world.hour("01/05", [a_record(None)])
    world.run()
    logs = function_logs.read_text()
    assert "usage merged" in logs
    assert "customer.example" not in logs
    assert "local-secret" not in logs


def test_two_thousand_contracts_stay_within_the_limits(world: World) -> None:
    world.month(
        *(f"contract-{n:04d}" for n in range(2_000)), hours=1, dimensions=["cpu_core_hours"]
    )
    world.plan["submit_concurrency"] = 20
    result = world.run()
    assert result.status == "SUCCEEDED"
    assert len(world.billed()) == 2_000
    assert result.largest_payload_bytes < 32 * 1024
    assert result.history_events < 1_000
    assert result.children == 2_001
    assert world.clazar.max_in_flight <= 20
