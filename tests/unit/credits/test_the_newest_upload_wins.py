"""Whatever the order of events, aborts and lost answers: the newest upload is what ends stored."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.domain.credits.contents import read_rows
from functions.domain.month import Month
from functions.payloads import Finished
from tests.in_memory.cloudzero import Rows
from tests.unit.credits.pipeline import VIEWS, Pipeline, plainly

JANUARY, FEBRUARY, BOTH = (
    "credits-2025-01.csv",
    "credits-2025-02.csv",
    "credits-2025-01_2025-02.csv",
)
ACCOUNT = "000000000001"
# Each file has an account of its own: rows that equal another month's are held.
ACCOUNTS = {JANUARY: ACCOUNT, FEBRUARY: "000000000002", BOTH: "000000000003"}


def amount_of(number: int) -> int:
    """The same amounts come back, as when a file is put back to what it was."""
    return 1 + number % 3


def text_of(key: str, number: int) -> str:
    """One account whose amount tells the upload, and one without a credit."""
    columns = 2 if key == BOTH else 1
    amounts = f",${amount_of(number)}.00" * columns
    return f"{ACCOUNTS[key]}{amounts}\n000000000009{',$0.00' * columns}\n"


def dropped(pipeline: Pipeline, amount: str, **given: Any) -> Finished:
    """Upload a file of one credit for January, and run its execution."""
    pipeline.put(JANUARY, f"{ACCOUNT},${amount}\n")
    return pipeline.execute(key=JANUARY, **given)


def stored(pipeline: Pipeline, month: str) -> Decimal | None:
    pipeline.timeline.pass_time(4 * 3_600)
    rows = pipeline.cloudzero.seen(Month.parse(month))
    return None if rows is None else read_rows(rows).credit


FAULTS = (
    *("lost", "late", "dropped", "busy", "refused", "ingest"),
    *("ingest+lost", "processing", "processing+lost"),
)
keys = st.sampled_from([JANUARY, FEBRUARY, BOTH])
step = st.one_of(
    st.tuples(st.just("upload"), keys),
    st.tuples(st.just("event"), keys),
    st.tuples(st.just("undo"), st.integers(0, 3)),
    st.tuples(st.just("abort"), st.integers(1, 60)),
    st.tuples(st.just("upload in between"), st.integers(1, 60)),
    st.tuples(st.just("fault"), st.sampled_from([*FAULTS, *(f"{name}+abort" for name in FAULTS)])),
)


class Play:
    """A story of uploads, events, undone uploads and faults."""

    def __init__(self, view: Callable[[Rows], Rows]) -> None:
        self.pipeline, self.uploads = Pipeline(), list[tuple[str, int]]()
        self.pipeline.cloudzero.view = view
        self.undo: list[str] = []
        # What was put back, with the rank of its source.
        self.restored: list[tuple[tuple[Any, ...], str, Decimal]] = []

    def upload(self, key: str) -> None:
        self.uploads.append((key, len(self.uploads) + 1))
        self.pipeline.put(key, text_of(key, len(self.uploads)))

    def execute(self, key: str) -> None:
        finished = self.pipeline.attempt(key=key)
        for month in finished.result["months"] if finished else ():
            self.undo += [month["undo"]["restore"]] if month["undo"] else []

    def restore(self, key: str) -> None:
        """Repeat it until it is done, undisturbed after the first time."""
        for _ in range(4):
            started = self.pipeline.now().replace(microsecond=0)
            finished = self.pipeline.attempt(bucket=None, restore=key)
            if finished and (finished.succeeded or finished.error == "DropHeld"):
                break
            self.pipeline.at_point.clear()
            self.pipeline.cloudzero.faults.clear()
            self.pipeline.timeline.pass_time(4 * 3_600)
        assert finished, "aborted without a reason"
        if finished.error == "DropHeld":  # what was posted last is not shown yet
            return
        assert finished.succeeded, finished.cause
        (month,) = finished.result["months"]
        if month["status"] == "superseded":  # by an upload of the same second
            return
        rows = msgspec.json.decode(self.pipeline.credits_bucket.objects[key])["rows"]
        rank = (started, False, False, 0)
        self.restored.append((rank, month["billing_month"], read_rows(rows).credit))

    def step(self, what: str, value: str | int) -> None:
        match what, value:
            case "upload", str():
                self.upload(value)
            case "event", str() if value in dict(self.uploads):
                self.execute(value)
            case "undo", int() if value < len(self.undo):
                self.restore(self.undo[-1 - value])
            case "abort", int():
                self.pipeline.soon(value, self.pipeline.abort)
            case "upload in between", int():
                self.pipeline.soon(value, lambda: self.upload(JANUARY))
            case "fault", str():
                self.pipeline.cloudzero.faults.append(value)

    def until_quiet(self) -> None:
        """Run every file once more, undisturbed."""
        self.pipeline.at_point.clear()
        self.pipeline.cloudzero.faults.clear()
        for key in dict(self.uploads):
            finished = self.pipeline.execute(key=key)
            assert finished.succeeded, finished.cause

    def newest(self, month: str, *keys: str) -> Decimal | None:
        """What counts for a month; in one second, as `Source.rank` says."""
        found = [
            ((self.pipeline.credits_bucket.uploads[key].at, True, "_" not in key, number), number)
            for key, number in dict(self.uploads).items()
            if key in keys
        ]
        ranked = [(rank, Decimal(amount_of(number))) for rank, number in found]
        ranked += [(rank, credit) for rank, name, credit in self.restored if name == month]
        return max(ranked)[1] if ranked else None


@settings(max_examples=600, deadline=None)
@given(st.lists(step, max_size=16), st.sampled_from(VIEWS))
@example([("upload", JANUARY), ("upload", BOTH), ("event", BOTH), ("event", JANUARY)], plainly)
@example([("upload", BOTH), ("upload", JANUARY), ("event", JANUARY), ("event", BOTH)], plainly)
@example(  # what is to be put back is held
    [
        *[("upload", JANUARY), ("abort", 22), ("fault", "ingest"), ("event", JANUARY)],
        *[("event", JANUARY), ("event", JANUARY), ("undo", 0)],
    ],
    plainly,
)
@example(  # what was there before is still seen, and the drop that puts it back is not taken
    [
        *[("upload", JANUARY), ("event", JANUARY), ("upload", JANUARY), ("fault", "ingest+abort")],
        *[("event", JANUARY), ("upload", FEBRUARY), ("upload", JANUARY), ("fault", "busy+abort")],
        *[("event", JANUARY)],
    ],
    plainly,
)
@example(  # the same, and it is not known whether it was taken
    [
        *[("upload", JANUARY), ("event", JANUARY), ("upload", JANUARY), ("fault", "ingest+abort")],
        *[("event", JANUARY), ("upload", FEBRUARY), ("upload", JANUARY), ("fault", "dropped")],
        *[("event", JANUARY)],
    ],
    plainly,
)
@example(  # the newest one has nothing to post, because an older one posted the same
    [
        *[("upload", BOTH), ("event", BOTH), ("upload", JANUARY)],
        *[("upload", FEBRUARY), ("upload", BOTH), ("event", BOTH)],
    ],
    plainly,
)
@example(
    [
        *[("fault", "late+abort"), ("upload", JANUARY), ("event", JANUARY)],
        *[("upload", JANUARY), ("event", JANUARY)],
    ],
    plainly,
)
@example(  # accepted, the answer lost, shown later; the second try refused; then an older file
    [
        *[("upload", BOTH), ("event", BOTH), ("upload", JANUARY), ("fault", "ingest+lost")],
        *[("fault", "refused"), ("event", JANUARY), ("event", BOTH)],
    ],
    plainly,
)
def test_after_all_events_every_month_holds_the_newest_upload(
    steps: list[tuple[str, str | int]], view: Callable[[Rows], Rows]
) -> None:
    play = Play(view)
    for what, value in steps:
        play.step(what, value)
    play.until_quiet()
    assert stored(play.pipeline, "2025-01") == play.newest("2025-01", JANUARY, BOTH)
    assert stored(play.pipeline, "2025-02") == play.newest("2025-02", FEBRUARY, BOTH)


def test_two_versions_in_quick_succession_end_with_the_newer_one() -> None:
    pipeline = Pipeline()
    for number in (1, 2):
        pipeline.put(JANUARY, text_of(JANUARY, number))
    for _ in ("v1", "v2"):  # the events name no version that is looked at: no order can matter
        pipeline.execute(key=JANUARY)
    assert stored(pipeline, "2025-01") == amount_of(2)
    assert len(pipeline.cloudzero.posts) == 1


def test_a_version_that_comes_while_the_older_one_is_posted_is_left_to_its_own_execution() -> None:
    for point in range(1, 42):  # up to the last look at what was uploaded
        pipeline = Pipeline()
        pipeline.put(JANUARY, text_of(JANUARY, 1))
        pipeline.at_point[point] = lambda: pipeline.put(JANUARY, text_of(JANUARY, 2))  # noqa: B023
        finished = pipeline.execute(key=JANUARY)
        came = not pipeline.at_point
        assert finished.succeeded
        posted = stored(pipeline, "2025-01")
        reported = "was uploaded again meanwhile" in finished.result["message"]
        assert reported == (came and posted == amount_of(1)), point
        assert finished.result["months"][0]["total_credit_usd"] == f"{posted:.2f}"
        pipeline.execute(key=JANUARY)
        assert stored(pipeline, "2025-01") == amount_of(2 if came else 1), point


def test_a_version_that_was_deleted_meanwhile_names_the_input_that_posts_the_one_before() -> None:
    pipeline = Pipeline()
    dropped(pipeline, "1.00")
    before = pipeline.credits_bucket.uploads[JANUARY]
    pipeline.put(JANUARY, f"{ACCOUNT},$2.00\n")
    pipeline.soon(20, lambda: pipeline.credits_bucket.uploads.update({JANUARY: before}))
    message = pipeline.execute(key=JANUARY).result["message"]
    assert "own execution posts it" not in message, "a deletion starts none"
    assert f"{JANUARY} is another version now" in message
    assert message.endswith(f'start an execution with {{"key": "{JANUARY}"}}')
    assert pipeline.execute(key=JANUARY).succeeded
    assert stored(pipeline, "2025-01") == 1


def test_an_accepted_shrink_is_not_accepted_for_a_version_that_nobody_has_seen() -> None:
    pipeline = Pipeline(limit="0.5")
    dropped(pipeline, "1000.00")
    pipeline.put(JANUARY, f"{ACCOUNT},$100.00\n")
    pipeline.soon(13, lambda: pipeline.put(JANUARY, f"{ACCOUNT},$1.00\n"))
    accepted = pipeline.execute(key=JANUARY, accept_shrink=True)
    assert accepted.succeeded
    assert pipeline.execute(key=JANUARY).error == "DropHeld"
    assert stored(pipeline, "2025-01") == 100


def test_what_comes_after_a_hold_that_did_not_name_it_is_not_accepted_with_it() -> None:
    pipeline = Pipeline(limit="0.5")
    dropped(pipeline, "1000.00")
    assert dropped(pipeline, "1.00").error == "DropHeld"
    others = {"lineitem/type": "Usage", "cost/cost": "0.00", "resource/account": ACCOUNT}
    pipeline.cloudzero.view = lambda rows: (
        [*rows, others] if rows[0]["cost/cost"] == "-1000.00" else rows
    )
    for erased in (False, True):
        accepted = pipeline.execute(key=JANUARY, accept_shrink=True)
        assert accepted.succeeded is erased, "the second hold has named them"
        assert "1 stored row other than AWS credits would be erased" in str(accepted.result)
        assert stored(pipeline, "2025-01") == (1 if erased else 1000)


def test_an_upload_that_came_after_the_shrink_was_accepted_is_held() -> None:
    pipeline = Pipeline(limit="0.5")
    dropped(pipeline, "1000.00")
    pipeline.put(JANUARY, f"{ACCOUNT},$100.00\n")
    accepted_at = pipeline.now()
    pipeline.timeline.pass_time(3_600)
    pipeline.put(JANUARY, f"{ACCOUNT},$0.01\n")  # while the execution waits for the stream
    finished = pipeline.execute(started=accepted_at, key=JANUARY, accept_shrink=True)
    assert finished.error == "DropHeld"


def test_a_restore_that_was_started_before_a_newer_upload_leaves_it_alone() -> None:
    pipeline = Pipeline()
    dropped(pipeline, "1.00")
    (snapshot,) = (key for key in pipeline.credits_bucket.objects if key.startswith("snapshots/"))
    started = pipeline.now()
    pipeline.timeline.pass_time(60)
    dropped(pipeline, "2.00")
    finished = pipeline.execute(started=started, bucket=None, restore=snapshot)
    assert finished.succeeded
    assert finished.result["months"][0]["status"] == "superseded"
    assert stored(pipeline, "2025-01") == 2


def test_a_correction_that_an_undo_of_the_upload_before_it_has_overtaken_is_mailed() -> None:
    pipeline = Pipeline()
    dropped(pipeline, "1.00")
    (wrong,) = dropped(pipeline, "3.00").result["months"]
    pipeline.timeline.pass_time(60)
    pipeline.put(JANUARY, f"{ACCOUNT},$2.00\n")  # its execution waits while the undo is started
    pipeline.timeline.pass_time(60)
    assert pipeline.execute(bucket=None, **wrong["undo"]).succeeded
    correction = pipeline.execute(key=JANUARY)
    assert (correction.succeeded, correction.notify) == (True, True)
    (said,) = correction.result["warnings"]
    assert said == (
        f"2025-01: an undo was started after this upload and counts; if the upload is to count, "
        f"upload {JANUARY} (version v3) again"
    )
    assert stored(pipeline, "2025-01") == 1


def test_a_file_that_was_refused_does_not_keep_an_older_one_away() -> None:
    pipeline = Pipeline()
    pipeline.put(BOTH, f"{ACCOUNT},$1.00,$1.00\n")
    pipeline.timeline.pass_time(60)
    pipeline.put(JANUARY, f"{ACCOUNT},$2.00\n")
    pipeline.cloudzero.faults.append("refused")
    pipeline.execute(key=JANUARY)
    pipeline.execute(key=BOTH)
    assert stored(pipeline, "2025-01") == 1


def test_every_snapshot_that_is_named_is_there_and_holds_what_was_replaced() -> None:
    pipeline = Pipeline()
    for amount in (1, 2):
        pipeline.put(JANUARY, f"{ACCOUNT},${amount}.00\n")
        pipeline.timeline.pass_time(2)
    pipeline.execute(key=JANUARY)
    pipeline.put(JANUARY, f"{ACCOUNT},$3.00\n")
    # The same name again, as Step Functions allows after 90 days.
    pipeline.names = iter(["same", "same"])
    for amount in (4, 5):
        pipeline.put(JANUARY, f"{ACCOUNT},${amount}.00\n")
        before = pipeline.cloudzero.seen(Month(2025, 1))
        finished = pipeline.execute(key=JANUARY)
        snapshot = finished.result["months"][0]["snapshot"]
        assert msgspec.json.decode(pipeline.credits_bucket.objects[snapshot])["rows"] == before


def test_a_snapshot_that_does_not_show_what_was_posted_last_is_restored_only_if_accepted() -> None:
    pipeline = Pipeline()
    pipeline.put(JANUARY, f"{ACCOUNT},$1.00\n")
    pipeline.cloudzero.faults.append("ingest")
    first = pipeline.execute(key=JANUARY)
    assert first.error == "DropDiffers"
    (month,) = dropped(pipeline, "2.00").result["months"]
    assert (month["status"], month["undo"]) == ("verified", None)
    way_back = f'start an execution with {{"restore": "{month["snapshot"]}"'
    assert way_back in month["warnings"][0]
    assert f"only what was posted is to be there upload {JANUARY} (version v1)" in str(month)
    held = pipeline.execute(bucket=None, restore=month["snapshot"])
    assert held.error == "DropHeld"
    assert f"upload {JANUARY} (version v1) again" in held.cause
    assert stored(pipeline, "2025-01") == 2
    accepted = pipeline.execute(bucket=None, restore=month["snapshot"], accept_shrink=True)
    assert accepted.succeeded
    assert stored(pipeline, "2025-01") == 0


def test_what_cannot_be_put_back_is_replaced_only_if_accepted_and_no_undo_is_offered() -> None:
    pipeline = Pipeline()
    dropped(pipeline, "1.00")
    pipeline.cloudzero.view = lambda rows: [
        {**row, "cost/cost": "n/a"} if row["cost/cost"] == "-1.00" else row for row in rows
    ]
    held = dropped(pipeline, "2.00")
    lost = "what is stored could not be put back: stored row 1: cost/cost 'n/a' is not a number"
    assert (held.error, lost in held.cause) == ("DropHeld", True)
    accepted = pipeline.execute(key=JANUARY, accept_shrink=True)
    (month,) = accepted.result["months"]
    assert (month["status"], month["undo"]) == ("verified", None)
    assert month["warnings"] == [f"2025-01: this drop cannot be undone: {lost}"]


def test_what_somebody_else_has_made_of_a_verified_month_is_what_it_holds() -> None:
    pipeline = Pipeline(growth="10")
    dropped(pipeline, "1.00")
    pipeline.cloudzero.view = lambda rows: [{**row, "cost/cost": "-5.00"} for row in rows]
    held = dropped(pipeline, "90.00")
    (month,) = held.result["months"]
    assert (held.error, month["total_credit_usd"]) == ("DropHeld", "5.00")
