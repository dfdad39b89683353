"""Why a contract needs an operator: the most telling reason, with dimension and quantity."""

import pytest
from msgspec.structs import replace

from functions.domain.ledger.entry import Failure, Line
from functions.domain.ledger.failures import CONFIGURATION_CHANGED, OUTCOME_UNKNOWN, explain
from tests.builders import an_entry

REFUSED = Line(
    dimension="cpu", quantity="5", state="refused", code="DIM", message="no", errors=("a", "b")
)
REFUSED_WITHOUT_DETAILS = Line(
    dimension="mem", quantity="6", state="refused", code="OTHER", message="not this one"
)
SENT = Line(dimension="disk", quantity="7", state="sent")
PRESENT = Line(dimension="net", quantity="8", state="present")
UNSURE = Line(dimension="gpu", quantity="9")


def explained(*lines: Line, error: str = "PartnerBusy", cause: str = "429 for an hour") -> Failure:
    return explain(an_entry(*lines), "now", error=error, cause=cause)


@pytest.mark.parametrize("code", ["FORMULA", CONFIGURATION_CHANGED])
def test_what_could_not_be_computed_is_the_reason_whatever_else_the_entry_says(code: str) -> None:
    assert explained(REFUSED, error=code, cause="division by zero") == Failure(
        code=code, message="division by zero", errors=("division by zero",), at="now"
    )
    assert explained(error=code, cause="f").code == code
    doubtful = explained(REFUSED, SENT, error=code, cause="division by zero")
    assert doubtful.errors == ("division by zero", "disk: 7 may or may not have been accepted")


def test_where_the_entry_says_nothing_the_month_or_the_state_machines_error_counts() -> None:
    text = "the files of 2025-07 hold no usage of this contract"
    assert explained() == Failure(code="NO_USAGE", message=text, errors=(text,), at="now")
    assert explained(UNSURE) == Failure(
        code="PartnerBusy", message="429 for an hour", errors=("429 for an hour",), at="now"
    )


def test_a_doubt_comes_before_a_refusal_and_names_every_quantity_at_stake() -> None:
    failure = explained(REFUSED_WITHOUT_DETAILS, SENT, PRESENT, UNSURE)
    assert (failure.code, failure.at) == (OUTCOME_UNKNOWN, "now")
    assert failure.message == (
        "Clazar may or may not have accepted this usage: look for it there, then resolve it; "
        "a retry asks Clazar again before it sends anything"
    )
    assert failure.errors == (
        "disk: 7 may or may not have been accepted",
        "net: 8 may or may not have been accepted",
        "mem: not this one",
    )


def test_a_doubt_says_which_record_is_not_understood() -> None:
    doubt = replace(PRESENT, message="record r-1: start_time 'soon' is not understood")
    (error,) = explained(doubt).errors
    assert error == (
        "net: 8 may or may not have been accepted (record r-1: start_time 'soon' is not understood)"
    )


def test_a_refusal_gives_clazars_words_for_every_dimension() -> None:
    assert explained(UNSURE, REFUSED, REFUSED_WITHOUT_DETAILS) == Failure(
        code="DIM", message="no", errors=("cpu: a", "cpu: b", "mem: not this one"), at="now"
    )


def test_final_usage_that_was_never_worked_out_says_how_it_is_started_again() -> None:
    entry = an_entry(until="2025-07-13T10:00:00Z")
    text = (
        "final usage until 2025-07-13T10:00:00Z was not billed; start it again with the same "
        "contracts and until"
    )
    assert explain(entry, "now", error="E", cause="c") == Failure(
        code="FINAL_USAGE", message=text, errors=(text,), at="now"
    )
    assert explain(entry, "now", error="FORMULA", cause="f").code == "FORMULA"
