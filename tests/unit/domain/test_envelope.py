"""What an answer says beside its rows."""

from typing import Any

import pytest

from functions.domain.envelope import says_failed, says_more, says_not_all, unclear


@pytest.mark.parametrize(
    "said",
    [
        *({"errors": ["backend timeout"]}, {"error": "x"}, {"error": {"code": 504}}),
        *({"success": False}, {"ok": "false"}, {"isSuccessful": False}, {"timed_out": True}),
        *({"failure": "backend down"}, {"failures": ["shard 3"]}),
        {"warnings": {"text": "results may be incomplete"}},
        *({"status": "error"}, {"status": "TIMED_OUT"}, {"status": "degraded"}, {"code": 500}),
        *({"statusCode": "404"}, {"status": "partial"}, {"status": "rejected"}),
        *({"message": "Internal error"}, {"detail": "request timed out"}, {"degraded": True}),
        *({"message": "10 errors while reading"}, {"error_code": "E17"}, {"has_errors": True}),
        *({"error_count": 3}, {"failed": True}, {"warnings": ["results may be incomplete"]}),
        *({"message": "transaction rolled back"}, {"stale": True}, {"in_maintenance": True}),
    ],
)
def test_an_answer_that_says_that_it_failed_is_none(said: dict[str, Any]) -> None:
    ((name, value),) = said.items()
    assert says_failed({"rows": [], **said}, "rows") == f"{name} is {value}"
    deeper = {"rows": [], "meta": {"query": said}}
    assert says_failed(deeper, "rows").startswith(f"{name} is ")


def test_a_number_of_what_failed_is_of_the_rows_unless_there_are_none() -> None:
    for said in ({"failed": 2}, {"failures": "2"}, {"_shards": {"failed": 2}}):
        assert says_failed({"rows": [], **said}, "rows")
        assert says_failed({"rows": [1], **said}, "rows") == ""
    for said in ({"failure": "504 timeout"}, {"failed": "2 shards"}):
        assert says_failed({"rows": [1], **said}, "rows")


def test_an_error_that_is_nested_very_deeply_is_one_all_the_same() -> None:
    for depth in (10, 500, 5_000):
        error: list[Any] = ["x"]
        for _ in range(depth):
            error = [error]
        assert says_failed({"errors": error}, "rows").startswith("errors is ")


@pytest.mark.parametrize(
    "said",
    [
        *({"errors": []}, {"error": None}, {"error": ""}, {"errors": 0}, {"warnings": {}}),
        *({"errors": {"count": 0}}, {"errors": [None]}, {"errors": 0.0}, {"error": "No error"}),
        *({"success": True}, {"ok": True}, {"timed_out": False}, {"failed": 0}),
        *({"status": "success"}, {"status": 200}, {"code": "NO_ERROR"}, {"code": 1500}),
        *({"error_code": "N/A"}, {"error": "not applicable"}),
        *({"facets": {"status": {"fail": 0}}}, {"filters": {"status": ["success", "fail"]}}),
        *({"message": "no errors"}, {"message": "0 errors"}, {"detail": "done"}),
        *({"message": "Fetched records without errors"}, {"summary": {"success": 0, "failed": 0}}),
        *(
            {"message": "accepted: 1, failed: 0"},
            {"detail": "errors: none"},
            {"status": "0 of 1 failed"},
        ),
        *(
            {"message": "Failed records: 0"},
            {"message": "no failed records"},
            {"message": "3 records, 0 failed"},
        ),
        *({"message": "0 records rejected"}, {"message": "2 records; no partial results"}),
        {"warnings": ["v1 is deprecated"]},
        *({"reason": "superseded a failed drop"}, {"rows": [{"errors": ["x"], "status": "fail"}]}),
    ],
)
def test_an_answer_that_says_that_it_is_fine_is_one(said: dict[str, Any]) -> None:
    assert says_failed({"rows": [], **said}, "rows") == ""


@pytest.mark.parametrize(
    "said",
    [
        *({"status": "processing"}, {"status": "IN_PROGRESS"}, {"status": "queued"}),
        *({"status": "pending"}, {"message": "Under maintenance."}, {"message": "2 still pending"}),
        *({"message": "Too many requests"}, {"detail": "please try again later"}),
        *({"warnings": ["replica lag 900 s"]}, {"message": "throttled"}, {"status": "Loading"}),
        *({"detail": "you do not have permission to view all records"}, {"message": "stale data"}),
    ],
)
def test_a_listing_that_is_not_there_as_a_whole_is_none(said: dict[str, Any]) -> None:
    assert says_not_all({"rows": [], **said}, "rows")
    assert not says_failed({"rows": [], **said}, "rows"), "a record may be accepted and processed"


@pytest.mark.parametrize(
    "said",
    [
        *({"status": "done processing"}, {"message": "processing complete"}, {"status": "ok"}),
        *({"message": "No pending records"}, {"detail": "0 queued"}, {"message": "set against it"}),
        *({"message": "Scheduled maintenance on 2025-08-10"}, {"warnings": ["pending removal"]}),
    ],
)
def test_a_listing_that_is_there_is_one(said: dict[str, Any]) -> None:
    assert says_not_all({"rows": [], **said}, "rows") == ""


@pytest.mark.parametrize(
    "said",
    [
        *({"count": 8.0}, {"count": "8 records"}, {"count": {"value": 8, "relation": "eq"}}),
        *({"hits": 8}, {"available": 8}, {"hidden": 8}, {"filtered_count": 8}, {"total": "1,000"}),
        *({"page": {"total_entries": 8}}, {"rowCount": "10.0"}, {"totalElements": 8}),
        *({"next_cursor": "0"}, {"remaining": 1}, {"next": {"href": "x"}}),
        *({"complete": "no"}, {"is_last": "false"}, {"is_complete": 0}),
        *({"done": False}, {"isReady": False}, {"completed": False}, {"is_loaded": False}),
        *({"partial_results": True}, {"@odata.nextLink": "x"}, {"numberOfRecords": 8}),
    ],
)
def test_more_rows_than_were_seen_are_more_in_any_words(said: dict[str, Any]) -> None:
    assert says_more({"rows": [1] * 7, **said}, "rows", 7)


@pytest.mark.parametrize(
    "said",
    [
        *({"count": 7}, {"count": "7 records"}, {"total": "7.0"}, {"hits": {"value": 7}}),
        *({"page": {"number": 9, "size": 100, "totalElements": 7}}, {"items_per_page": 100}),
        *({"n": 8, "x": 8}, {"done": True}, {"took": 12}, {"limit": 100}, {"total_cost": 128}),
        *({"rate_limit": {"available": 99, "remaining": 99}}, {"max_results": 100}),
        *({"count": "8 of them billed"}, {"api_version": 2}, {"remaining_requests": 98}),
        *({"quota": {"limit": 99, "remaining": 98}}, {"nextjs-cache": "MISS"}, {"next": "null"}),
        *({"next": {"page": None, "url": None}}, {"params": {"rows": "100"}}, {"next": False}),
        *({"remaining": "0"}, {"last": 0}, {"last": "https://x/?page=1"}),
        *({"current_cursor": "x"}, {"pageInfo": {"hasNextPage": False, "endCursor": "x"}}),
    ],
)
def test_other_numbers_say_nothing_of_more_rows(said: dict[str, Any]) -> None:
    assert says_more({"rows": [1] * 7, **said}, "rows", 7) == ""


def ours(word: str, text: str) -> bool:
    return (word, text) == ("contract", "ours")


@pytest.mark.parametrize(
    "said",
    [
        *({"index": "rebuilding"}, {"consistency": "eventual"}, {"invalid": True}, {"size": 1}),
        *({"message": "come back tomorrow"}, {"count": "unknown"}, {"facets": [4]}, {"x": "ours"}),
        *({"message": "Data as of 2025-07-28"}, {"detail": "250 records not listed yet"}),
        *({"message": "Successfully fetched from cache"}, {"code": 2000}, {"lag_days": 1}),
        *({"as_of": "2025-07-31T00:00:00Z"}, {"notes": ["x", ""]}, {"shards": [{"behind": 12}]}),
        *({"contract": ["ours", "x"]}, {"complete": "partly"}, {"type": "partial"}),
        *({"snapshot_version": "2025-07-28"}, {"to": "2025-08-01"}, {"quota": "exceeded"}),
        *({"filter": "created_at < 2025-08-01"}, {"hidden_records": 3}, {"filtered": 3}),
    ],
)
def test_what_is_not_understood_beside_the_rows_is_said(said: dict[str, Any]) -> None:
    for body in ({"rows": [], **said}, {"rows": [1], "meta": {"query": said}}):
        assert unclear(body, "rows", ours).endswith(" is not understood")
    text = f"hint {'x' * 100!r} is not understood"
    assert unclear({"rows": [], "hint": "x" * 200}, "rows", ours) == text


@pytest.mark.parametrize(
    "said",
    [
        *({"count": 0}, {"next": None, "previous": None}, {"page": 1, "page_size": 50}),
        *({"success": True}, {"status": "ok"}, {"code": 200}, {"message": "Records retrieved"}),
        *({"message": "No matching records found."}, {"request_id": "r-1"}, {"took_ms": 12}),
        *({"api_version": "v1"}, {"links": {"self": "/metering/", "first": "/x", "next": None}}),
        *({"object": "list"}, {"has_more": False}, {"complete": True}, {"last": "https://x/?p=1"}),
        *({"sort": "id"}, {"warnings": []}, {"anything": 0}, {"rows": [{"hint": "x"}]}),
        *({"first": True}, {"page": {"current": 1, "total": 0}}),
        *({"contract": "OURS"}, {"from": 1, "to": 15}, {"limit": 9}, {"quota": {"left": 3}}),
    ],
)
def test_what_an_answer_usually_says_of_itself_is_understood(said: dict[str, Any]) -> None:
    for body in ({"rows": [], **said}, {"meta": {**said, "rows": []}}):
        assert unclear(body, "rows", ours) == ""
