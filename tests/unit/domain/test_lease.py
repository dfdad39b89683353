"""A lease knows what is being asked of the partner, and until when that may arrive."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain.lease import Lease, Request, request_over, without_request
from functions.domain.month import parse_instant

NOON = "2025-02-03T12:00:00Z"
AT_NOON = parse_instant(NOON)
FREE = Lease(execution="x-1", at=NOON)


def a_request(name: str = "r-1", at: str = NOON) -> Request:
    return Request(id=name, what="post 2025-01", at=at)


def after(seconds: float) -> datetime:
    return AT_NOON + timedelta(seconds=seconds)


def test_without_a_request_nothing_is_underway() -> None:
    assert request_over(FREE, AT_NOON, 900)


@pytest.mark.parametrize(
    ("seconds", "over"), [(-60, False), (0, False), (899.999, False), (900, True), (10**6, True)]
)
def test_a_request_may_be_underway_until_it_has_settled(seconds: float, over: bool) -> None:  # noqa: FBT001
    assert request_over(replace(FREE, request=a_request()), after(seconds), 900) is over


@given(st.floats(0, 10**5), st.floats(0, 10**5), st.floats(1, 1000))
def test_a_request_that_is_over_stays_over(first: float, later: float, settle: float) -> None:
    lease = replace(FREE, request=a_request())
    if request_over(lease, after(min(first, later)), settle):
        assert request_over(lease, after(max(first, later)), settle)


def test_the_moment_of_a_request_is_read_with_its_offset() -> None:
    lease = replace(FREE, request=a_request(at="2025-02-03T13:00:00.5+01:00"))
    assert not request_over(lease, after(10), 10)
    assert request_over(lease, after(10.5), 10)


def test_a_request_is_crossed_off_and_the_lease_stays_with_that_of_somebody_else() -> None:
    assert without_request(replace(FREE, request=a_request()), "r-1") == FREE
    assert without_request(FREE, "r-1") == FREE
    theirs = replace(FREE, request=a_request("r-2"))
    assert without_request(theirs, "r-1") == theirs


@pytest.mark.parametrize("lease", [FREE, replace(FREE, request=a_request())])
def test_a_lease_reads_back_as_it_was_written(lease: Lease) -> None:
    assert msgspec.json.decode(msgspec.json.encode(lease), type=Lease) == lease
