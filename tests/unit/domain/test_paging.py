"""What an answer says beside its rows."""

from typing import Any

import pytest

from functions.domain.paging import says_failed


@pytest.mark.parametrize(
    "said",
    [
        *({"errors": ["backend timeout"]}, {"error": "x"}, {"warnings": ["partly read"]}),
        *({"success": False}, {"ok": False}, {"isSuccessful": False}, {"timed_out": True}),
        *({"status": "error"}, {"status": "FAILED"}, {"code": 500}, {"statusCode": "404"}),
        *({"message": "Internal error"}, {"detail": "request timed out"}, {"degraded": True}),
        *({"_shards": {"failed": 1}}, {"meta": [{"exception": "E"}]}),
    ],
)
def test_an_answer_that_says_that_it_failed_is_none(said: dict[str, Any]) -> None:
    (name,) = said
    assert says_failed({**said, "rows": []}, "rows").partition(" is ")[0] in (
        name,
        *("failed", "exception"),
    )


@pytest.mark.parametrize(
    "said",
    [
        *({"errors": []}, {"error": None}, {"error": ""}, {"errors": 0}, {"warnings": {}}),
        *({"success": True}, {"ok": True}, {"timed_out": False}, {"failed": 0}),
        *({"status": "success"}, {"status": 200}, {"code": "OK"}, {"code": 1500}),
        *({"message": "no errors"}, {"message": "0 errors"}, {"detail": "done"}),
        *({"_shards": {"failed": 0}}, {"rows": [{"errors": ["of a row"], "status": "fail"}]}),
    ],
)
def test_an_answer_that_says_that_it_is_fine_is_one(said: dict[str, Any]) -> None:
    assert says_failed({"rows": [], **said}, "rows") == ""
