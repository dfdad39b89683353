"""The state file: taken over as it is, never guessed at; how it is written and what is refused."""

import json
from typing import Any

import pytest

from functions.domain.months import state_file
from functions.domain.months.state_file import ErrorRecord, MonthState, PlanState
from functions.errors import BadState
from tests.builders import JULY, JUNE

LEFT = "The file was left as it is."
NO_MONTH = "'June' is not a month (YYYY-MM)"


def recorded(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    terms: dict[str, Any] = {"successes": [], "errors": [], "closes": False, "at": "now", **changes}
    month = terms.pop("month", JULY)
    found: dict[str, Any] = state_file.record_month(document, "K", month, **terms)["K"]
    return found


def an_error(name: str) -> dict[str, Any]:
    return {"contract_id": name, "errors": ["e"], "code": "C", "message": "m"}


ERRORS = '[{"contract_id": "c-1"}]'
SEED: dict[str, Any] = {
    "last_processed_month": "2025-06",
    "last_updated": "2025-07-25T20:15:37Z",
    "success_contracts": {"2025-06": ["a", "b"]},
    "error_contracts": {"2025-06": [an_error("c")]},
}


def read(body: str) -> PlanState:
    return state_file.read_plan(state_file.parse(body.encode(), "s.json"), "K", "s.json")


def refusal(body: str) -> str:
    with pytest.raises(BadState) as refused:
        read(body)
    return str(refused.value)


def test_the_seeds_file_is_read_as_it_is() -> None:
    state = read(json.dumps({"K": SEED}))
    assert state.last_processed_month == JUNE
    assert state.at(JUNE) == MonthState(frozenset({"a", "b"}), {"c": an_error("c")})
    assert state.at(JULY) == MonthState()
    bare = PlanState(last_processed_month=None, success={}, errors={})
    assert read("{}") == read('{"K": {}}') == bare, "no entry is a beginning"


def test_a_success_leaves_the_error_list_and_is_listed_once() -> None:
    after = recorded({"K": SEED}, month=JUNE, successes=["c", "a"])
    assert after["success_contracts"]["2025-06"] == ["a", "b", "c"]
    assert after["error_contracts"]["2025-06"] == []
    assert after["last_processed_month"] == "2025-06"


@pytest.mark.parametrize(
    ("of_plan", "said"),
    [
        ("5", ": 5 is not the object of a plan"),
        ('{"last_processed_month": "June"}', f".last_processed_month: {NO_MONTH}"),
        ('{"last_processed_month": ""}', ".last_processed_month: '' is not a month (YYYY-MM)"),
        ('{"success_contracts": 5}', ".success_contracts: 5 is not an object of months"),
        ('{"error_contracts": null}', ".error_contracts: null is not an object of months"),
        (
            '{"error_contracts": {"2025-06": "c"}}',
            f'.error_contracts.2025-06: "c" is not a list; write one such as {ERRORS}',
        ),
        (
            '{"success_contracts": {"2025-06": ["c", 7, null]}}',
            '.success_contracts.2025-06: 7 names no contract; write ["c-1"]',
        ),
        (
            '{"error_contracts": {"2025-06": ["c"]}}',
            f'.error_contracts.2025-06: "c" names no contract; write {ERRORS}',
        ),
        ('{"error_contracts": {"June": []}}', f".error_contracts: {NO_MONTH}"),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_place_and_value(
    of_plan: str, said: str
) -> None:
    assert refusal(f'{{"K": {of_plan}}}') == f"state file s.json, K{said}. {LEFT}"


def test_a_file_that_cannot_be_understood_stops_the_run() -> None:
    for body in ("[]", '"x"'):
        assert refusal(body) == f"state file s.json: {body} is not a JSON object. {LEFT}"
    for body in ("", "{", "\ufffe{}"):
        assert refusal(body).startswith("state file s.json cannot be read: ")
    assert refusal('{"c": 1, "b": {"x": 1, "z": 1, "y": 2, "z": 2, "y": 3}}') == (
        f"state file s.json cannot be read: duplicate key 'z' in one object. {LEFT}"
    )


def test_a_long_entry_that_names_no_contract_is_cut() -> None:
    entry = {"code": "x" * 200}
    said = refusal(json.dumps({"K": {"error_contracts": {"2025-06": [entry]}}}))
    assert said.endswith(
        f"2025-06: {json.dumps(entry)[:80]} names no contract; write {ERRORS}. {LEFT}"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"K": {"sucess_contracts": {}}}', "K: 'sucess_contracts' is not known; did you mean s"),
        ('{"K": {"Success_Contracts ": {}}}', "did you mean success_contracts? The file was left"),
        (
            '{"k ": {"success_contracts": {}}}',
            "state file s.json: 'k ' is not known; did you mean K",
        ),
        (
            '{"success_contracts": {"2025-07": ["c"]}}',
            "s.json: 'success_contracts' stands beside the plans; move it into 'K' or another",
        ),
        ('{"K": ["\\ud800"]}', 's.json, K: ["\\ud800"] is not the object of a plan'),
        ('{"K": {"K": {}}}', 's.json, K: {"K": {}} is not the object of a plan'),
        ('{":K": {}}', "':K' is not known; did you mean K?"),
    ],
)
def test_a_name_that_was_mistyped_is_not_passed_over(body: str, said: str) -> None:
    assert said in refusal(body)


@pytest.mark.parametrize(
    "name", ["a: b:p-1", "a:b:p\u20111", "a:b:\u200bp-1", "a:b:p-1.", "a/b/p-1", "A:b:p-1"]
)
def test_a_plan_that_is_mistyped_is_not_passed_over(name: str) -> None:
    with pytest.raises(BadState, match=r"is not known; did you mean a:b:p-1\?"):
        state_file.read_plan({name: {}}, "a:b:p-1", "s.json")


def test_half_a_character_in_a_month_makes_no_message_that_cannot_be_written() -> None:
    assert refusal('{"K": {"success_contracts": {"\\ud800": 5}}}').encode()


def test_another_plan_of_the_same_letters_is_another_plan() -> None:
    document = {"a:b:pro-1": {}, "a:b:pro1": {"last_processed_month": "2025-06"}}
    found = state_file.read_plan(document, "a:b:pro1", "s.json")
    assert found.last_processed_month == JUNE


def test_what_is_not_understood_is_shown_as_people_write_it() -> None:
    assert 'K: "é" is not' in refusal('{"K": "é"}')


def test_other_names_and_plans_are_passed_over() -> None:
    copies = '"success_contracts_old": {}, "old_error_contracts": 1, "last_updated_at": "t"'
    body = f'{{"K": {{"note": 1, "contracts": {{}}, {copies}}}, "K2": {{"x": 1}}}}'
    assert read(body) == PlanState()


def test_blanks_around_a_success_are_no_part_of_its_name() -> None:
    state = read('{"K": {"success_contracts": {"2025-07": [" c-1 "]}}}')
    assert "c-1" in state.at(JULY).done


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    assert state_file.parse(b'\xef\xbb\xbf{"K": {}}', "s.json") == {"K": {}}


def test_a_plan_of_its_own_begins_with_what_the_month_came_to() -> None:
    error = ErrorRecord(contract_id="c", errors=["e"], code="C", message="m", retry_count=1)
    assert recorded({}, successes=["b", "a"], errors=[error], closes=True) == {
        "last_processed_month": "2025-07",
        "last_updated": "now",
        "success_contracts": {"2025-07": ["b", "a"]},
        "error_contracts": {"2025-07": [{**an_error("c"), "retry_count": 1}]},
    }


def test_a_month_without_contracts_gets_no_lists_and_those_that_were_emptied_stay() -> None:
    none: dict[str, Any] = {"success_contracts": {}, "error_contracts": {}}
    assert recorded({}) == {"last_updated": "now", **none}
    assert recorded({}, reopened=["c"]) == {"last_updated": "now", **none}
    emptied: dict[str, Any] = {name: {"2025-07": []} for name in none}
    assert recorded({"K": emptied}) == {**emptied, "last_updated": "now"}


def test_errors_of_others_stay_in_place_and_new_ones_follow_by_name() -> None:
    before = {"error_contracts": {"2025-07": [an_error("z"), an_error("b"), an_error("y")]}}
    errors = [
        ErrorRecord(contract_id=name, errors=["e"], code="NEW", message="m") for name in ("b", "a")
    ]
    found = recorded({"K": before}, successes=["y"], errors=errors)["error_contracts"]["2025-07"]
    assert [(item["contract_id"], item["code"]) for item in found] == [
        ("z", "C"),
        ("a", "NEW"),
        ("b", "NEW"),
    ]


def test_an_error_is_taken_out_and_all_else_stays() -> None:
    entry: dict[str, Any] = {
        "note": 1,
        "last_updated": "before",
        "error_contracts": {"2025-06": [an_error("c")], "2025-07": [an_error("c"), an_error("d")]},
    }
    document = {"Other": {"x": 1}, "K": entry}
    assert state_file.record_month(document, "K", JULY, at="now", reopened=["c"]) == {
        "Other": {"x": 1},
        "K": {
            "note": 1,
            "last_updated": "now",
            "success_contracts": {},
            "error_contracts": {"2025-06": [an_error("c")], "2025-07": [an_error("d")]},
        },
    }
    assert len(entry["error_contracts"]["2025-07"]) == 2, "what was read is left as it is"


def test_the_file_is_written_indented_in_its_order_with_letters_as_they_are() -> None:
    assert state_file.encode({"b": {"ü": 1}, "a": []}).decode() == (
        '{\n  "b": {\n    "ü": 1\n  },\n  "a": []\n}\n'
    )


def test_half_a_character_is_written_as_an_escape() -> None:
    broken = json.loads('{"b": {"a": "\\ud800"}}')
    assert state_file.encode(broken) == b'{\n  "b": {\n    "a": "\\ud800"\n  }\n}\n'
