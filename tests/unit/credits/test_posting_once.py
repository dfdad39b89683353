"""PostDrop: what happened to the last request decides whether there is another one."""

from decimal import Decimal
from typing import cast

import pytest

from functions.adapters import credits_bucket
from functions.adapters.clock import Clock
from functions.adapters.cloudzero.api import CloudZero
from functions.adapters.documents import Document
from functions.adapters.receivers import Accepted
from functions.adapters.streams import Stream
from functions.credits.acquire_stream import settle
from functions.credits.parse_credits import parse_credits
from functions.credits.payloads import DropTask, PostTask, Snapshot
from functions.credits.post_drop import post_drop
from functions.credits.snapshot_drop import snapshot_drop
from functions.domain.credits.contents import Totals
from functions.domain.credits.drop import Limits
from functions.domain.lease import Lease
from functions.domain.month import Month
from functions.errors import (
    OutcomeUnknown,
    PartnerBusy,
    PartnerRefused,
    StorageBusy,
    StreamBusy,
    WriteConflict,
)
from functions.payloads import Start
from infra.tasks import SETTLE_SECONDS as SETTLE
from tests.in_memory.cloudzero import Rows
from tests.in_memory.credits_world import CONNECTION
from tests.unit.credits.pipeline import Pipeline

NOTHING = Totals(row_count=0, unique_accounts=0, total_credit_usd="0.00")
KEY, AT = "credits-2025-01.csv", "2025-08-02T00:00:00Z"


class OneDrop:
    """A drop that is ready to be posted by the execution that holds the stream."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.pipeline.put(KEY, "000000000001,$5.00\n")
        start = Start({"key": KEY}, "e-1", "e-1", AT)
        run = settle(start, "bucket", CONNECTION)
        bucket = self.pipeline.credits_bucket
        self.held_by(run.execution)
        (drop,) = parse_credits(run, bucket, allow_reversals=False).drops
        self.task = PostTask(run=run, drop=drop, snapshot=Snapshot(held=NOTHING, differed=True))
        partner = cast("CloudZero", self.pipeline.cloudzero)
        clock = Clock(self.pipeline.now, lambda: 100.0)
        self.stream = Stream(
            credits_bucket.lease(bucket, CONNECTION),
            partner,
            CONNECTION,
            run.execution,
            clock,
            SETTLE,
        )

    def held_by(self, execution: str) -> None:
        document = credits_bucket.lease(self.pipeline.credits_bucket, CONNECTION)
        document.write(Lease(execution=execution, at=AT), document.read())

    def post(self) -> str | None:
        return post_drop(self.task, self.pipeline.credits_bucket, self.stream).drop_id

    def record(self) -> str | None:
        version = credits_bucket.last_drop(
            self.pipeline.credits_bucket, CONNECTION, self.task.of
        ).read()
        return version.value.state if version and version.value else None

    def posts(self) -> int:
        return len(self.pipeline.cloudzero.posts)


def test_a_repeated_invocation_gets_the_answer_of_the_first_one() -> None:
    drop = OneDrop()
    assert drop.post() == drop.post() == "drop-1"
    assert drop.posts() == 1


def test_a_drop_whose_answer_was_lost_is_found_and_not_posted_again() -> None:
    drop = OneDrop()
    drop.pipeline.cloudzero.faults.append("lost")
    with pytest.raises(OutcomeUnknown):
        drop.post()
    with pytest.raises(StreamBusy):
        drop.post()
    drop.pipeline.timeline.pass_time(SETTLE)
    assert drop.post() is None, "CloudZero was not asked for its id"
    assert drop.posts() == 1


@pytest.mark.parametrize("fault", ["dropped", "busy"])
def test_a_drop_that_did_not_arrive_is_posted_again(fault: str) -> None:
    drop = OneDrop()
    drop.pipeline.cloudzero.faults.append(fault)
    with pytest.raises((OutcomeUnknown, PartnerBusy)):
        drop.post()
    drop.pipeline.timeline.pass_time(SETTLE)
    assert drop.post() == "drop-1"


@pytest.mark.parametrize("refusal", ["refused", "busy"])
def test_a_refusal_answers_its_own_attempt_and_none_before_it(refusal: str) -> None:
    drop = OneDrop()
    drop.pipeline.cloudzero.faults += ["ingest+lost", refusal]
    for error in (OutcomeUnknown, (PartnerRefused, PartnerBusy)):
        with pytest.raises(error):
            drop.post()
        drop.pipeline.timeline.pass_time(SETTLE)
    assert drop.record() == "posting", "the first attempt may have been accepted, and was"


@pytest.mark.parametrize("refusal", ["refused", "busy"])
def test_a_refused_drop_puts_back_the_record_that_it_found(refusal: str) -> None:
    drop = OneDrop()
    drop.pipeline.cloudzero.faults.append(refusal)
    with pytest.raises((PartnerRefused, PartnerBusy)):
        drop.post()
    assert drop.record() is None


def test_a_drop_that_was_taken_is_recorded_as_taken_although_its_request_cannot_be_crossed_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop = OneDrop()

    def busy(*_args: object) -> None:
        raise StorageBusy

    monkeypatch.setattr(Document, "change", busy)
    assert (drop.post(), drop.record()) == ("drop-1", "posted")


def test_rows_that_were_there_before_do_not_verify_a_drop_that_may_have_been_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline()
    for amount, fault in (("100", ""), ("90", "ingest")):
        pipeline.put(KEY, f"000000000001,${amount}.00\n")
        pipeline.cloudzero.faults.append(fault)
        pipeline.execute(key=KEY)
    said = Accepted(None, 'HTTP 200 {"error": "internal"}', certain=False)
    monkeypatch.setattr(pipeline.cloudzero, "post", lambda *_: said)
    pipeline.put(KEY, "000000000001,$100.00\n")
    finished = pipeline.execute(key=KEY)
    assert finished.error == "OutcomeUnknown"
    assert 'CloudZero may have refused the drop: HTTP 200 {"error": "internal"}' in finished.cause
    assert finished.result["months"][0]["posted"] is None
    monkeypatch.undo()
    again = pipeline.execute(key=KEY)
    assert (again.succeeded, again.result["months"][0]["posted"]) == (True, True)


def test_while_a_drop_may_be_on_its_way_nobody_claims_to_know_what_the_month_holds() -> None:
    drop = OneDrop()
    limits = Limits(Decimal(0), Decimal(1_000))

    def held() -> Totals | None:
        task = DropTask(run=drop.task.run, drop=drop.task.drop)
        return snapshot_drop(task, drop.pipeline.credits_bucket, drop.stream, limits).held

    assert held() == NOTHING
    drop.pipeline.cloudzero.faults.append("lost")
    with pytest.raises(OutcomeUnknown):
        drop.post()
    drop.pipeline.timeline.pass_time(SETTLE)
    assert held() is None


def test_an_execution_that_was_taken_over_from_posts_nothing() -> None:
    drop = OneDrop()
    drop.held_by("e-2")
    with pytest.raises(StreamBusy, match="e-2"):
        drop.post()
    assert drop.posts() == 0


def test_an_invocation_that_comes_too_late_after_another_posted_something_else_posts_nothing() -> (
    None
):
    drop = OneDrop()

    def something_else() -> None:
        key = f"drops/{CONNECTION}/2025-01.json"
        body = drop.pipeline.credits_bucket.objects[key]
        drop.pipeline.credits_bucket.objects[key] = body.replace(b'"v1"', b'"v2"')

    # Right after its intent is on disk this invocation hangs, and another version gets its turn.
    seen = drop.pipeline.points.seen
    drop.pipeline.at_point[len(seen) + _points_until_the_intent() + 1] = something_else
    with pytest.raises(WriteConflict):
        drop.post()
    assert drop.posts() == 0
    assert Month(2025, 1) not in drop.pipeline.cloudzero.months
    lease = credits_bucket.lease(drop.pipeline.credits_bucket, CONNECTION).read()
    assert lease
    assert lease.value.request is None, "nothing has left, so nobody has to wait"


def test_a_drop_that_is_never_shown_is_reported_with_the_words_it_was_accepted_with() -> None:
    pipeline = Pipeline()
    pipeline.put(KEY, "000000000001,$5.00\n")
    pipeline.cloudzero.faults.append("ingest")
    finished = pipeline.execute(key=KEY)
    assert finished.error == "DropDiffers"
    assert "its answer to the drop: HTTP 200 ['ingest']" in finished.cause
    assert "its answer to the drop: HTTP 200 ['ingest']" in finished.mail


def _points_until_the_intent() -> int:
    drop = OneDrop()
    before = len(drop.pipeline.points.seen)
    drop.post()
    labels = [point.label for point in drop.pipeline.points.seen[before:]]
    return labels.index(f"create drops/{CONNECTION}/2025-01.json") + 1


def test_a_month_that_does_not_show_what_was_stored_has_no_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline()
    pipeline.put(KEY, "000000000001,$100.00\n")
    pipeline.execute(key=KEY)
    costs = iter(["-100.00"])

    def view(rows: Rows) -> Rows:
        cost = next(costs, "-5.00")
        return [{**row, "cost/cost": cost} for row in rows]

    monkeypatch.setattr(pipeline.cloudzero, "view", view)
    finished = pipeline.execute(key=KEY)
    assert finished.error == "DropDiffers"
    assert finished.result["months"][0]["total_credit_usd"] is None
    assert "not posted; what CloudZero holds is not known" in finished.cause
