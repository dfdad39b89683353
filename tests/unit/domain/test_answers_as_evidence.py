"""What is kept of Clazar's answers, record by record: id, code and words an operator can act on."""

from typing import Any

import pytest

from functions.adapters.clazar.answers import read_answers
from functions.domain.ledger.submission import Answer

CPU = {"contract_id": "c-1", "dimension": "cpu", "quantity": "5"}
MEM = {"contract_id": "c-1", "dimension": "mem", "quantity": "7"}


def of_one(**result: Any) -> Answer:
    return read_answers([CPU], {"results": [result]})["cpu"]


def kinds(*results: Any) -> dict[str, str]:
    answers = read_answers([CPU, MEM], {"results": list(results)})
    return {name: answer.kind for name, answer in answers.items()}


def test_a_billed_record_keeps_clazars_id() -> None:
    assert of_one(id=77, status="success", quantity="5") == Answer(kind="accepted", record_id="77")
    assert of_one(status="success") == Answer(kind="accepted"), "of the quantity that was sent"
    named = of_one(status="success", quantity="5", code="OK", message="stored")
    assert named.kind == "accepted", "a code or message beside a status is no error"
    assert of_one(id="r", status="success", quantity="6") == Answer(
        kind="present", record_id="r", code="OTHER_QUANTITY"
    )


def test_a_record_that_is_stored_but_not_billed_is_named_with_its_status() -> None:
    message = "Clazar stored the record with status 'fail' and does not bill it"
    assert of_one(id="r", status="fail") == Answer(
        kind="refused", record_id="r", code="NOT_BILLED", message=message, errors=(message,)
    )
    assert of_one(id="r", status="pending") == Answer(
        kind="unknown", record_id="r", message="status 'pending'"
    )


@pytest.mark.parametrize("field", ["message", "reason", "error", "detail"])
def test_the_reason_beside_a_status_is_kept(field: str) -> None:
    for said in ("too large", {"message": "too large"}):
        failed = of_one(status="failed", **{field: said})
        assert failed.message.endswith("status 'failed' and does not bill it: too large")
        assert of_one(status="odd", **{field: said}).message == "status 'odd': too large"
    assert of_one(status="failed", **{field: "already exists"}).kind == "present"
    assert len(of_one(status="odd", **{field: "x" * 600}).message) == 500


@pytest.mark.parametrize(
    ("result", "code", "message", "errors"),
    [
        ({"errors": ["a", "b"], "message": "m", "code": "X"}, "X", "m", ("a", "b")),
        ({"errors": ["a", "b"]}, "REFUSED", "a", ("a", "b")),
        ({"message": "m"}, "REFUSED", "m", ("m",)),
        ({"code": "X"}, "X", "X", ("X",)),
        ({"errors": [{"message": "a"}, {"why": "b"}]}, "REFUSED", "a", ("a", "{'why': 'b'}")),
        ({"errors": ["x" * 501] * 21}, "REFUSED", "x" * 500, ("x" * 500,) * 20),
    ],
)
def test_a_refusal_gives_what_there_is_of_code_message_and_errors(
    result: dict[str, Any], code: str, message: str, errors: tuple[str, ...]
) -> None:
    assert of_one(**result) == Answer(kind="refused", code=code, message=message, errors=errors)


@pytest.mark.parametrize(
    "result",
    [
        {"id": "r", "message": "Record created"},
        {"id": "r", "status": "Success", "errors": ["e"]},
        {"id": "r", "status": "pending", "errors": ["e"]},
    ],
)
def test_what_may_be_stored_is_looked_up_whatever_else_is_said(result: dict[str, Any]) -> None:
    found = of_one(**result)
    assert (found.kind, found.record_id) == ("present", "r")
    assert of_one(id="r", errors=["e"]).kind == "refused"
    assert of_one(id="r", status="failed", errors=["e"]).kind == "refused"


def test_the_words_of_a_duplicate_may_be_spread_over_errors_and_message() -> None:
    assert of_one(errors=["same contract_id"], message="in the same hour").kind == "present"
    assert of_one(errors=["record already"], message="exists").kind == "present"
    assert of_one(errors=["the same contract_id"]).kind == "refused", "half of the words"


def test_one_result_does_not_speak_for_the_others_unless_it_is_an_error_without_a_name() -> None:
    assert kinds({"dimension": "mem", "errors": ["no"]}) == {"cpu": "unknown", "mem": "refused"}
    assert kinds({"status": "success"}) == {"cpu": "unknown", "mem": "unknown"}


def test_a_whole_refusal_with_results_is_read_record_by_record() -> None:
    body = {"results": [{"dimension": "mem", "errors": ["no"]}, {**CPU, "status": "success"}]}
    answers = read_answers([CPU, MEM], body, 400)
    found = {name: answer.kind for name, answer in answers.items()}
    assert found == {"cpu": "unknown", "mem": "refused"}, "a request may be taken back as a whole"


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, {"message": "rolled back"}, "HTTP 400"),
        (422, {"detail": "nothing was stored"}, "HTTP 422"),
        (200, {"errors": ["marketplace unavailable"]}, "errors is ['marketplace unavailable']"),
        (200, {"success": False}, "success is False"),
        (200, {"status": "error"}, "status is error"),
        (200, {"failed_count": 1}, "failed_count is 1"),
        (200, {"summary": {"rejected": "1 record"}}, "rejected is 1 record"),
        (200, {"unprocessed_records": [{}]}, "unprocessed_records is [{}]"),
    ],
)
def test_an_answer_that_failed_as_a_whole_has_accepted_nothing(
    status: int, body: dict[str, Any], why: str
) -> None:
    said = {**body, "results": [{"id": "r", **CPU, "status": "success"}]}
    message = f"status 'success', but {why}"
    unknown = Answer(kind="unknown", record_id="r", message=message)
    assert read_answers([CPU], said, status) == {"cpu": unknown}


def test_a_number_of_refused_records_is_no_doubt_about_the_others_and_any_other_word_is() -> None:
    results = [{"dimension": "mem", "errors": ["no"]}, {**CPU, "status": "success"}]
    kinds: list[tuple[str, list[dict[str, Any]]]] = [
        ("accepted", [{"failed": 1, "total": 2}, {"errorCount": 0}, {"skipped": []}]),
        ("unknown", [{"failed": 2}, {"success": False}, {"message": "batch rolled back"}]),
    ]
    for kind, words in kinds:
        for said in words:
            found = read_answers([CPU, MEM], {**said, "results": results})
            assert {n: a.kind for n, a in found.items()} == {"cpu": kind, "mem": "refused"}, said


@pytest.mark.parametrize(
    "beside",
    [
        *({"marketplace_status": "fail"}, {"state": " Rejected "}, {"accepted": False}),
        *({"error": "contract expired"}, {"error_code": "EXPIRED"}, {"is_created": False}),
        *({"ok": False}, {"message": "rolled back"}, {"failed": True}, {"dry_run": True}),
    ],
)
def test_success_beside_a_word_of_failure_is_looked_up(beside: dict[str, Any]) -> None:
    found = of_one(id="r", **CPU, status="success", **beside)
    assert (found.kind, found.record_id) == ("unknown", "r")
    ((name, value),) = beside.items()
    assert found.message == f"status 'success', but {name} is {str(value).strip()}"


def test_success_is_believed_whatever_a_dimension_or_a_contract_is_called() -> None:
    named = {"contract_id": "error", "dimension": "failed", "quantity": "5"}
    fine: dict[str, Any] = {
        "errors": [],
        "error": None,
        "accepted": True,
        "warning": "",
        "failed": False,
    }
    said = {"id": "r", **named, **fine, "status": "success", "message": "no errors"}
    assert read_answers([named], {"results": [said]})["failed"].kind == "accepted"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "not allowed"}, "not allowed"),
        ({"error": {"detail": "not allowed"}}, "not allowed"),
        ({"error": {"message": "not allowed"}}, "not allowed"),
        ({"message": "first", "detail": "second"}, "first"),
        ("x" * 501, "x" * 500),
        ("<html>", "<html>"),
        ("", "HTTP 403"),
        (None, "HTTP 403"),
    ],
)
def test_a_whole_refusal_gives_the_words_of_the_answer(body: Any, message: str) -> None:
    refused = Answer(kind="refused", code="HTTP_403", message=message, errors=(message,))
    assert read_answers([CPU, MEM], body, 403) == {"cpu": refused, "mem": refused}
    both = read_answers([CPU], {"message": ["quantity is wrong", "contract is wrong"]}, 400)["cpu"]
    assert both.errors == ("quantity is wrong", "contract is wrong")
    assert "contract is wrong" in both.message
