"""The ledger's transitions: nothing in doubt is sent again without asking."""

from typing import Any

import pytest

from functions.domain import claim, ledger, lookup
from functions.domain.answers import NOT_TAKEN, UNKNOWN, Answer, Stored
from functions.domain.ledger_entry import DUPLICATE, Attempt, Decision, Entry, Failure
from functions.domain.run_files import ContractItem


def claimed(entry: Entry | None, quantities: dict[str, str], execution: str = "x-1") -> Entry:
    item = ContractItem(contract_id="c-1", quantities=quantities)
    terms = claim.Terms(plan="S:E:P", month="2025-07", execution=execution, at="t")
    return claim.claim(entry, item, terms).entry


def a_claim(**quantities: str) -> Entry:
    return claimed(None, quantities or {"cpu": "5"})


def reopened(entry: Entry) -> Entry:
    return ledger.reopen(entry, Decision(what="reopened", execution="x-2", at="t", reason="r"))


def an_entry(**quantities: str) -> Entry:
    """Return an entry whose lines may be sent: Clazar was asked and lists nothing."""
    return lookup.looked(a_claim(**quantities), {}, {}, request_over=True)


def begun(entry: Entry, name: str = "a-1") -> Entry:
    dimensions = tuple(line.dimension for line in entry.sendable)
    return ledger.begin(
        entry,
        Attempt(id=name, execution="x", at="t", dimensions=dimensions, request="", digest=""),
    )


def answered(entry: Entry, answer: Answer, name: str = "a-1", dimension: str = "cpu") -> Entry:
    return ledger.conclude(entry, name, {dimension: answer}, outcome="answered")


def states(entry: Entry) -> dict[str, str]:
    return {line.dimension: line.state for line in entry.lines}


def stored(quantity: str = "5", status: str = "success") -> Stored:
    return Stored(record_id="r-1", quantity=quantity, status=status)


def look(entry: Entry, *records: Stored, foreign: int = 0, over: bool = True) -> Entry:
    return lookup.looked(entry, {"cpu": records}, {"cpu": foreign}, request_over=over)


IN_DOUBT = answered(begun(an_entry()), UNKNOWN)
ACCEPTED = Answer(kind="accepted", record_id="r")


def test_a_line_that_is_leaving_is_in_doubt_until_it_is_answered() -> None:
    entry = begun(an_entry())
    assert states(entry) == {"cpu": "sent"}
    assert entry.in_doubt
    assert not entry.sendable


def test_an_accepted_answer_settles_the_line_for_good() -> None:
    entry = answered(begun(an_entry()), ACCEPTED)
    assert entry.accepted
    assert answered(entry, Answer(kind="refused")).accepted
    assert claimed(entry, {"cpu": "9"}, "x-2").lines[0].quantity == "5"


def test_a_request_that_was_not_taken_may_be_sent_again() -> None:
    assert states(answered(begun(an_entry()), NOT_TAKEN)) == {"cpu": "open"}


def test_nothing_is_sent_before_clazar_was_asked() -> None:
    assert not a_claim().sendable
    assert look(a_claim()).sendable
    assert look(a_claim(), stored()).accepted
    assert lookup.not_listable(a_claim()).sendable


def test_an_unknown_outcome_is_sent_again_only_when_its_request_must_be_over() -> None:
    assert states(look(IN_DOUBT, over=False)) == {"cpu": "sent"}
    assert states(look(IN_DOUBT)) == {"cpu": "open"}


def test_a_quantity_is_a_number_however_it_is_written() -> None:
    assert look(IN_DOUBT, stored("5.0")).accepted
    assert look(IN_DOUBT, stored("five")).refused


def test_a_record_that_is_not_decided_yet_is_parked_not_sent() -> None:
    entry = look(a_claim(), stored(status="pending"))
    assert entry.in_doubt
    assert not entry.sendable


def test_a_listed_record_of_the_same_quantity_settles_the_doubt() -> None:
    entry = look(IN_DOUBT, stored())
    assert entry.accepted
    assert entry.lines[0].evidence == "listing"


def test_a_listed_record_of_another_quantity_needs_a_person() -> None:
    entry = look(IN_DOUBT, stored("6"))
    assert entry.refused[0].code == DUPLICATE
    assert "already bills 6 of cpu" in entry.refused[0].message


def test_failed_records_are_not_billed_and_pending_ones_keep_the_doubt() -> None:
    assert states(look(IN_DOUBT, stored(status="fail"))) == {"cpu": "open"}
    assert look(IN_DOUBT, stored(status="pending")) == IN_DOUBT


def test_a_record_that_another_plan_has_sent_is_no_evidence_for_this_one() -> None:
    assert look(IN_DOUBT, stored(), foreign=1).refused[0].code == DUPLICATE
    assert look(IN_DOUBT, stored(), stored(), foreign=1).accepted


def test_without_a_listing_the_doubt_stays() -> None:
    assert lookup.not_listable(IN_DOUBT) == IN_DOUBT


def test_without_a_listing_a_duplicate_rejection_of_a_record_we_sent_before_is_evidence() -> None:
    resent = answered(begun(look(IN_DOUBT), "a-2"), Answer(kind="present"), "a-2")
    assert lookup.not_listable(resent).accepted


def test_without_a_listing_a_duplicate_rejection_of_a_first_sending_stays_in_doubt() -> None:
    first = answered(begun(an_entry()), Answer(kind="present"))
    assert lookup.not_listable(first).in_doubt


def test_a_duplicate_that_is_not_listed_is_refused_not_sent_for_ever() -> None:
    first = answered(begun(an_entry()), Answer(kind="present", code="DUPLICATE"))
    entry = look(first)
    assert entry.refused[0].code == DUPLICATE
    assert not entry.sendable


def test_partial_acceptance_is_kept_and_only_the_rest_is_sent() -> None:
    entry = begun(an_entry(cpu="5", mem="7"))
    answers = {"cpu": ACCEPTED, "mem": Answer(kind="refused", code="DIM", message="no")}
    entry = ledger.conclude(entry, "a-1", answers, outcome="answered")
    assert states(entry) == {"cpu": "accepted", "mem": "refused"}
    failed = ledger.fail(entry, Failure(code="DIM", message="no", errors=("no",), at="t"))
    entry = reopened(failed)
    assert states(entry) == {"cpu": "accepted", "mem": "unsure"}
    assert [line.dimension for line in lookup.not_listable(entry).sendable] == ["mem"]


def test_a_reopened_line_is_looked_up_before_it_is_sent() -> None:
    entry = answered(begun(an_entry()), Answer(kind="refused", code="X"))
    entry = reopened(entry)
    assert not entry.sendable
    assert states(look(entry)) == {"cpu": "open"}
    assert look(entry, stored()).accepted


def test_a_reopened_duplicate_is_never_sent_blindly() -> None:
    entry = reopened(look(IN_DOUBT, stored("6")))
    assert states(lookup.not_listable(entry)) == {"cpu": "present"}


def test_a_late_answer_to_an_older_attempt_counts_only_if_it_is_acceptance() -> None:
    resent = begun(look(IN_DOUBT), "a-2")
    assert answered(resent, Answer(kind="refused"), "a-1") == ledger.conclude(
        resent, "a-1", {}, outcome="answered"
    )
    assert answered(resent, ACCEPTED, "a-1").accepted


def test_today_s_quantity_replaces_only_what_was_never_sent() -> None:
    fresh = claimed(an_entry(cpu="5", mem="7"), {"cpu": "6", "disk": "1"})
    assert {line.dimension: line.quantity for line in fresh.lines} == {"cpu": "6", "disk": "1"}
    doubt = claimed(IN_DOUBT, {"cpu": "6"}).lines[0]
    assert (doubt.quantity, doubt.computed_later) == ("5", "6")


def test_a_batch_holds_at_most_25_records() -> None:
    entry = an_entry(**{f"d{n:02d}": "1" for n in range(30)})
    assert len(entry.sendable) == 25
    entry = begun(entry)
    entry = ledger.conclude(
        entry, "a-1", {line.dimension: ACCEPTED for line in entry.lines[:25]}, outcome="answered"
    )
    assert [line.dimension for line in entry.sendable] == [f"d{n}" for n in range(25, 30)]


def test_success_needs_evidence_for_every_line() -> None:
    with pytest.raises(ValueError, match="not accepted in full"):
        ledger.succeed(IN_DOUBT, "t")
    assert ledger.succeed(
        an_entry().__class__(**{**_plain(an_entry()), "lines": ()}), "t"
    ).settled_at


def _plain(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__struct_fields__}


def test_a_reopened_duplicate_is_sent_once_what_was_there_has_gone() -> None:
    entry = reopened(look(a_claim(), stored("6")))
    assert look(entry, stored("6")).refused
    assert look(entry).sendable


def test_an_undecided_record_that_vanished_leaves_the_line_to_be_sent() -> None:
    assert look(look(a_claim(), stored(status="pending"))).sendable


def test_what_an_earlier_execution_has_seen_is_looked_up_again() -> None:
    taken = claimed(an_entry(), {"cpu": "5"}, "x-2")
    assert not taken.sendable
    assert claimed(an_entry(), {"cpu": "5"}, "x-1").sendable
