"""What Clazar's answers mean: only `status: success` is billed."""

from typing import Any

import pytest

from functions.adapters.clazar.answers import read_answers

BEGINS = "2025-07-01T00:00:00Z"
UUID = "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"


def a_record(dimension: str, quantity: str = "5", contract: str = "c-1") -> dict[str, str]:
    record = {"contract_id": contract, "dimension": dimension, "quantity": quantity}
    return {**record, "start_time": BEGINS}


def kinds(results: Any, *dimensions: str) -> dict[str, str]:
    records = [a_record(name) for name in dimensions or ("cpu", "mem")]
    return {name: answer.kind for name, answer in read_answers(records, results).items()}


def ok(dimension: str, **fields: Any) -> dict[str, Any]:
    return {"id": "r", "status": "success", **a_record(dimension), **fields}


def test_success_is_accepted() -> None:
    assert kinds({"results": [ok("cpu"), ok("mem")]}) == {"cpu": "accepted", "mem": "accepted"}
    for written in ({"status": "Success"}, {"status": " SUCCESS "}, {"quantity": 5}):
        assert kinds({"results": [ok("cpu", **written)]}, "cpu") == {"cpu": "accepted"}


def test_results_in_another_order_are_matched_by_dimension() -> None:
    rejected = {"errors": ["no"], "dimension": "cpu"}
    assert kinds({"results": [ok("mem"), rejected]}) == {"cpu": "refused", "mem": "accepted"}


@pytest.mark.parametrize("status", ["fail", "error", "Fail", "failed", "REJECTED", "declined"])
def test_fail_without_errors_is_not_billed(status: str) -> None:
    assert kinds({"results": [ok("cpu", status=status)]}, "cpu") == {"cpu": "refused"}


@pytest.mark.parametrize("status", ["pending", "accepted", "succes", "", None, True, 1])
def test_any_other_status_is_neither_billed_nor_refused(status: Any) -> None:
    assert kinds({"results": [ok("cpu", status=status)]}, "cpu") == {"cpu": "unknown"}


@pytest.mark.parametrize(
    "said",
    [
        *({"accepted": True}, {"billing": {"success": True}}, {"state": "Accepted"}),
        *({"billing": {"state": " success "}}, {"message": "billed"}),
    ],
)
def test_a_failure_that_says_accepted_too_refuses_nothing(said: dict[str, Any]) -> None:
    result = ok("cpu", status="rejected", **said)
    assert kinds({"results": [result]}, "cpu") == {"cpu": "unknown"}
    assert kinds({"results": [{**result, "errors": ["no"]}]}, "cpu") == {"cpu": "present"}
    denied = ok("cpu", status="rejected", accepted=False, reason="not accepted", created="today")
    assert kinds({"results": [denied]}, "cpu") == {"cpu": "refused"}


@pytest.mark.parametrize(
    "errors", [["contract not found"], [{"message": "contract not found"}], "contract not found"]
)
def test_errors_are_read_in_every_form(errors: Any) -> None:
    answer = read_answers([a_record("cpu")], {"results": [{"errors": errors, "code": "X"}]})["cpu"]
    assert (answer.kind, answer.code, answer.errors) == ("refused", "X", ("contract not found",))


@pytest.mark.parametrize(
    "result",
    [
        {"errors": [{"message": "a record with the same contract_id in the same hour"}]},
        {"errors": ["x"], "message": "Record already exists"},
        {"message": "already exists", "code": "DUPLICATE"},
    ],
)
def test_both_duplicate_messages_mean_look_it_up(result: dict[str, Any]) -> None:
    assert kinds({"results": [result]}, "cpu") == {"cpu": "present"}


def test_one_error_without_names_refuses_the_whole_request() -> None:
    refused = {"results": [{"code": "INVALID_CONTRACT", "errors": ["contract not found"]}]}
    assert kinds(refused) == {"cpu": "refused", "mem": "refused"}


def test_errors_without_names_are_matched_by_position() -> None:
    found = kinds({"results": [{"errors": ["no"]}, ok("mem")]})
    assert found == {"cpu": "refused", "mem": "accepted"}


def test_successes_without_names_beside_errors_may_be_in_any_order() -> None:
    for place in ({"index": 0}, {"row": 1}, {"record": {"dimension": "cpu"}}, {}):
        error, fine = {"errors": ["no"], "index": 1}, {"id": "r", "status": "success", **place}
        assert kinds({"results": [error, fine]}) == {"cpu": "unknown", "mem": "unknown"}
        assert kinds({"results": [fine, fine]}) == {"cpu": "accepted", "mem": "accepted"}
    assert kinds({"results": [ok("cpu"), fine, error]}) == {"cpu": "accepted", "mem": "unknown"}


def test_a_missing_result_is_unknown() -> None:
    assert kinds({"results": [ok("mem")]}) == {"cpu": "unknown", "mem": "accepted"}
    assert kinds({"results": []}) == {"cpu": "unknown", "mem": "unknown"}
    assert kinds({"results": [ok("cpu"), ok("cpu")]}) == {"cpu": "unknown", "mem": "unknown"}


@pytest.mark.parametrize("body", [None, "ok", [], {}, {"results": None}, {"results": [3, None]}])
def test_a_body_that_is_no_answer_leaves_the_outcome_unknown(body: Any) -> None:
    assert kinds(body) == {"cpu": "unknown", "mem": "unknown"}


def test_an_empty_list_of_results_is_no_answer_per_record() -> None:
    body = {"results": [], "errors": ["quantity too large"]}
    refused = read_answers([a_record("cpu")], body, 400)["cpu"]
    assert (refused.kind, "quantity too large" in refused.message) == ("refused", True)
    assert read_answers([a_record("cpu")], body, 200)["cpu"].kind == "unknown"


@pytest.mark.parametrize("contract", ["c-9", "C-1", "", 0, False, ["c-1"]])
def test_a_result_of_another_contract_is_not_ours(contract: Any) -> None:
    for result in (ok("cpu", contract_id=contract), {"contract_id": contract, "errors": ["no"]}):
        assert kinds({"results": [result]}, "cpu") == {"cpu": "unknown"}


@pytest.mark.parametrize(
    "echo", [UUID, UUID.upper(), f"{{{UUID}}}", f"urn:uuid:{UUID}", UUID.replace("-", ""), None]
)
def test_a_contract_that_is_a_uuid_is_the_same_however_it_is_written(echo: str | None) -> None:
    for ours in (UUID, UUID.upper()):
        record = a_record("cpu", contract=ours)
        result = {"status": "success", "contract_id": echo}
        assert read_answers([record], {"results": [result]})["cpu"].kind == "accepted"


@pytest.mark.parametrize(
    ("echo", "kind"),
    [
        (None, "accepted"),
        (BEGINS, "accepted"),
        ("2025-07-01", "accepted"),
        ("2025-07-01T00:00:00", "accepted"),
        ("2025-07-01T02:00:00+02:00", "accepted"),
        *((1_751_328_000, "accepted"), (1_751_328_000_000, "accepted")),
        *(("2025-06-01T00:00:00Z", "unknown"), ("2025-07-01T01:00:00Z", "unknown")),
        *(("July", "unknown"), (0, "unknown"), ("", "unknown")),
    ],
)
def test_an_echo_of_another_month_or_of_no_time_says_nothing_of_this_one(
    echo: Any, kind: str
) -> None:
    assert kinds({"results": [ok("cpu", start_time=echo)]}, "cpu") == {"cpu": kind}
    refused = {"errors": ["no"], "dimension": "cpu", "start_time": echo}
    expected = "refused" if kind == "accepted" else kind
    assert kinds({"results": [refused]}, "cpu") == {"cpu": expected}


def test_a_dimension_is_the_same_by_its_letters_and_digits() -> None:
    swapped = {"results": [ok(" Mem "), ok("CPU")]}
    assert kinds(swapped) == {"cpu": "accepted", "mem": "accepted"}
    assert kinds({"results": [ok("cpu2"), ok("mem")]}) == {"cpu": "unknown", "mem": "accepted"}
