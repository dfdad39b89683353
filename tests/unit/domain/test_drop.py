"""Which source a month belongs to, and what may replace what is stored."""

from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.credits.cbf import credit_rows
from functions.domain.credits.contents import Contents, Totals, read_rows
from functions.domain.credits.drop import (
    Drop,
    Limits,
    MonthSnapshot,
    Source,
    is_named,
    is_stored,
    others_erased,
    outdated,
    reasons_to_hold,
)
from functions.domain.month import Month

JANUARY = Month(2025, 1)
HALF, NO_LIMIT = Decimal("0.5"), Decimal(10**40)
ONE, RANGE, OTHER_RANGE = (
    "credits-2025-01.csv",
    "credits-2024-12_2025-01.csv",
    "credits-2025-01_2025-02.csv",
)
SNAPSHOT, OTHER_SNAPSHOT = "snapshots/c-1/2025-01/run-1.json", "snapshots/c-1/2025-01/run-2.json"
NOON, BEFORE = "2025-02-03T12:00:00Z", "2025-02-03T11:59:59Z"

sources = st.builds(
    lambda key, at, version: Source(
        kind="snapshot" if key.startswith("snapshots/") else "upload",
        key=key,
        version=version,
        at=at,
    ),
    key=st.sampled_from([ONE, RANGE, OTHER_RANGE, SNAPSHOT, OTHER_SNAPSHOT]),
    # The last one is noon as well: the order is of moments, not of texts.
    at=st.sampled_from([BEFORE, NOON, "2025-02-03T12:00:01Z", "2025-02-03T13:00:00+01:00"]),
    version=st.sampled_from(["v-1", "v-2"]),
)


def an_upload(key: str = ONE, at: str = NOON, version: str = "v-1") -> Source:
    return Source(kind="upload", key=key, version=version, at=at)


def a_restore(at: str = NOON) -> Source:
    return Source(kind="snapshot", key=SNAPSHOT, version="e-1", at=at)


def a_drop(
    source: Source | None = None,
    digest: str = "d-1",
    state: Literal["posting", "posted", "verified"] = "verified",
    *,
    rows: int = 1,
) -> Drop:
    return Drop(
        month="2025-01",
        source=source or an_upload(),
        digest=digest,
        totals=Totals(row_count=rows, unique_accounts=rows, total_credit_usd=f"{rows}.00"),
        state=state,
        drop_id="drop-1",
        execution="x-1",
        attempt="a-1",
        at=NOON,
    )


def contents(*amounts: str) -> Contents:
    rows = [(f"{number:012d}", Decimal(amount)) for number, amount in enumerate(amounts)]
    return read_rows(credit_rows(JANUARY, rows))


def hold(
    wanted: Contents,
    stored: Contents,
    last: Drop | None = None,
    limit: Decimal = HALF,
    growth: Decimal = NO_LIMIT,
) -> str:
    return "; ".join(reasons_to_hold(wanted, stored, last, Limits(limit, growth)))


# The newest source wins


@given(sources, sources)
def test_of_the_sources_of_two_keys_exactly_one_is_newer(one: Source, other: Source) -> None:
    assert (one.rank == other.rank) <= (one.key == other.key)
    if one.key != other.key:
        assert outdated(one, a_drop(other)) != outdated(other, a_drop(one))


@given(st.lists(sources, min_size=1, unique_by=lambda source: source.key), st.data())
def test_in_whatever_order_files_come_the_newest_has_the_month(
    arriving: list[Source], data: st.DataObject
) -> None:
    last: Drop | None = None
    for source in data.draw(st.permutations(arriving)):
        if last is None or not outdated(source, last):
            last = a_drop(source)
    assert last
    assert last.source == max(arriving, key=lambda source: source.rank)


def test_an_older_upload_of_another_file_never_replaces_a_newer_one() -> None:
    assert outdated(an_upload(RANGE, BEFORE), a_drop(an_upload(ONE, NOON)))
    assert not outdated(an_upload(RANGE, NOON), a_drop(an_upload(ONE, BEFORE)))
    eleven = an_upload(RANGE, "2025-02-03T13:00:00+02:00")  # the moment counts, not its text
    assert outdated(eleven, a_drop(an_upload(ONE, BEFORE)))
    assert not outdated(an_upload(ONE, BEFORE), a_drop(eleven))


def test_what_a_key_holds_now_replaces_what_it_held_whatever_its_time() -> None:
    taken_back = an_upload(at=BEFORE, version="v-1")
    assert not outdated(taken_back, a_drop(an_upload(at=NOON, version="v-2")))


def test_an_upload_after_a_restore_counts_again() -> None:
    assert outdated(an_upload(at=BEFORE), a_drop(a_restore(NOON)))
    assert not outdated(an_upload(at=NOON), a_drop(a_restore(BEFORE)))


def test_within_a_second_an_upload_outranks_a_restore_and_one_month_a_back_fill() -> None:
    line = [an_upload(ONE), an_upload(OTHER_RANGE), an_upload(RANGE), a_restore()]
    assert sorted(line, key=lambda source: source.rank) == line[::-1]


# What has to be posted


def test_only_what_was_posted_last_and_is_there_is_not_posted_again() -> None:
    wanted, other = contents("1.00"), contents("1.01")
    for state in ("posted", "verified"):
        assert is_stored(a_drop(digest=wanted.digest, state=state), wanted, contents("1.00"))
    assert not is_stored(None, wanted, wanted)
    assert not is_stored(a_drop(digest=other.digest), wanted, wanted)
    for stored in (other, read_rows([])):
        assert not is_stored(a_drop(digest=wanted.digest), wanted, stored)
    perhaps = a_drop(digest=wanted.digest, state="posting")
    assert not is_stored(perhaps, wanted, wanted), "it may be there from long before"


def test_rows_of_nothing_that_are_missing_are_nothing_to_post_unless_they_are_new() -> None:
    wanted, kept = contents("1.00", "0.00"), contents("1.00")
    assert is_stored(a_drop(digest=wanted.digest, rows=2), wanted, kept)
    assert not is_stored(a_drop(digest=kept.digest, rows=1), wanted, kept)


# What a person has to say


@pytest.mark.parametrize(
    ("wanted", "stored", "held"),
    [
        (["1.00", "2.00", "3.00"], ["1.00", "2.00"], ""),
        (["2.00", "2.00"], ["1.00"] * 4, ""),
        (["4.00"], ["1.00"] * 4, "1 row would replace 4"),
        (["3.00", "3.00"], ["1.00"] * 5, "2 rows would replace 5"),
        (["1.00", "1.00"], ["1.00"] * 4, ""),
        (["1.00", "0.99"], ["1.00"] * 4, "1.99 USD of credits would replace 4.00 USD"),
        (["0.50", "0.51"], ["2.00", "0.01"], ""),
        (["0.50", "0.50"], ["2.00", "0.01"], "1.00 USD of credits would replace 2.01 USD"),
        (["0.00"], ["1.00"], "0.00 USD of credits would replace 1.00 USD"),
    ],
)
def test_half_of_rows_and_total_must_be_left(
    wanted: list[str], stored: list[str], held: str
) -> None:
    assert hold(contents(*wanted), contents(*stored)) == held


@given(st.integers(0, 40), st.integers(0, 40), st.decimals(0, 1, places=2))
def test_rows_are_held_back_exactly_below_the_limit(
    wanted: int, stored: int, limit: Decimal
) -> None:
    found = hold(contents(*["0.00"] * wanted), contents(*["0.00"] * stored), None, limit)
    assert bool(found) == (wanted < stored * limit)


@pytest.mark.parametrize(
    ("wanted", "stored", "held"),
    [
        (["1.00"] * 10, ["1.00"], ""),
        (["1.00"] * 11, ["1.00"], "11 rows would replace 1; 11.00 USD of credits would replace"),
        (["10.01"], ["1.00"], "10.01 USD of credits would replace 1.00 USD"),
        (["10.00"], ["1.00"], ""),
        (["9.00"] * 9, ["0.00"], ""),
        (["9.00"] * 99, [], ""),
    ],
)
def test_a_month_that_grows_beyond_ten_times_is_held_unless_it_was_empty(
    wanted: list[str], stored: list[str], held: str
) -> None:
    found = hold(contents(*wanted), contents(*stored), growth=Decimal(10))
    assert found.startswith(held)
    assert bool(found) == bool(held)


@pytest.mark.parametrize("stored", [[], ["-5.00"], ["5.00"]])
def test_credits_that_add_up_to_a_charge_are_held_also_in_an_empty_month(stored: list[str]) -> None:
    found = hold(contents("-7.00", "2.00"), contents(*stored))
    assert "the total credit of -5.00 USD is below zero and would be a charge" in found


def a_total(cents: int) -> Contents:
    return contents(str(Decimal(cents).scaleb(-2)))


cents = st.integers(-(10**6), 10**6)


@given(cents, cents.filter(bool), st.decimals(0, 1, places=2))
def test_totals_are_held_back_exactly_below_the_limit_whatever_their_sign(
    wanted: int, stored: int, limit: Decimal
) -> None:
    found = hold(a_total(wanted), a_total(stored), None, limit)
    assert ("would replace" in found) == (Decimal(wanted) / stored < limit)


@given(st.lists(cents, max_size=5))
def test_an_empty_month_has_nothing_to_be_erased(wanted: list[int]) -> None:
    amounts = [str(Decimal(abs(number)).scaleb(-2)) for number in wanted]
    assert hold(contents(*amounts), read_rows([])) == ""


def a_month_with_usage() -> Contents:
    rows = credit_rows(JANUARY, [("000000000000", Decimal("1.00"))])
    return read_rows([*rows, {"lineitem/type": "Usage", "cost/cost": "0.00"}])


def test_what_somebody_else_stored_in_the_month_is_not_erased_in_silence() -> None:
    stored, said = a_month_with_usage(), "1 stored row other than AWS credits would be erased"
    assert hold(contents("1.00"), stored) == said
    restored = a_drop(a_restore(), digest=stored.digest)
    assert said in hold(contents("1.00"), stored, restored), "a restore has put it back"
    for rows in (1, 2):
        upload = a_drop(digest=stored.digest, rows=rows)
        assert said in hold(contents("1.00"), stored, upload), "a row of 0.00 came beside ours"
    renamed = credit_rows(JANUARY, [("000000000000", Decimal("1.00"))])
    shown = read_rows([{**row, "resource/service": "AWS"} for row in renamed])
    upload = a_drop(digest=shown.digest)
    assert hold(contents("1.00"), shown, upload) == "", "its own, however its service is named"
    assert hold(read_rows([]), stored).count(";") == 2, "every reason is given at once"


def test_a_restore_erases_what_others_stored_only_if_it_is_known_to_be_there() -> None:
    stored, said = a_month_with_usage(), ["1 stored row other than AWS credits would be erased"]
    assert others_erased(stored, None, "snapshot") == said
    assert others_erased(stored, a_drop(), "snapshot") == said, "it came beside the upload"
    known = a_drop(a_restore(), digest=stored.digest, rows=2)
    assert others_erased(stored, known, "snapshot") == []
    renamed = read_rows([{"lineitem/type": "Usage", "cost/cost": "-1.00"}])
    known = a_drop(digest=renamed.digest, rows=1)
    assert others_erased(renamed, known, "snapshot") == [], "every row of the upload is shown so"


def test_what_was_posted_is_seen_beside_rows_of_others() -> None:
    ours = credit_rows(JANUARY, [("000000000000", Decimal("1.00"))])
    refund = {**ours[0], "lineitem/description": "SLA refund", "cost/cost": "-99.00"}
    last = a_drop(digest=contents("1.00").digest)
    said = hold(contents("1.00"), read_rows([*ours, refund]), last)
    assert "would be erased" in said
    assert "not to be seen now" not in said
    many = a_drop(digest=contents("1.00").digest, rows=1_000)
    assert "not to be seen now" not in hold(contents("1.00"), read_rows([*ours, refund]), many)
    snapshot = msgspec.structs.replace(a_snapshot(last, "1.00"), rows=[*ours, refund])
    assert snapshot.unseen is None


def test_what_was_posted_and_cannot_be_seen_is_guarded_like_what_is_stored() -> None:
    said = hold(contents("1.00"), contents(), a_drop(digest="unseen", rows=1_000))
    assert "1 row would replace 1,000, posted at" in said
    assert "not to be seen now" in said
    perhaps = a_drop(state="posting", rows=9)
    assert ", perhaps posted at" in hold(contents("1"), contents(), perhaps)


# In full


def test_reasons_of_what_is_stored_and_of_what_was_posted_are_reported_together() -> None:
    nine = credit_rows(JANUARY, [(f"{number:012d}", Decimal(9)) for number in range(4)])
    stored = read_rows([*nine, {"lineitem/type": "Usage", "cost/cost": "n/a"}])
    unseen = f", posted at {NOON} and not to be seen now"
    assert hold(contents("1.00"), stored, a_drop(digest="unseen", rows=8)) == (
        "1 row would replace 5; 1.00 USD of credits would replace 36.00 USD; "
        f"1 row would replace 8{unseen}; 1.00 USD of credits would replace 8.00 USD{unseen}; "
        "1 stored row other than AWS credits would be erased"
    )


# The way back


def a_snapshot(last: Drop | None, *amounts: str, **columns: Any) -> MonthSnapshot:
    rows = [(f"{n:012d}", Decimal(amount)) for n, amount in enumerate(amounts)]
    return MonthSnapshot(
        connection="c-1",
        month="2025-01",
        taken_at=NOON,
        execution="x-1",
        last_posted=last,
        rows=[{**row, **columns} for row in credit_rows(JANUARY, rows)],
    )


def test_a_snapshot_that_shows_what_was_posted_last_is_a_way_back() -> None:
    last = a_drop(digest=contents("1.00", "0.00").digest, rows=2)
    assert a_snapshot(None).unseen is None
    assert a_snapshot(last, "1.00", "0.00", note="x").unseen is None
    assert a_snapshot(last, "1.00").unseen is None, "rows of 0.00 are no money"


def test_a_snapshot_that_does_not_show_what_was_posted_last_names_it() -> None:
    last = a_drop(digest=contents("1.00").digest, state="posted")
    assert a_snapshot(last).unseen == last
    assert a_snapshot(last, "2.00").unseen == last


def test_a_drop_is_of_the_execution_and_the_source_that_posted_it() -> None:
    drop = a_drop()
    assert drop.is_of(drop.execution, drop.source)
    assert not drop.is_of("another", drop.source)
    assert not drop.is_of(drop.execution, a_restore())


def test_reasons_are_accepted_once_the_hold_has_named_their_kind() -> None:
    """Of a row that is at fault there is one, whatever it says."""
    held = ["9 rows would replace 10", "a row: x"]
    assert is_named(["a row: y"], held)
    assert is_named(held, held)
    assert not is_named(["8 rows would replace 10"], held)
    assert not is_named([*held, "more"], held)
