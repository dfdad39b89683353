"""One request at a time on a stream, over executions, their leftovers and lost answers."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from functions import errors
from functions.adapters import credits_bucket, leases
from functions.adapters.clock import Clock
from functions.adapters.cloudzero.api import CloudZero
from functions.adapters.documents import Document
from functions.adapters.streams import Stream
from functions.domain.credits.cbf import credit_rows, drop_body
from functions.domain.lease import Lease, Request
from functions.domain.month import Month, format_instant, parse_instant
from infra.local.partners.cloudzero.received import Post
from infra.local.partners.cloudzero.server import CloudZeroServer
from tests.memory import MemoryObjects, Raced

JANUARY = Month(2025, 1)
BODY = drop_body(JANUARY, credit_rows(JANUARY, [("054736553085", Decimal(1))]))
SETTLE = 120.0
KEY = "leases/c-1.json"
NOON = "2025-02-03T12:00:00Z"


class World:
    """A stream, its lease in a bucket, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None
        self.server = CloudZeroServer(on_post=self._on_post)
        self.objects = MemoryObjects()
        self.now, self.left = parse_instant(NOON), 110.0
        self.keep(Lease(execution="x-1", at=NOON))

    def stream(self, execution: str = "x-1", connection: str = "c-1", key: str = "k") -> Stream:
        clock = Clock(lambda: self.now, lambda: self.left)
        cloudzero = CloudZero(self.server.url, lambda _fresh: key)
        lease = credits_bucket.lease(self.objects, connection)
        return Stream(lease, cloudzero, connection, execution, clock, SETTLE)

    def _on_post(self, _post: Post) -> None:
        self.meanwhile()

    def post(self, execution: str = "x-1") -> None:
        self.stream(execution).post(JANUARY, BODY, lambda: True)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def keep(self, lease: Lease) -> None:
        self.objects.objects[KEY] = msgspec.json.encode(lease)

    def take_over(self, execution: str) -> str:
        return leases.acquire(
            self.lease, execution, format_instant(self.now), lambda _execution: False
        )

    @property
    def lease(self) -> Document[Lease]:
        return credits_bucket.lease(self.objects, "c-1")

    @property
    def held(self) -> Lease:
        version = self.lease.read()
        assert version
        return version.value

    @property
    def asked(self) -> int:
        return len(self.server.exchanges)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.server:
        yield world


Ask = Callable[[Stream], object]
ASKING: dict[str, Ask] = {
    "read 2025-01": lambda stream: stream.stored(JANUARY),
    "post 2025-01": lambda stream: stream.post(JANUARY, BODY, lambda: True),
}
SCRIPTS: dict[str, Callable[[CloudZeroServer], Callable[..., None]]] = {
    "read 2025-01": lambda server: server.contents_script,
    "post 2025-01": lambda server: server.script,
}
every_request = pytest.mark.parametrize("what", ASKING)


def a_request(at: str = NOON) -> Request:
    return Request(id="r-1", what="post 2025-01", at=at)


# In good health


@every_request
def test_after_an_answer_nothing_is_underway(world: World, what: str) -> None:
    ASKING[what](world.stream())
    assert world.held == Lease(execution="x-1", at=NOON)
    assert world.asked > 0


def test_a_request_stands_in_the_lease_before_it_leaves(world: World) -> None:
    found: list[Lease] = []
    world.meanwhile = lambda: found.append(world.held)
    world.post()
    (lease,) = found
    assert lease.execution == "x-1"
    assert lease.request
    assert lease.request.what == "post 2025-01"
    assert parse_instant(lease.request.at) == world.now


def test_many_requests_follow_each_other(world: World) -> None:
    stream = world.stream()
    assert stream.stored(JANUARY) == []
    assert stream.post(JANUARY, BODY, lambda: True).drop_id
    assert [row["cost/cost"] for row in stream.stored(JANUARY)] == ["-1.00"]
    assert world.server.overlaps == 0
    assert world.objects.unconditional == []


def test_every_stream_has_a_lease_of_its_own(world: World) -> None:
    world.keep(Lease(execution="x-1", at=NOON, request=a_request()))
    with pytest.raises(errors.StreamBusy, match=r"leases/c-2\.json is held by nobody"):
        world.stream(connection="c-2").stored(JANUARY)
    busy = leases.acquire(
        credits_bucket.lease(world.objects, "c-2"), "x-1", NOON, lambda _execution: False
    )
    assert busy == ""
    world.stream(connection="c-2").post(JANUARY, BODY, lambda: True)
    assert [post.connection_id for post in world.server.posts] == ["c-2"]


# What is over, and what is not


@every_request
@pytest.mark.parametrize(
    ("action", "error"),
    [
        *(("400", errors.PartnerRefused), ("413", errors.PartnerRefused)),
        *(("403", errors.CredentialsRefused), ("429", errors.PartnerBusy)),
    ],
)
def test_after_a_refusal_nothing_is_underway(
    world: World, what: str, action: str, error: type[Exception]
) -> None:
    SCRIPTS[what](world.server)(action, action)
    with pytest.raises(error):
        ASKING[what](world.stream())
    assert world.held == Lease(execution="x-1", at=NOON)
    assert world.server.stored == {}


@every_request
def test_without_a_connection_nothing_is_underway(world: World, what: str) -> None:
    world.server.stop()
    with pytest.raises(errors.PartnerUnreachable):
        ASKING[what](world.stream())
    assert world.held.request is None


@every_request
@pytest.mark.parametrize("action", ["500", "503", "408", "drop"])
def test_after_a_lost_answer_the_stream_is_busy_until_the_request_has_settled(
    world: World, what: str, action: str
) -> None:
    SCRIPTS[what](world.server)(action)
    with pytest.raises(errors.OutcomeUnknown):
        ASKING[what](world.stream())
    underway = world.held.request
    assert underway
    assert underway.what == what
    asked = world.asked
    for seconds in (0, 60, 59.9):
        world.pass_by(seconds)
        for ask in ASKING.values():
            with pytest.raises(errors.StreamBusy, match="may still be underway"):
                ask(world.stream())
    assert (world.asked, world.held.request) == (asked, underway)
    world.pass_by(0.1)
    ASKING[what](world.stream())
    assert world.held.request is None


def test_an_answer_that_does_not_come_in_time_leaves_the_request_underway(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.adapters.cloudzero.api._TIMEOUT", (5, 0.2))
    world.server.script("slow:20")
    with pytest.raises(errors.OutcomeUnknown):
        world.post()
    assert world.held.request


@pytest.mark.parametrize("failure", [RuntimeError("unforeseen"), SystemExit("killed")])
def test_a_failure_that_nobody_foresaw_or_a_kill_leaves_the_request_underway(
    world: World, failure: BaseException
) -> None:
    def fail() -> bool:
        raise failure

    with pytest.raises(type(failure)):
        world.stream().post(JANUARY, BODY, fail)
    assert world.held.request
    assert world.server.posts == []
    with pytest.raises(errors.StreamBusy):
        world.post()
    world.pass_by(SETTLE)
    world.post()
    assert len(world.server.posts) == 1


# Whose stream it is


@pytest.mark.parametrize(("holder", "named"), [("x-2", "x-2"), ("", "nobody")])
@every_request
def test_a_stream_that_was_taken_over_is_not_asked(
    world: World, what: str, holder: str, named: str
) -> None:
    world.keep(Lease(execution=holder, at=NOON))
    with pytest.raises(errors.StreamBusy, match=rf"leases/c-1\.json is held by {named}"):
        ASKING[what](world.stream())
    assert world.asked == 0
    assert world.held == Lease(execution=holder, at=NOON)


@pytest.mark.parametrize(
    ("objects", "error"), [({}, errors.StreamBusy), ({KEY: b"{ broken by hand"}, errors.BadState)]
)
def test_a_lease_that_is_not_there_or_cannot_be_read_stops_the_request_and_is_left_as_it_is(
    world: World, objects: dict[str, bytes], error: type[Exception]
) -> None:
    world.objects.objects = dict(objects)
    with pytest.raises(error, match="held by nobody" if error is errors.StreamBusy else KEY):
        world.post()
    assert (world.asked, world.objects.objects) == (0, objects)


def test_a_stream_that_is_taken_over_at_the_last_moment_is_not_asked(world: World) -> None:
    theirs = b'{"execution": "x-2", "at": "2025-02-03T12:00:01Z"}'
    world.objects = Raced(world.objects.objects, lambda raced: raced.objects.update({KEY: theirs}))
    with pytest.raises(errors.WriteConflict):
        world.post()
    assert (world.asked, world.held.execution) == (0, "x-2")


def test_a_request_whose_lease_was_lost_crosses_off_only_itself(world: World) -> None:
    theirs = Lease(execution="x-2", at=NOON, request=a_request())
    world.meanwhile = lambda: world.keep(theirs)
    world.post()
    assert world.held == theirs


@pytest.mark.parametrize("fault", [errors.StorageBusy, errors.WriteConflict])
@every_request
def test_a_request_that_was_answered_has_not_failed_although_it_cannot_be_crossed_off(
    world: World, what: str, fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise fault

    monkeypatch.setattr(Document, "change", fails)
    ASKING[what](world.stream())
    asked = world.asked
    with pytest.raises(errors.StreamBusy, match="may still be underway"):
        ASKING[what](world.stream())
    assert world.asked == asked
    monkeypatch.undo()
    world.pass_by(SETTLE)
    ASKING[what](world.stream())
    assert world.held.request is None


def test_a_request_that_went_on_with_the_lease_is_crossed_off_there(world: World) -> None:
    world.meanwhile = lambda: world.take_over("x-2")
    world.post()
    assert world.held == Lease(execution="x-2", at=NOON)


def test_a_request_whose_lease_was_removed_meanwhile_leaves_nobody_in_it(world: World) -> None:
    world.meanwhile = world.objects.objects.clear
    world.post()
    assert world.held == Lease(execution="", at=NOON)


def test_whoever_comes_next_waits_for_the_request_of_an_execution_that_is_gone(
    world: World,
) -> None:
    world.server.script("lost")
    with pytest.raises(errors.OutcomeUnknown):
        world.post("x-1")
    leases.release(world.lease, "x-1", format_instant(world.now))
    world.pass_by(60)
    assert world.take_over("x-2") == ""
    with pytest.raises(errors.StreamBusy, match="may still be underway"):
        world.stream("x-2").stored(JANUARY)
    world.pass_by(60)
    assert len(world.stream("x-2").stored(JANUARY)) == 1


def test_of_many_invocations_at_once_one_request_leaves(world: World) -> None:
    world.server.script("slow:0.5")
    together = threading.Barrier(8)

    def post(_number: int) -> str:
        together.wait(10)
        try:
            world.post()
        except (errors.StreamBusy, errors.WriteConflict) as error:
            return type(error).__name__
        return "posted"

    with ThreadPoolExecutor(8) as threads:
        outcomes = Counter(threads.map(post, range(8)))
    assert outcomes["posted"] == 1
    assert (len(world.server.posts), world.server.overlaps) == (1, 0)
    assert world.held.request is None


# Time


@every_request
def test_a_request_that_may_not_end_in_time_does_not_leave(world: World, what: str) -> None:
    world.left = CloudZero.seconds_for_a_request - 0.1
    with pytest.raises(errors.StreamBusy, match="not enough time left"):
        ASKING[what](world.stream())
    assert world.asked == 0
    assert world.held == Lease(execution="x-1", at=NOON)
    world.left = CloudZero.seconds_for_a_request
    ASKING[what](world.stream())


# Still wanted


def test_what_is_not_wanted_any_more_does_not_leave(world: World) -> None:
    with pytest.raises(errors.WriteConflict, match="2025-01 was taken on by another invocation"):
        world.stream().post(JANUARY, BODY, lambda: False)
    assert world.asked == 0
    assert world.held == Lease(execution="x-1", at=NOON)


def test_whether_it_is_still_wanted_is_asked_while_nobody_else_can_post(world: World) -> None:
    found: list[Lease] = []

    def still_wanted() -> bool:
        found.append(world.held)
        return True

    world.stream().post(JANUARY, BODY, still_wanted)
    (lease,) = found
    assert lease.request
