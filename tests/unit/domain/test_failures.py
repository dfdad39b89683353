"""Why a contract needs an operator: the most telling reason, with dimension and quantity."""

import pytest
from msgspec.structs import replace

from functions.domain.ledger.entry import Failure, Line
from functions.domain.ledger.failures import (
    CONFIGURATION_CHANGED,
    NO_USAGE,
    OUTCOME_UNKNOWN,
    explain,
)
from tests.builders import a_line, an_entry

REFUSED = a_line("cpu", "refused", code="DIM", message="no", errors=("a", "b"))
REFUSED_WITHOUT_DETAILS = a_line("mem", "refused", code="OTHER", message="not this one")
SENT = a_line("disk", "sent", quantity="7")
PRESENT = a_line("net", "present", quantity="8")
UNSURE = a_line("gpu")


def explained(*lines: Line, error: str = "PartnerBusy", cause: str = "429 for an hour") -> Failure:
    return explain(an_entry(*lines), "now", error=error, cause=cause)


def because(code: str, text: str) -> Failure:
    return Failure(code=code, message=text, errors=(text,), at="now")


@pytest.mark.parametrize("code", ["FORMULA", CONFIGURATION_CHANGED])
def test_what_could_not_be_computed_is_the_reason_whatever_else_the_entry_says(code: str) -> None:
    by_zero = explained(REFUSED, error=code, cause="division by zero")
    assert by_zero == because(code, "division by zero")
    assert explained(error=code, cause="f").code == code
    doubtful = explained(REFUSED, SENT, error=code, cause="division by zero")
    assert doubtful.errors == ("division by zero", "disk: 7 may or may not have been accepted")


def test_where_the_entry_says_nothing_the_month_or_the_state_machines_error_counts() -> None:
    text = "the files of 2025-07 hold no usage of this contract"
    assert explained() == because("NO_USAGE", text)
    assert explained(UNSURE) == because("PartnerBusy", "429 for an hour")


def test_a_retry_without_usage_says_so_before_it_repeats_a_refusal() -> None:
    text = "the files of 2025-07 hold no usage of this contract"
    failure = explained(REFUSED, UNSURE, error=NO_USAGE)
    assert failure == Failure(
        code=NO_USAGE, message=text, errors=(text, "cpu: a", "cpu: b"), at="now"
    )
    assert explained(REFUSED, SENT, error=NO_USAGE).code == OUTCOME_UNKNOWN


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
    words = "(record r-1: start_time 'soon' is not understood)"
    assert explained(doubt).errors == (f"net: 8 may or may not have been accepted {words}",)


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
    assert explain(entry, "now", error="E", cause="c") == because("FINAL_USAGE", text)
    assert explain(entry, "now", error="FORMULA", cause="f").code == "FORMULA"
