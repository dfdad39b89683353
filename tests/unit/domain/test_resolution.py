"""An operator's decision about a parked contract: what follows, and what it may not touch."""

from typing import Literal

import pytest
from msgspec.structs import replace

from functions.domain.ledger.entry import (
    DUPLICATE,
    NOT_ACCEPTED,
    Decision,
    Entry,
    Failure,
    Line,
    LineState,
)
from functions.domain.ledger.resolution import resolve, settle_by_hand
from tests import builders
from tests.builders import an_entry

What = Literal["reopened", "accepted", "not_accepted", "waived"]
FAILURE = Failure(code="OUTCOME_UNKNOWN", message="ask", errors=("ask",), at="t-0")


def a_line(dimension: str, state: LineState, code: str = "", message: str = "") -> Line:
    return builders.a_line(dimension, state, code=code, message=message, doubts=1)


def a_decision(what: What, execution: str = "x-9") -> Decision:
    return Decision(what=what, execution=execution, at="t-9", reason="looked in Clazar")


def parked(
    *lines: Line, failure: Failure | None = FAILURE, decisions: tuple[Decision, ...] = ()
) -> Entry:
    settled_at = "t-0" if failure else None
    return an_entry(*lines, failure=failure, decisions=decisions, settled_at=settled_at)


def states(entry: Entry) -> dict[str, str]:
    return {line.dimension: line.state for line in entry.lines}


SENT, PRESENT = a_line("sent", "sent"), a_line("present", "present", "C", "m")
DONE, DUPLICATED = a_line("done", "accepted"), a_line("duplicate", "refused", DUPLICATE)
REFUSED, UNSURE = a_line("refused", "refused", "DIM", "no"), a_line("unsure", "unsure")


def test_accepted_settles_what_is_in_doubt_on_a_persons_word() -> None:
    entry = resolve(parked(SENT, PRESENT, DUPLICATED, DONE), a_decision("accepted"))
    assert entry.accepted
    assert [line.evidence for line in entry.lines] == ["operator", "operator", "operator", ""]
    assert (entry.failure, entry.settled_at) == (None, "t-9")
    assert entry.decisions == (a_decision("accepted"),)


def test_accepted_says_nothing_of_what_was_refused_or_never_sent() -> None:
    entry = resolve(parked(SENT, REFUSED, UNSURE), a_decision("accepted"))
    assert states(entry) == {"sent": "accepted", "refused": "refused", "unsure": "unsure"}
    assert entry.lines[1:] == (REFUSED, UNSURE)
    left = Failure(code="DIM", message="no", errors=("refused: no",), at="t-9")
    assert (entry.failure, entry.settled_at) == (left, "t-9"), "it stays parked for what is left"
    assert entry.decisions == (a_decision("accepted"),)


def test_accepted_needs_a_doubt_and_says_what_there_is_instead() -> None:
    said = "^nothing of c-1 in 2025-07 is in doubt: refused is refused, unsure is unsure$"
    with pytest.raises(ValueError, match=said):
        resolve(parked(REFUSED, UNSURE), a_decision("accepted"))
    with pytest.raises(ValueError, match=r"is in doubt: ask$"):
        resolve(parked(), a_decision("accepted"))


def test_not_accepted_lets_what_is_in_doubt_be_looked_up_and_sent() -> None:
    entry = resolve(parked(SENT, PRESENT, REFUSED, DONE), a_decision("not_accepted"))
    assert entry.lines == (
        Line(dimension="sent", quantity="5", state="unsure", evidence=NOT_ACCEPTED),
        Line(dimension="present", quantity="5", state="unsure", evidence=NOT_ACCEPTED),
        REFUSED,
        DONE,
    )
    assert (entry.failure, entry.settled_at) == (FAILURE, "t-0"), "a run re-opens it"
    assert entry.decisions == (a_decision("not_accepted"),)
    never_settled = resolve(parked(DONE), a_decision("not_accepted"))
    assert (never_settled.failure, never_settled.settled_at) == (FAILURE, "t-0")


def test_waived_bills_nothing_more_and_keeps_what_was_billed() -> None:
    entry = resolve(parked(SENT, REFUSED, UNSURE, DONE), a_decision("waived"))
    waived = dict.fromkeys(("sent", "refused", "unsure"), "waived")
    assert states(entry) == {**waived, "done": "accepted"}
    assert entry.waived
    assert (entry.failure, entry.settled_at) == (None, "t-9")
    assert entry.decisions == (a_decision("waived"),)


def test_a_contract_that_is_not_parked_is_left_to_its_run() -> None:
    entry = parked(UNSURE, DONE, failure=None)
    for what in ("accepted", "not_accepted"):
        said = "^c-1 in 2025-07 is not parked: nothing of it failed or is in doubt$"
        with pytest.raises(ValueError, match=said):
            resolve(entry, a_decision(what))
    with pytest.raises(ValueError, match="is not parked"):
        resolve(replace(parked(DONE, failure=None), settled_at="t-0"), a_decision("waived"))


def test_a_contract_whose_run_got_stuck_may_be_waived_and_a_doubt_decided_before_it_parks() -> None:
    waived = resolve(parked(UNSURE, DONE, failure=None), a_decision("waived"))
    assert (states(waived), waived.settled_at) == ({"unsure": "waived", "done": "accepted"}, "t-9")
    assert resolve(parked(SENT, failure=None), a_decision("accepted")).settled_at == "t-9"


@pytest.mark.parametrize("what", ["accepted", "not_accepted", "waived"])
def test_the_same_decision_of_the_same_execution_changes_nothing(what: What) -> None:
    entry = resolve(parked(SENT, REFUSED), a_decision(what))
    assert resolve(entry, a_decision(what)) == entry


def test_a_decision_that_has_settled_the_contract_stands_for_every_execution() -> None:
    entry = resolve(parked(SENT), a_decision("accepted"))
    assert resolve(entry, a_decision("accepted", "x-10")) == entry
    with pytest.raises(ValueError, match="is not parked"):
        resolve(entry, a_decision("waived", "x-10"))


def test_the_same_decision_of_another_execution_is_taken_again_while_it_is_parked() -> None:
    before = a_decision("not_accepted", "x-8")
    for failure in (FAILURE, None):
        waiting = parked(SENT, failure=failure, decisions=(before,))
        entry = resolve(waiting, a_decision("not_accepted"))
        assert entry.decisions == (before, a_decision("not_accepted"))
        assert states(entry) == {"sent": "unsure"}


def test_a_decision_that_was_noted_before_is_not_applied_to_what_came_since() -> None:
    noted = a_decision("not_accepted")
    newer = a_decision("reopened", "x-10")
    entry = parked(SENT, decisions=(noted, newer))
    assert resolve(entry, noted) == entry
    assert resolve(entry, a_decision("not_accepted", "x-11")) != entry
    assert resolve(entry, a_decision("accepted")) != entry


def test_not_accepted_is_taken_back_for_what_was_in_doubt() -> None:
    entry = resolve(parked(SENT, UNSURE), a_decision("not_accepted"))
    taken_back = resolve(entry, a_decision("accepted", "x-10"))
    assert states(taken_back) == {"sent": "accepted", "unsure": "unsure"}
    assert taken_back.lines[0].evidence == "operator"
    reopened = replace(entry, decisions=(*entry.decisions, a_decision("reopened", "x-10")))
    with pytest.raises(ValueError, match="nothing of c-1 in 2025-07 is in doubt"):
        resolve(reopened, a_decision("accepted", "x-11"))
    never_in_doubt = resolve(parked(UNSURE), a_decision("not_accepted"))
    with pytest.raises(ValueError, match="nothing of c-1 in 2025-07 is in doubt"):
        resolve(never_in_doubt, a_decision("accepted", "x-10"))


@pytest.mark.parametrize("code", ["FORMULA", "CONFIGURATION_CHANGED"])
def test_what_could_not_be_computed_is_not_settled_by_what_was_accepted(code: str) -> None:
    failure = Failure(code=code, message="m", errors=("m",), at="t-0")
    entry = resolve(parked(SENT, failure=failure), a_decision("accepted"))
    assert (states(entry), entry.failure) == ({"sent": "accepted"}, failure)


def test_an_operator_who_puts_a_contract_into_the_successes_waives_what_is_open() -> None:
    for entry in (parked(UNSURE), parked(SENT, failure=None)):
        settled = settle_by_hand(entry, "x-9", "t-9", "state.json")
        reason = "put into success_contracts of state.json"
        noted = Decision(what="waived", execution="x-9", at="t-9", reason=reason)
        assert settled == resolve(entry, noted)
        assert settled.waived


def test_a_contract_that_is_settled_takes_no_other_decision_from_the_state_file() -> None:
    done = replace(parked(a_line("cpu", "accepted"), failure=None), settled_at="t-1")
    assert settle_by_hand(done, "x-9", "t-9", "state.json") == done
    in_doubt = replace(parked(SENT, failure=None), settled_at="t-1")
    assert settle_by_hand(in_doubt, "x-9", "t-9", "state.json").waived


def test_what_stays_parked_after_a_decision_says_what_is_left() -> None:
    entry = resolve(parked(SENT, UNSURE), a_decision("accepted"))
    cause = "not sent so far"
    assert entry.failure == Failure(code="NOT_SENT", message=cause, errors=(cause,), at="t-9")
    assert resolve(parked(SENT, UNSURE, failure=None), a_decision("accepted")).failure is None
