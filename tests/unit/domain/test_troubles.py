"""What needs an operator: a cause once, with its contracts and the input that settles them all."""

from typing import Any

import pytest

from functions.domain.conversion import parse
from functions.domain.months.report_rows import NOT_COMPUTED, Row
from functions.domain.months.run import ExecutionInput
from functions.domain.months.troubles import Trouble, troubles, without_name
from tests.unit.domain.test_report_page import a_report, a_row, refused

RETRY = {"plan": "S:E:P", "months": ["2025-07"], "retry_errors": True}


def in_doubt(contract: str, **changes: Any) -> Row:
    doubt = {"code": "OUTCOME_UNKNOWN", "outcome": "in doubt"}
    return refused(contract, **{**doubt, **changes})


def found(*rows: Row, until: str | None = None) -> list[Trouble]:
    contracts: dict[str, list[Row]] = {}
    for row in rows:
        contracts.setdefault(row.contract_id, []).append(row)
    causes = troubles(a_report(list(rows), plan="S:E:P", until=until), contracts)
    for cause in causes:
        for _, given in cause.inputs:
            decided = (
                {"resolve": {**given["resolve"], "outcome": "waived"}} if "resolve" in given else {}
            )
            parse({**given, **decided}, ExecutionInput)
    return causes


def test_contracts_with_one_cause_are_one_line_with_one_command() -> None:
    (cause,) = found(*(refused(f"c-{n:02d}") for n in range(40)))
    assert (cause.who, cause.open) == ("40 contracts", "cpu 160 refused")
    assert cause.cause == "UNKNOWN_CONTRACT: unknown contract"
    assert cause.names.startswith("c-00, c-01, ")
    assert cause.names.endswith("c-09, and 30 more")
    ((_, given),) = cause.inputs
    assert given == {**RETRY, "contracts": [f"c-{n:02d}" for n in range(40)]}


def test_a_message_that_names_its_contract_is_one_cause() -> None:
    (cause,) = found(*(refused(name, message=f"no buyer {name} here") for name in ("a1", "b2")))
    assert cause.cause == "UNKNOWN_CONTRACT: no buyer … here"
    assert without_name("c: c is c-1", "c") == "…: … is c-1", "that is another contract"


def test_causes_differ_by_code_and_message_and_the_largest_is_first() -> None:
    other = refused("a", message="no such dimension")
    code = refused("b", code="HTTP_403")
    causes = found(other, code, refused("y"), refused("z"), a_row("billed"))
    assert [cause.who for cause in causes] == ["2 contracts", "a", "b"]


def test_more_contracts_than_an_input_names_have_several_and_no_other_is_retried() -> None:
    names = [f"c-{n:03d}" for n in range(700)]
    (cause,) = found(*map(refused, names))
    assert [given for _, given in cause.inputs] == [
        {**RETRY, "contracts": names[first : first + 100]} for first in range(0, 500, 100)
    ]
    assert cause.inputs[4][0] == "once that is corrected, retry (the first 500 of 700)"
    (cause,) = found(*map(refused, names[:200]))
    assert [(what, len(given["contracts"])) for what, given in cause.inputs] == [
        ("once that is corrected, retry (the first 100 of 200)", 100),
        ("once that is corrected, retry", 100),
    ]


def test_contracts_that_came_after_their_month_was_closed_are_only_billed() -> None:
    (cause,) = found(*(refused(name, code="", message="", outcome="not sent") for name in "ab"))
    assert (cause.open, cause.cause) == ("cpu 8 not sent", "came after the month was closed")
    assert cause.inputs == [("bill them", {**RETRY, "contracts": ["a", "b"]})]
    (cause,) = found(refused("a", code="HTTP_403", message="", outcome="not sent"))
    assert cause.inputs[0][0] == "once that is corrected, retry"


@pytest.mark.parametrize("names", [["c-1"], ["c-1", "c-2"]])
def test_what_is_in_doubt_is_asked_for_again_and_settled_one_by_one(names: list[str]) -> None:
    (cause,) = found(*map(in_doubt, names))
    which = "each" if len(names) > 1 else "it"
    outcomes = "accepted (it was billed), not_accepted (send it) or waived (never bill it)"
    decision = {"contract": "c-1", "month": "2025-07", "outcome": "OUTCOME", "reason": "..."}
    assert cause.inputs == [
        (
            f"settle {which} by what Clazar's console shows; OUTCOME is {outcomes}",
            {"plan": "S:E:P", "resolve": decision},
        ),
        (
            "or let Clazar be asked again, and what it does not list be sent",
            {**RETRY, "contracts": names},
        ),
    ]


@pytest.mark.parametrize("code", ["DUPLICATE", "OTHER_QUANTITY"])
def test_what_clazar_bills_in_another_way_needs_a_decision(code: str) -> None:
    (cause,) = found(refused("a", code=code))
    assert cause.inputs[0][1]["resolve"]["contract"] == "a"


def test_a_refusal_beside_a_doubt_is_settled_as_a_doubt() -> None:
    (cause,) = found(refused("a"), in_doubt("a", dimension="mem"))
    assert cause.open == "cpu 4 refused; mem 4 in doubt"
    assert len(cause.inputs) == 2


def test_a_formula_without_a_value_has_no_amount() -> None:
    why = {"outcome": NOT_COMPUTED, "code": "FORMULA", "message": "1 / 0"}
    row = refused("a", due="", usage="", open="", **why)
    assert found(row)[0].open == "cpu not computed"


def test_final_usage_is_settled_by_the_same_input_again() -> None:
    until = "2025-07-13T10:00:00Z"
    (cause,) = found(refused("a"), refused("b"), until=until)
    ((_, given),) = cause.inputs
    assert given == {"plan": "S:E:P", "contracts": ["a", "b"], "until": until}
