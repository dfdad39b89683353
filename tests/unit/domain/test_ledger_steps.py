"""Each step of the ledger as a whole: what it notes, and that it touches nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.ledger import transitions
from functions.domain.ledger.entry import DUPLICATE, Attempt, Decision, Line, LineState
from functions.domain.ledger.failures import doubts
from functions.domain.ledger.listing_pages import ask
from functions.domain.ledger.submission import NOT_TAKEN, UNKNOWN, Answer, Reply
from functions.domain.month import parse_instant
from tests.builders import FAILURE, a_line, an_entry

NOON = "2025-08-02T12:00:00Z"
CPU = Line(dimension="cpu", quantity="5", amount="5.5")
MEM = Line(dimension="mem", quantity="7")
REFUSED = replace(CPU, state="refused", code="DIM", message="no", errors=("no",))
ASKED = ask("c-1", NOON)


def an_attempt(name: str = "a-1", at: str = NOON, execution: str = "x") -> Attempt:
    return Attempt(id=name, execution=execution, at=at, dimensions=("cpu",), request="body")


def a_decision(execution: str = "x-2") -> Decision:
    return Decision(what="reopened", execution=execution, at="t-2", reason="r")


def concluded(line: Line, answer: Answer) -> Line:
    entry = an_entry(line, attempts=(an_attempt(),))
    return transitions.conclude(entry, "a-1", Reply("answered", {line.dimension: answer})).lines[0]


def test_reopening_forgets_the_refusal_and_counts_the_retry() -> None:
    lines = (replace(REFUSED, doubts=2, billed="4"), replace(MEM, doubts=1))
    before: dict[str, Any] = {"retries": 1, "decisions": (a_decision("x-1"),)}
    entry = an_entry(*lines, failure=FAILURE, settled_at="t-1", **before)
    assert transitions.reopen(entry, a_decision()) == an_entry(
        CPU, lines[1], retries=2, decisions=(a_decision("x-1"), a_decision()), settled_at="t-1"
    )


def test_what_can_not_be_tried_keeps_its_refusal_although_it_is_reopened() -> None:
    entry = an_entry(REFUSED, failure=FAILURE, retries=1)
    assert transitions.reopen(entry, a_decision(), lines=False) == an_entry(
        REFUSED, retries=2, decisions=(a_decision(),)
    )


def test_reopening_leaves_what_is_billed_or_in_doubt() -> None:
    states: tuple[LineState, ...] = ("sent", "present", "accepted", "waived")
    lines = tuple(a_line(state, state, doubts=1, code="C") for state in states)
    assert transitions.reopen(an_entry(*lines, failure=FAILURE), a_decision()).lines == lines


def test_a_duplicate_that_is_reopened_is_there_until_a_look_says_otherwise() -> None:
    refused = replace(REFUSED, code=DUPLICATE, billed="6")
    assert transitions.reopen(an_entry(refused), a_decision()).lines == (
        replace(CPU, state="present"),
    )


def test_beginning_marks_the_lines_that_leave_and_adds_the_attempt() -> None:
    earlier = replace(an_attempt("a-0"), dimensions=("mem",))
    entry = an_entry(replace(CPU, message="a doubt"), MEM, attempts=(earlier,), asked=ASKED)
    assert transitions.begin(entry, an_attempt()) == an_entry(
        replace(CPU, state="sent"), MEM, attempts=(earlier, an_attempt())
    )


@pytest.mark.parametrize(
    ("before", "doubts"),
    [
        (replace(CPU, state="sent"), 1),
        (replace(CPU, state="sent", doubts=1), 2),
        (replace(CPU, state="sent", doubts=2), 2),
        (replace(CPU, state="present"), 1),
        (CPU, 0),
        (replace(CPU, doubts=1), 1),
    ],
)
def test_beginning_again_counts_the_outcome_that_was_not_known(before: Line, doubts: int) -> None:
    entry = an_entry(before, replace(MEM, state="sent"), attempts=(an_attempt("a-0"),))
    assert transitions.begin(entry, an_attempt()).lines == (
        replace(CPU, state="sent", doubts=doubts),
        replace(MEM, state="sent"),
    )


def test_an_answer_is_kept_with_its_own_attempt_only() -> None:
    sent = replace(CPU, state="sent")
    entry = an_entry(sent, MEM, attempts=(an_attempt("a-0"), an_attempt()))
    answers = {"cpu": Answer(kind="accepted", record_id="r-1")}
    found = transitions.conclude(entry, "a-1", Reply("answered", answers, 200, "body"))
    assert found.attempts == (
        an_attempt("a-0"),
        replace(an_attempt(), outcome="answered", status=200, response="body"),
    )
    assert found.lines == (
        replace(CPU, state="accepted", evidence="response", record_id="r-1"),
        MEM,
    )


def test_an_answer_that_was_lost_leaves_status_and_response_empty() -> None:
    entry = an_entry(replace(CPU, state="sent"), attempts=(an_attempt(),))
    (attempt,) = transitions.conclude(entry, "a-1", Reply("unknown", {})).attempts
    assert (attempt.outcome, attempt.status, attempt.response) == ("unknown", None, "")


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (
            Answer(kind="refused", record_id="r", code="C", message="m", errors=("e",)),
            {"state": "refused", "record_id": "r", "code": "C", "message": "m", "errors": ("e",)},
        ),
        (
            Answer(kind="present", record_id="r", code="C", message="m", errors=("e",)),
            {"state": "present", "code": "C", "message": "m"},
        ),
        (NOT_TAKEN, {"state": "unsure"}),
        (UNKNOWN, {}),
    ],
)
def test_each_answer_changes_its_line_by_what_it_says(
    answer: Answer, changes: dict[str, Any]
) -> None:
    sent = replace(CPU, state="sent")
    assert concluded(sent, answer) == replace(sent, **changes)


def test_what_a_person_has_waived_is_changed_by_nothing_but_an_acceptance() -> None:
    waived = replace(CPU, state="waived")
    for answer in (Answer(kind="refused", code="C"), Answer(kind="present"), NOT_TAKEN, UNKNOWN):
        assert concluded(waived, answer) == waived
    assert concluded(waived, Answer(kind="accepted")).state == "accepted"


def test_a_line_that_is_accepted_keeps_its_first_evidence() -> None:
    listed = replace(CPU, state="accepted", evidence="listing", record_id="r-1")
    for later in (Answer(kind="accepted", record_id="r-2"), Answer(kind="refused", code="C")):
        assert concluded(listed, later) == listed


def test_a_request_is_over_for_everything_but_sending_again_after_its_own_time() -> None:
    """However often an outcome was unknown: an operator may decide then."""
    sent = replace(CPU, state="sent", doubts=2)
    entry = an_entry(sent, attempts=(replace(an_attempt(), status=200),))
    later = parse_instant(NOON) + timedelta(seconds=120)
    assert transitions.is_over(entry, later, 120)
    assert not transitions.is_over(entry, later, 120, sent)
    assert transitions.is_over(an_entry(), later, 120), "nothing was sent"


def test_a_failure_and_a_success_are_noted_with_their_moment() -> None:
    entry = an_entry(replace(CPU, state="accepted"), retries=1)
    failed = transitions.fail(entry, FAILURE)
    assert failed == replace(entry, failure=FAILURE, settled_at="t-1")
    assert transitions.succeed(failed, "t-2") == replace(entry, settled_at="t-2")


def test_a_success_without_evidence_changes_nothing_nor_does_a_second_one() -> None:
    open_still = an_entry(replace(CPU, state="accepted"), MEM)
    assert transitions.succeed(open_still, "t") == open_still
    settled = an_entry(replace(CPU, state="accepted"), settled_at="t-1")
    assert transitions.succeed(settled, "t-2") == settled


def test_the_lines_of_an_execution_are_those_that_its_own_attempts_held() -> None:
    entry = an_entry(CPU, MEM, attempts=(an_attempt(), replace(an_attempt("b", execution="y"))))
    assert entry.sent_by("x") == (CPU,)
    mine = replace(an_attempt("b", execution="y"), dimensions=("mem", "gone"))
    assert replace(entry, attempts=(an_attempt(), mine)).sent_by("y") == (MEM,)
    assert entry.sent_by("z") == ()


def test_an_answer_that_is_not_understood_is_kept_in_its_words_beside_the_doubt() -> None:
    sent, other = replace(CPU, state="sent"), replace(MEM, state="present", message="odd")
    entry = an_entry(sent, other, attempts=(an_attempt(),))
    reply = Reply("answered", {"cpu": UNKNOWN}, 200, "too large " * 50)
    found = transitions.conclude(entry, "a-1", reply)
    words = f"HTTP 200: {'too large ' * 20}"
    assert found.lines == (replace(sent, message=words), other)
    assert doubts(found)[0] == f"cpu: 5 may or may not have been accepted ({words})"
    more = Answer(kind="unknown", message="status 'odd'")
    one = transitions.conclude(entry, "a-1", reply._replace(answers={"cpu": more})).lines[0]
    assert one.message == "status 'odd'"
    late = Reply("answered", {"cpu": Answer(kind="accepted")}, 200, "ok")
    assert transitions.conclude(found, "a-1", late).lines[0].message == ""
    lost = transitions.conclude(entry, "a-1", Reply("unknown", {"cpu": UNKNOWN}, None, "timeout"))
    assert lost.lines == entry.lines, "no answer has no words"
