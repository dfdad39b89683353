"""Claim, submit and record of one contract, broken at every place: never billed twice.

Writes fail before or after they take effect, answers get lost, functions are retried, executions
are aborted and started anew. Whatever comes of it, the receiver has accepted each dimension at most
once, and the ledger says `accepted` only of what the receiver has.
"""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.adapters.books import Books
from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Response
from functions.adapters.clock import Clock
from functions.domain.ledger.entry import TAKEN_OVER, Entry
from functions.domain.ledger.listing_pages import Asked
from functions.domain.month import Month, format_instant
from functions.errors import (
    BadState,
    ContractUnserved,
    LeaseLost,
    ListingUnfinished,
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    PartnerUnreachable,
    WriteConflict,
)
from functions.metering.claim_contract import claim_contract
from functions.metering.payloads import Claimed, ContractTask
from functions.metering.record_error import record_error
from functions.metering.record_open import record_open
from functions.metering.submit_contract import Outside, submit_contract
from functions.payloads import Problem
from infra.tasks import SETTLE_SECONDS
from tests.builders import AUGUST_2, a_plan
from tests.in_memory.clazar import Clazar as InMemory
from tests.in_memory.outside import RecordedBucket
from tests.in_memory.points import Point, Points, Result
from tests.in_memory.timeline import Timeline
from tests.memory import MemoryObjects
from tests.unit.metering.runs import MONTH, a_contract

QUANTITIES = {"cpu": "5", "mem": "7"}
LEFT_OPEN = (PartnerBusy, PartnerUnreachable, ContractUnserved)
WAITS = (SETTLE_SECONDS, 30 * SETTLE_SECONDS)


class KilledError(Exception):
    """The function or its execution died here."""


def fragile(deaths: list[str]) -> RecordedBucket:
    """Return a bucket whose writers die at chosen writes, before or after they take effect."""
    points, left = Points(), deque(deaths)

    def broken(point: Point, effect: Result, lost: Result) -> Any:  # noqa: ARG001  # see Break
        moment = left.popleft() if left else "not yet"
        if moment == "before":
            raise KilledError
        written = effect()
        if moment == "after":
            raise KilledError
        return written

    points.choose = lambda _point: broken
    return RecordedBucket("state", points)


def books_of(objects: MemoryObjects) -> Books:
    return Books(objects, a_plan())


def claim(task: ContractTask, objects: MemoryObjects, at: str = "t") -> Claimed:
    return claim_contract(task, Books(objects, task.run.plan), at)


def the_entry(objects: MemoryObjects) -> Entry:
    read = books_of(objects).entry(Month.parse(MONTH), "c-1").read()
    assert read
    return read.value


def a_clock() -> Timeline:
    """Return time that only passes when the state machine waits."""
    return Timeline(AUGUST_2)


def claimed(*actions: str, **item: Any) -> tuple[MemoryObjects, InMemory, Timeline, ContractTask]:
    """Return a bucket in which a contract was just claimed, its Clazar, the time and the task."""
    objects, clock, task = MemoryObjects(), a_clock(), a_contract(QUANTITIES, **item)
    claim(task, objects)
    return objects, InMemory(actions, timeline=clock), clock, task


def counts(clazar: InMemory) -> Counter[str]:
    """How often each dimension was accepted."""
    return Counter(record["dimension"] for record in clazar.accepted)


def submit(
    task: ContractTask,
    objects: MemoryObjects,
    clazar: InMemory | Clazar,
    clock: Timeline | None = None,
    *,
    seconds_left: float = 90.0,
) -> None:
    partner = clazar if isinstance(clazar, Clazar) else Clazar(clazar)
    known = clock or a_clock()
    submit_contract(
        task,
        Outside(
            Books(objects, task.run.plan),
            partner,
            Clock(lambda: known.now, lambda: seconds_left),
            SETTLE_SECONDS,
        ),
    )


def one_child(
    execution: str,
    objects: MemoryObjects,
    clazar: InMemory,
    clock: Timeline | None = None,
    *,
    retry: bool,
    retries: int,
) -> None:
    """Run the states of one contract; with few retries more is left to the next execution.

    The definition's own retries are played by tests/model and the crash matrix.
    """
    clock = clock or a_clock()
    task = a_contract(QUANTITIES, execution=execution, retry=retry)
    claimed = claim(task, objects, format_instant(clock.now))
    waits = deque(WAITS)
    if claimed.action == "submit":
        for last in [False] * retries + [True]:
            try:
                submit(task, objects, clazar, clock)
                break
            except (KilledError, WriteConflict):
                if last:
                    raise
                clock.pass_time(3)
            except LEFT_OPEN as error:
                clock.pass_time(3)
                if last:
                    record_open(caught(task, error), books_of(objects))
                    return
            except (PartnerRefused, OutcomeUnknown) as error:
                if last or isinstance(error, PartnerRefused) or not waits:
                    record_error(caught(task, error), books_of(objects), format_instant(clock.now))
                    return
                clock.pass_time(waits.popleft())


def caught(task: ContractTask, error: Exception) -> ContractTask:
    """Return what a Catch passes on."""
    return replace(task, problem=Problem(type(error).__name__, str(error)))


ACTIONS = st.lists(st.sampled_from(["ok", "lost", "drop", "busy", "refuse", "late"]), max_size=6)
DEATHS = st.lists(st.sampled_from(["before", "after", "not yet", "not yet"]), max_size=12)


@settings(max_examples=400, deadline=None)
@given(
    actions=ACTIONS,
    deaths=DEATHS,
    duplicates_refused=st.booleans(),
    listing=st.booleans(),
    retries=st.integers(0, 3),
)
def test_whatever_breaks_each_dimension_is_accepted_at_most_once(
    *, actions: list[str], deaths: list[str], duplicates_refused: bool, listing: bool, retries: int
) -> None:
    objects = fragile(deaths)
    clock = a_clock()
    clazar = InMemory(actions, refuses_duplicates=duplicates_refused, lists=listing, timeline=clock)
    for attempt in range(24):
        with suppress(KilledError, WriteConflict):
            one_child(f"x-{attempt}", objects, clazar, clock, retry=attempt > 3, retries=retries)
        clock.pass_time(10 if attempt < 12 else 30 * SETTLE_SECONDS)
        assert all(count == 1 for count in counts(clazar).values()), clazar.requests
        for line in the_entry(objects).lines if objects.objects else ():
            if line.state == "accepted":
                assert counts(clazar)[line.dimension] == 1
    entry = the_entry(objects)
    if listing:
        assert entry.accepted, "with a listing, every doubt is resolved in the end"
        assert counts(clazar) == {"cpu": 1, "mem": 1}
    else:
        settled = entry.accepted or entry.failure
        assert settled, "without a listing, what is in doubt is parked for a person"


def test_a_lost_answer_is_resolved_by_asking_and_not_sent_again() -> None:
    objects, clazar = MemoryObjects(), InMemory(["lost"], refuses_duplicates=False)
    one_child("x-1", objects, clazar, retry=False, retries=0)
    assert len(clazar.requests) == 1
    entry = the_entry(objects)
    assert [line.evidence for line in entry.lines] == ["listing", "listing"]


def test_a_request_that_never_arrived_is_sent_again_once_it_must_have_ended() -> None:
    objects, clazar, clock, task = claimed("drop")
    for _ in range(3):
        with pytest.raises(
            OutcomeUnknown, match=r"^cpu: 5 may or may not .*; mem: 7 may or may not"
        ):
            submit(task, objects, clazar, clock)
        clock.pass_time(SETTLE_SECONDS / 3 - 1)
    assert len(clazar.requests) == 1, "not listed means nothing while the request may be under way"
    clock.pass_time(3)
    submit(task, objects, clazar, clock)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_what_clazar_holds_already_is_not_sent_even_the_first_time() -> None:
    objects, clazar = MemoryObjects(), InMemory(refuses_duplicates=False)
    one_child("x-1", objects, clazar, retry=False, retries=0)
    fresh = MemoryObjects()
    one_child("x-2", fresh, clazar, retry=False, retries=0)
    assert len(clazar.requests) == 1
    entry = the_entry(fresh)
    assert {line.evidence for line in entry.lines} == {TAKEN_OVER}


def test_a_listing_that_does_not_answer_now_sends_nothing() -> None:
    objects, clazar = MemoryObjects(), InMemory()
    clazar.listing_busy = 2
    one_child("x-1", objects, clazar, retry=False, retries=1)
    assert not clazar.requests
    one_child("x-2", objects, clazar, retry=True, retries=0)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_a_record_that_clazar_has_not_decided_on_is_parked() -> None:
    objects, clazar = MemoryObjects(), InMemory(refuses_duplicates=False)
    one_child("x-1", objects, clazar, retry=False, retries=0)
    clazar.accepted = [{**row, "status": "pending"} for row in clazar.accepted]
    fresh = MemoryObjects()
    one_child("x-2", fresh, clazar, retry=False, retries=2)
    entry = the_entry(fresh)
    assert entry.failure
    assert entry.failure.code == "OUTCOME_UNKNOWN"
    assert len(clazar.requests) == 1


@pytest.mark.parametrize(
    ("then", "retry", "sent"),
    [("refuse", True, {"cpu": "3", "mem": "7"}), ("busy", False, QUANTITIES)],
)
def test_after_a_doubt_the_quantity_stays_what_may_have_been_accepted_unless_it_was_reopened(
    then: str, *, retry: bool, sent: dict[str, str]
) -> None:
    objects, clazar, clock = MemoryObjects(), InMemory(["drop", then]), a_clock()
    one_child("x-1", objects, clazar, clock, retry=False, retries=1)
    task = a_contract({"cpu": "3", "mem": "7"}, execution="x-2", retry=retry)
    claim(task, objects, format_instant(clock.now))
    submit(task, objects, clazar, clock)
    assert {record["dimension"]: record["quantity"] for record in clazar.accepted} == sent
    assert the_entry(objects).accepted


def test_with_neither_listing_nor_duplicate_rule_a_contract_in_doubt_is_parked() -> None:
    objects = MemoryObjects()
    clazar = InMemory(["lost"], refuses_duplicates=False, lists=False)
    one_child("x-1", objects, clazar, retry=False, retries=3)
    one_child("x-2", objects, clazar, retry=False, retries=3)
    entry = the_entry(objects)
    assert entry.failure
    assert entry.failure.code == "OUTCOME_UNKNOWN"
    assert "cpu: 5 may or may not have been accepted" in entry.failure.errors
    assert len(clazar.requests) == 1


def test_an_error_stands_until_it_is_reopened() -> None:
    objects, clazar = MemoryObjects(), InMemory(["refuse"])
    one_child("x-1", objects, clazar, retry=False, retries=0)
    one_child("x-2", objects, clazar, retry=False, retries=0)
    assert len(clazar.requests) == 1
    one_child("x-3", objects, clazar, retry=True, retries=0)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_an_execution_whose_contract_was_taken_over_sends_and_settles_nothing() -> None:
    objects, clazar = MemoryObjects(), InMemory()
    claim(a_contract(QUANTITIES, execution="x-1"), objects)
    claim(a_contract(QUANTITIES, execution="x-2"), objects)
    with pytest.raises(LeaseLost, match="x-2"):
        submit(a_contract(QUANTITIES, execution="x-1"), objects, clazar)
    assert not clazar.requests
    assert the_entry(objects).settled_at is None


def test_usage_of_the_same_contract_under_another_plan_is_not_taken_for_ours() -> None:
    objects, clazar = MemoryObjects(), InMemory()
    other = a_plan(plan_id="other")
    task = a_contract({"cpu": "5"}, plan=other)
    claim(task, objects)
    submit(task, objects, clazar)
    objects.objects["ledger/S/E/other/plan.json"] = b"{}"
    one = a_contract({"cpu": "5"}, execution="x-2")
    claim(one, objects)
    with pytest.raises(
        PartnerRefused,
        match=r"bills cpu .* 5 \(record r-1\), which S:E:other accounts for; "
        "the 5 of this plan is not listed",
    ):
        submit(one, objects, clazar)


def test_a_contract_with_nothing_to_bill_is_settled_at_once() -> None:
    objects = MemoryObjects()
    for _ in range(2):
        assert claim(a_contract({}), objects).action == "nothing"
        assert the_entry(objects).settled_at == "t"
    failing = a_contract({}, execution="x-2", failure="formula '1/0': division by zero")
    assert claim(failing, objects).action == "record_error", "an empty success hides no failure"


def test_nothing_is_sent_of_a_contract_that_was_not_claimed() -> None:
    objects, clazar = MemoryObjects(), InMemory()
    with pytest.raises(BadState, match="was not claimed"):
        submit(a_contract(QUANTITIES), objects, clazar)
    assert not counts(clazar)


def test_a_broken_ledger_entry_stops_and_stays_as_it_is() -> None:
    objects = MemoryObjects({"ledger/S/E/P/2025-07/c-1.json": b'{"plan": 1'})
    with pytest.raises(BadState, match=r"c-1\.json cannot be read"):
        claim(a_contract(QUANTITIES), objects)
    assert objects.objects["ledger/S/E/P/2025-07/c-1.json"] == b'{"plan": 1'


def test_a_formula_that_was_corrected_to_nothing_clears_its_error() -> None:
    objects = MemoryObjects()
    failing = a_contract({}, failure="formula '1/0': division by zero")
    record_error(replace(failing, problem=claim(failing, objects).problem), books_of(objects), "t")
    corrected = a_contract({}, execution="x-2", retry=True)
    assert claim(corrected, objects).action == "nothing"
    assert the_entry(objects).failure is None


# What an answer of no use, a shortage of time or an operator leads to


class Answers(InMemory):
    """Answers the first request with 2xx and no results: neither accepted nor refused."""

    def post(self, body: bytes) -> Response:
        answer = super().post(body)
        if len(self.requests) == 1:
            self.accepted.clear()
            return Response(200, '{"results": []}')
        return answer


def test_an_unknown_outcome_is_repeated_after_two_minutes_then_an_hour_then_by_an_operator() -> (
    None
):
    """Each repetition doubles the bill if the listing lags, so there are two of them at most."""
    objects, clazar, clock = MemoryObjects(), InMemory(["drop"] * 9), a_clock()
    begun = clock.now
    one_child("x-1", objects, clazar, clock, retry=False, retries=9)
    entry = the_entry(objects)
    assert entry.failure
    assert entry.failure.code == "OUTCOME_UNKNOWN"
    sent = [datetime.fromisoformat(attempt.at) for attempt in entry.attempts]
    assert sent == [begun + timedelta(seconds=wait) for wait in (0, 120, 3_720)]
    clock.pass_time(86_400)
    one_child("x-2", objects, clazar, clock, retry=False, retries=9)
    assert len(clazar.requests) == 3, "it is parked"
    one_child("x-3", objects, clazar, clock, retry=True, retries=9)
    assert len(clazar.requests) == 4, "once per operator's retry"


def test_what_was_answered_with_a_2xx_is_not_repeated_within_an_hour() -> None:
    objects, clazar, clock = MemoryObjects(), Answers(), a_clock()
    task = a_contract(QUANTITIES)
    claim(task, objects, format_instant(clock.now))
    for wait in (0, SETTLE_SECONDS, 29 * SETTLE_SECONDS - 1):
        clock.pass_time(wait)
        with pytest.raises(OutcomeUnknown):
            submit(task, objects, clazar, clock)
    assert len(clazar.requests) == 1
    clock.pass_time(1)
    submit(task, objects, clazar, clock)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_a_contract_of_many_dimensions_is_sent_in_batches_and_each_only_after_a_look() -> None:
    objects, clazar = MemoryObjects(), InMemory()
    task = a_contract({f"d{number:02d}": "1" for number in range(60)})
    claim(task, objects)
    submit(task, objects, clazar)
    assert [len(records) for records in clazar.requests] == [25, 25, 10]
    assert set(counts(clazar).values()) == {1}
    assert len(counts(clazar)) == 60


class Unserved(InMemory):
    """Answers with 403 about this contract."""

    def post(self, body: bytes) -> Response:  # noqa: ARG002  # whatever is asked
        return Response(403, "forbidden " * 50)


def test_a_contract_that_is_not_served_is_left_open_and_nothing_of_it_is_in_doubt() -> None:
    objects, clazar = MemoryObjects(), Unserved()
    task = a_contract(QUANTITIES)
    claim(task, objects)
    with pytest.raises(ContractUnserved, match=r"^POST /metering/: HTTP 403: forbidden"):
        submit(task, objects, clazar)
    entry = the_entry(objects)
    assert not entry.in_doubt
    assert not entry.failure
    record_open(caught(task, ContractUnserved("POST /metering/: HTTP 403")), books_of(objects))
    (left,) = books_of(objects).open_contracts(Month.parse(MONTH), "x-1")
    assert (left.contract_id, left.error) == ("c-1", "ContractUnserved")
    assert left.message == "POST /metering/: HTTP 403"
    assert books_of(objects).open_contracts(Month.parse(MONTH), "x-2") == []


class SlowListing(Clazar):
    """Needs several invocations for a listing."""

    def __init__(self, http: InMemory, invocations: int) -> None:
        super().__init__(http)
        self.left, self.begun = invocations, [""]

    def read_listing(
        self, asked: Asked, contract: str, month: Month, seconds_left: Callable[[], float]
    ) -> Asked:
        self.begun.append(asked.begun)
        self.left -= 1
        if self.left > 0:
            return replace(asked, seen=asked.seen | {f"r-{self.left}"})
        return super().read_listing(asked, contract, month, seconds_left)


def test_a_listing_that_one_invocation_is_too_short_for_is_resumed_by_the_next() -> None:
    objects, clazar, clock, task = claimed()
    slow = SlowListing(clazar, 3)
    for rows in (1, 2):
        with pytest.raises(ListingUnfinished, match=f"^{rows} of Clazar's records for c-1 read"):
            submit(task, objects, slow, clock)
        clock.pass_time(60)
    submit(task, objects, slow, clock)
    assert counts(clazar) == {"cpu": 1, "mem": 1}
    assert len(set(slow.begun[1:4])) == 1, "what a look says is no younger than its beginning"
    assert the_entry(objects).asked is None


def test_what_was_seen_more_than_twelve_hours_ago_is_not_resumed() -> None:
    objects, clazar, clock, task = claimed()
    slow = SlowListing(clazar, 3)
    for wait in (0, 12 * 3_600 + 1):
        clock.pass_time(wait)
        with pytest.raises(ListingUnfinished, match=r"^1 of"):
            submit(task, objects, slow, clock)


def test_a_look_that_leaves_no_time_for_a_request_sends_nothing_and_is_kept() -> None:
    objects, clazar, clock, task = claimed()
    with pytest.raises(ListingUnfinished):
        submit(task, objects, clazar, clock, seconds_left=59.9)
    assert not clazar.requests
    submit(task, objects, clazar, clock, seconds_left=60.0)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_a_look_that_was_finished_is_not_taken_for_the_next_one() -> None:
    objects, clazar, clock, task = claimed("drop")
    for error, seconds in (
        (OutcomeUnknown, 90.0),
        (ListingUnfinished, 59.9),
        (OutcomeUnknown, 90.0),
    ):
        with pytest.raises(error):
            submit(task, objects, clazar, clock, seconds_left=seconds)
    clock.pass_time(SETTLE_SECONDS)
    submit(task, objects, clazar, clock)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


class Removing(InMemory):
    """Loses the ledger entry while a request is under way."""

    def __init__(self, objects: MemoryObjects) -> None:
        super().__init__()
        self.objects = objects

    def post(self, body: bytes) -> Response:
        del self.objects.objects["ledger/S/E/P/2025-07/c-1.json"]
        return super().post(body)


def test_the_evidence_is_kept_although_the_entry_was_removed_while_it_was_sent() -> None:
    objects, _, _, task = claimed()
    submit(task, objects, Removing(objects))
    assert the_entry(objects).accepted


BY_HAND = b'{"S:E:P": {"success_contracts": {"2025-07": ["c-1"]}}}'


def test_a_contract_that_an_operator_has_settled_meanwhile_is_not_sent() -> None:
    """The state file is read again at the last moment: by a redrive it may be days later."""
    objects, clazar, _, task = claimed()
    objects.objects["metering_state.json"] = BY_HAND
    submit(task, objects, clazar)
    assert not clazar.requests
    entry = the_entry(objects)
    assert entry.waived
    assert [line.state for line in entry.lines] == ["waived", "waived"]
    assert entry.decisions[-1].reason == "put into success_contracts of metering_state.json"
    submit(task, objects, clazar)
    assert the_entry(objects) == entry


def test_one_that_is_tried_again_although_it_is_listed_as_a_success_too_is_sent() -> None:
    objects, clazar, _, task = claimed(done=True)
    objects.objects["metering_state.json"] = BY_HAND
    submit(task, objects, clazar)
    assert counts(clazar) == {"cpu": 1, "mem": 1}


def test_usage_under_a_new_name_is_an_error_that_names_both_and_sends_nothing() -> None:
    objects, clazar, clock = MemoryObjects(), InMemory(["drop"]), a_clock()
    old = a_plan(dimensions={"cores": "cpu"})
    task = a_contract({"cores": "5"}, plan=old)
    claim(task, objects)
    with pytest.raises(OutcomeUnknown):
        submit(task, objects, clazar, clock)
    renamed = a_plan(dimensions={"cpu_hours": "cpu"})
    again = a_contract({"cpu_hours": "5"}, execution="x-2", plan=renamed)
    claimed = claim(again, objects)
    assert claimed.action == "record_error"
    record_error(replace(again, problem=claimed.problem), books_of(objects), "t")
    entry = the_entry(objects)
    assert entry.failure
    assert entry.failure.code == "CONFIGURATION_CHANGED"
    assert "cpu is billed as cores (5 sent); cpu_hours would bill it again" in entry.failure.message
    assert len(clazar.requests) == 1
    back = a_contract({"cores": "5"}, execution="x-3", plan=old, retry=True)
    clock.pass_time(SETTLE_SECONDS)
    claim(back, objects, format_instant(clock.now))
    submit(back, objects, clazar, clock)
    assert counts(clazar) == {"cores": 1}, "the earlier configuration settles it"
