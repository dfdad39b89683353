"""The state file: taken over as it is, never guessed at."""

import json
from typing import Any

from functions.domain.months import state_file
from functions.domain.months.state_file import MonthState, PlanState
from tests.builders import JULY, JUNE

KEY = "Postgres:PROD:pt-HJSv20iWX0"


def the_seed() -> dict[str, Any]:
    error = {"contract_id": "c", "errors": ["Some error"], "code": "E", "message": "m"}
    return {
        KEY: {
            "last_processed_month": "2025-06",
            "last_updated": "2025-07-25T20:15:37Z",
            "success_contracts": {"2025-06": ["a", "b"]},
            "error_contracts": {"2025-06": [error]},
        }
    }


def read(document: Any) -> state_file.PlanState:
    parsed = state_file.parse(json.dumps(document).encode(), "state.json")
    return state_file.read_plan(parsed, KEY, "state.json")


def record(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    terms: dict[str, Any] = {"successes": [], "errors": [], "closes": True, "at": "now", **changes}
    return state_file.record_month(document, KEY, terms.pop("month", JULY), **terms)


def test_the_seeds_file_is_read_as_it_is() -> None:
    state = read(the_seed())
    assert state.last_processed_month == JUNE
    (error,) = the_seed()[KEY]["error_contracts"]["2025-06"]
    assert state.at(JUNE) == MonthState(frozenset({"a", "b"}), {"c": error})
    assert state.at(JULY) == MonthState()
    bare = PlanState(last_processed_month=None, success={}, errors={})
    assert read({}) == read({KEY: {}}) == bare, "no entry is a beginning"


def test_a_month_is_added_and_everything_else_stays() -> None:
    before = the_seed() | {"Other:PROD:pt-2": {"last_processed_month": "2024-01", "note": 1}}
    before[KEY]["note"] = "kept"
    after = record(before, successes=["x", "y"])
    assert after[KEY]["last_processed_month"] == "2025-07"
    assert after[KEY]["success_contracts"] == {"2025-06": ["a", "b"], "2025-07": ["x", "y"]}
    assert after[KEY]["error_contracts"] == before[KEY]["error_contracts"]
    assert after["Other:PROD:pt-2"] == before["Other:PROD:pt-2"]
    assert after[KEY]["note"] == "kept"
    assert before[KEY]["last_updated"] == "2025-07-25T20:15:37Z"


def test_a_success_leaves_the_error_list_and_is_listed_once() -> None:
    after = record(the_seed(), month=JUNE, successes=["c", "a"], closes=False)
    assert after[KEY]["success_contracts"]["2025-06"] == ["a", "b", "c"]
    assert after[KEY]["error_contracts"]["2025-06"] == []
    assert after[KEY]["last_processed_month"] == "2025-06"
