"""The ledger's transitions: nothing in doubt is sent again without asking."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.ledger import claim, lookup, transitions
from functions.domain.ledger.claim import ContractItem
from functions.domain.ledger.entry import NOT_ACCEPTED, UNCLAIMED, Attempt, Decision, Entry
from functions.domain.ledger.listing import Listing, Stored
from functions.domain.ledger.lookup import Look
from functions.domain.ledger.submission import NOT_TAKEN, UNKNOWN, Answer, Reply
from functions.errors import BadState, LeaseLost
from tests.builders import FAILURE, PLAN, an_entry

SETTLE = 120.0
HOUR, NEVER = 30 * SETTLE, float("inf")
NOON = datetime(2025, 8, 2, 12, tzinfo=UTC)
RETRY = Decision(what="reopened", execution="x-9", at="2025-08-03T00:00:00Z", reason="r")


def claimed(entry: Entry | None, quantities: dict[str, str], execution: str = "x-1") -> Entry:
    item = ContractItem(contract_id="c-1", quantities=quantities)
    terms = claim.Terms(PLAN, month="2025-07", execution=execution, at="t")
    return claim.claim(entry, item, terms).entry


def a_claim(**quantities: str) -> Entry:
    return claimed(None, quantities or {"cpu": "5"})


def reopened(entry: Entry) -> Entry:
    return transitions.reopen(entry, replace(RETRY, execution="x-2", at="t"))


def begun(entry: Entry, name: str = "a-1", at: datetime = NOON) -> Entry:
    """Send whatever may be sent at this moment."""
    free = sorted(line.dimension for line in entry.lines if line.state in ("unsure", "sent"))
    sent = Attempt(id=name, execution="x", at=at.isoformat(), dimensions=(*free,), request="")
    return transitions.begin(entry, sent)


def answered(
    entry: Entry, answer: Answer, name: str = "a-1", dimension: str = "cpu", status: int = 0
) -> Entry:
    return transitions.conclude(entry, name, Reply("answered", {dimension: answer}, status or None))


def states(entry: Entry) -> dict[str, str]:
    return {line.dimension: line.state for line in entry.lines}


def stored(quantity: str = "5", name: str = "r-1", **fields: Any) -> Stored:
    return Stored(record_id=name, quantity=quantity, **fields)


def look(entry: Entry, *records: Stored) -> Look:
    """Return what a look says once every request must be over."""
    listing = Listing({"cpu": {f"{n}": record for n, record in enumerate(records)}})
    return lookup.looked(entry, listing, (), lambda _: True)


def seen(entry: Entry, *records: Stored) -> Entry:
    """Return the entry after a look that lets nothing be sent."""
    found = look(entry, *records)
    assert not found.free
    return found.entry


IN_DOUBT = answered(begun(a_claim()), UNKNOWN)
ACCEPTED = Answer(kind="accepted", record_id="r")


def test_a_doubt_is_settled_by_what_is_listed_or_a_second_rejection_and_by_nothing_less() -> None:
    assert look(IN_DOUBT) == (IN_DOUBT, {"cpu"}), "its request must be over"
    assert lookup.not_listable(IN_DOUBT) == (IN_DOUBT, set())
    assert seen(IN_DOUBT, stored(status="undecided")).lines[0].state == "sent"
    assert seen(IN_DOUBT, stored("5.0")).lines[0].evidence == "listing"
    assert seen(IN_DOUBT, stored("6")).refused
    resent = answered(begun(IN_DOUBT, "a-2"), Answer(kind="present", code="DUPLICATE"), "a-2")
    assert lookup.not_listable(resent).entry.accepted
    assert seen(resent) == resent, "where there is a listing, that decides"


def test_a_line_that_is_refused_in_so_many_words_claims_no_record_any_more() -> None:
    entry = begun(a_claim())
    line = replace(entry.lines[0], state="sent", evidence=UNCLAIMED)
    refused = answered(replace(entry, lines=(line,)), Answer(kind="refused", code="CANCELLED"))
    assert (refused.may_be_billed, refused.lines[0].evidence) == ((), "")
    line = replace(line, evidence=NOT_ACCEPTED)
    kept = answered(replace(entry, lines=(line,)), Answer(kind="refused", code="CANCELLED"))
    assert kept.lines[0].evidence == NOT_ACCEPTED


def test_partial_acceptance_is_kept_and_only_the_rest_is_sent() -> None:
    entry = begun(a_claim(cpu="5", mem="7"))
    answers = {"cpu": ACCEPTED, "mem": Answer(kind="refused", code="DIM", message="no")}
    entry = transitions.conclude(entry, "a-1", Reply("answered", answers))
    assert states(entry) == {"cpu": "accepted", "mem": "refused"}
    entry = reopened(transitions.fail(entry, FAILURE))
    assert states(entry) == {"cpu": "accepted", "mem": "unsure"}
    assert lookup.not_listable(entry).free == {"mem"}


def test_a_reopened_duplicate_is_sent_once_what_was_there_has_gone() -> None:
    entry = reopened(seen(IN_DOUBT, stored("6")))
    assert states(entry) == {"cpu": "present"}
    assert lookup.not_listable(entry) == (entry, set())
    assert seen(entry, stored("6")).refused
    assert look(entry).free == {"cpu"}


def test_a_late_answer_to_an_older_attempt_counts_only_if_it_is_acceptance() -> None:
    resent = begun(IN_DOUBT, "a-2")
    nothing = transitions.conclude(resent, "a-1", Reply("answered", {}))
    assert answered(resent, Answer(kind="refused"), "a-1") == nothing
    assert answered(resent, ACCEPTED, "a-1").accepted


def test_a_failure_of_a_contract_that_was_settled_meanwhile_is_not_written() -> None:
    known, begun_since = a_claim(), begun(a_claim())
    settled = transitions.succeed(answered(begun_since, ACCEPTED), "t-1")
    assert transitions.fail_if_open(known, FAILURE, settled) == settled
    for found, failed in ((begun_since, begun_since), (None, known)):
        assert transitions.fail_if_open(known, FAILURE, found) == transitions.fail(failed, FAILURE)


# How long a line waits until it may be sent again


def waits(entry: Entry, sent_at: datetime = NOON) -> float:
    """Return the seconds after which the first line may be sent again; infinity for never."""
    line = entry.lines[0]
    for seconds in (0.0, SETTLE, HOUR):
        at = sent_at + timedelta(seconds=seconds)
        before = at - timedelta(microseconds=1)
        if transitions.is_over(entry, at, SETTLE, line):
            assert seconds == 0 or not transitions.is_over(entry, before, SETTLE, line)
            return seconds
    assert not transitions.is_over(entry, sent_at + timedelta(days=3_000), SETTLE, line)
    return NEVER


def again(entry: Entry, sent_at: datetime, status: int = 0) -> Entry:
    """Send once more without learning the outcome."""
    name = f"a-{len(entry.attempts) + 1}"
    return answered(begun(entry, name, sent_at), UNKNOWN, name, status=status)


def test_the_wait_grows_with_each_unknown_outcome_and_then_an_operator_decides() -> None:
    assert waits(a_claim()) == 0
    once = again(a_claim(), NOON)
    twice = again(once, NOON + timedelta(hours=1))
    thrice = again(twice, NOON + timedelta(hours=2))
    assert waits(once) == SETTLE
    assert waits(twice, NOON + timedelta(hours=1)) == HOUR
    assert waits(thrice, NOON + timedelta(hours=2)) == NEVER
    assert [entry.lines[0].doubts for entry in (once, twice, thrice)] == [0, 1, 2]
    assert again(thrice, NOON).lines[0].doubts == 2, "it counts no further"


def test_an_answer_that_came_through_counts_as_one_more() -> None:
    """Clazar has answered the request with 2xx: it has it, and its listing may lag."""
    for status in (200, 202, 299, 302, 503):
        once = again(a_claim(), NOON, status)
        found = waits(once), waits(again(once, NOON, status))
        assert found == ((HOUR, NEVER) if status < 300 else (SETTLE, HOUR))
    lost_after_200 = again(again(a_claim(), NOON, 200), NOON + timedelta(hours=1))
    assert waits(lost_after_200, NOON + timedelta(hours=1)) == HOUR, "only the newest counts"


def test_an_operators_retry_lets_it_be_sent_after_the_longest_wait() -> None:
    stuck = again(again(again(a_claim(), NOON), NOON), NOON)
    retried = replace(stuck, decisions=(RETRY,))
    assert waits(stuck) == NEVER
    assert waits(retried) == HOUR
    for sent in (datetime(2025, 8, 3, hour, tzinfo=UTC) for hour in (0, 1)):
        assert waits(again(retried, sent), sent) == NEVER, "one retry, once"
    other = replace(RETRY, what="accepted")
    assert waits(replace(stuck, decisions=(RETRY, other))) == NEVER


def test_a_request_that_was_not_taken_adds_no_doubt() -> None:
    once = again(a_claim(), NOON)
    busy = answered(begun(once, "a-2"), NOT_TAKEN, "a-2", status=429)
    assert (busy.lines[0].state, busy.lines[0].doubts) == ("unsure", 1)
    assert begun(busy, "a-3").lines[0].doubts == 1
    never_left = answered(begun(a_claim()), NOT_TAKEN, status=429)
    assert begun(never_left, "a-2").lines[0].doubts == 0


def test_what_was_only_seen_pending_before_its_first_sending_was_never_in_doubt() -> None:
    pending = seen(a_claim(), stored(status="undecided"))
    assert pending.in_doubt
    assert look(pending).free == {"cpu"}
    attempt = Attempt(id="a", execution="x", at="t", dimensions=("cpu",), request="")
    sent = transitions.begin(pending, attempt)
    assert (sent.lines[0].state, sent.lines[0].doubts) == ("sent", 0)


def test_a_step_works_only_on_what_its_own_execution_has_claimed() -> None:
    entry = an_entry(execution="x-1")
    assert transitions.claimed(entry, "x-1", "ledger/c-1.json") == entry
    with pytest.raises(LeaseLost, match=r"^ledger/c-1\.json was taken over by x-1$"):
        transitions.claimed(entry, "x-2", "ledger/c-1.json")
    with pytest.raises(BadState, match=r"^ledger/c-1\.json is missing: the contract was not cl"):
        transitions.claimed(None, "x-1", "ledger/c-1.json")
