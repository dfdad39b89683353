"""Taking a lease and giving it back: one holder, and nobody's request is forgotten."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.adapters import leases
from functions.adapters.documents import Document
from functions.domain.lease import Lease, Request
from functions.errors import BadState, StorageBusy, WriteConflict
from tests.memory import MemoryObjects, Raced

KEY = "leases/c-1.json"
NOON, LATER = "2025-02-03T12:00:00Z", "2025-02-03T12:05:00Z"
REQUEST = Request(id="r-1", what="post 2025-01", at=NOON)


def a_lease(objects: MemoryObjects) -> Document[Lease]:
    return Document(objects, KEY, Lease)


def held(objects: MemoryObjects) -> Lease | None:
    version = a_lease(objects).read()
    return version.value if version else None


def take(
    objects: MemoryObjects, execution: str, *, at: str = NOON, alive: set[str] | None = None
) -> str:
    return leases.acquire(a_lease(objects), execution, at, (alive or set()).__contains__)


def a_bucket(lease: Lease) -> MemoryObjects:
    objects = MemoryObjects()
    a_lease(objects).write(lease, None)
    return objects


def test_a_free_lease_is_taken_and_given_back() -> None:
    objects = MemoryObjects()
    assert take(objects, "x-1") == ""
    assert held(objects) == Lease(execution="x-1", at=NOON)
    leases.release(a_lease(objects), "x-1", LATER)
    assert held(objects) == Lease(execution="", at=LATER)
    assert take(objects, "x-2") == ""
    assert objects.unconditional == []


def test_a_lease_is_taken_only_from_an_execution_that_has_ended() -> None:
    objects = a_bucket(Lease(execution="x-1", at=NOON))
    assert take(objects, "x-2", alive={"x-1"}) == f"{KEY} is held by x-1"
    assert held(objects) == Lease(execution="x-1", at=NOON)
    assert take(objects, "x-2", at=LATER, alive={"x-3"}) == ""
    assert held(objects) == Lease(execution="x-2", at=LATER)


def test_whether_the_holder_runs_must_be_known() -> None:
    def nobody_knows(_execution: str) -> bool:
        raise StorageBusy("throttled")

    objects = a_bucket(Lease(execution="x-1", at=NOON))
    with pytest.raises(StorageBusy):
        leases.acquire(a_lease(objects), "x-2", LATER, nobody_knows)
    assert held(objects) == Lease(execution="x-1", at=NOON)


def test_a_repeated_invocation_finds_its_own_lease_as_it_is() -> None:
    mine = Lease(execution="x-1", at=NOON, request=REQUEST)
    objects = a_bucket(mine)
    assert take(objects, "x-1", at=LATER, alive={"x-1"}) == ""
    assert held(objects) == mine


@pytest.mark.parametrize("holder", ["", "x-1"])
def test_a_request_outlives_its_execution(holder: str) -> None:
    objects = a_bucket(Lease(execution=holder, at=NOON, request=REQUEST))
    assert take(objects, "x-2", at=LATER) == ""
    assert held(objects) == Lease(execution="x-2", at=LATER, request=REQUEST)


@pytest.mark.parametrize("holder", ["", "x-2", None])
def test_a_lease_of_somebody_else_or_of_nobody_is_not_given_back(holder: str | None) -> None:
    theirs = None if holder is None else Lease(execution=holder, at=NOON)
    objects = a_bucket(theirs) if theirs else MemoryObjects()
    leases.release(a_lease(objects), "x-1", LATER)
    assert held(objects) == theirs


def overtaken(objects: dict[str, bytes]) -> Raced:
    """Return a lease that somebody else takes between reading and writing."""
    theirs = b'{"execution": "x-9", "at": "2025-02-03T12:00:01Z"}'
    return Raced(objects, lambda raced: raced.objects.update({KEY: theirs}), times=100)


@pytest.mark.parametrize("before", [None, b'{"execution": "", "at": "2025-02-03T11:00:00Z"}'])
def test_a_lease_that_somebody_else_takes_at_the_same_time_is_theirs(before: bytes | None) -> None:
    objects = overtaken({KEY: before} if before else {})
    assert take(objects, "x-1") == f"{KEY} was taken by another execution"
    assert held(objects) == Lease(execution="x-9", at="2025-02-03T12:00:01Z")


def test_a_lease_that_is_taken_over_while_it_is_given_back_stays_taken() -> None:
    objects = overtaken({KEY: b'{"execution": "x-1", "at": "2025-02-03T11:00:00Z"}'})
    with pytest.raises(WriteConflict):
        leases.release(a_lease(objects), "x-1", LATER)
    assert held(objects) == Lease(execution="x-9", at="2025-02-03T12:00:01Z")


def test_of_many_executions_at_once_one_gets_the_lease() -> None:
    names = [f"x-{number}" for number in range(16)]
    together = threading.Barrier(len(names))

    def compete(name: str) -> str:
        together.wait(10)
        return take(objects, name, alive=set(names))

    for _ in range(20):
        objects = MemoryObjects()
        with ThreadPoolExecutor(len(names)) as threads:
            outcomes = dict(zip(names, threads.map(compete, names), strict=True))
        (winner,) = [name for name, busy in outcomes.items() if not busy]
        assert held(objects) == Lease(execution=winner, at=NOON)


def test_a_lease_that_cannot_be_read_is_left_as_it_is() -> None:
    for body in (b"{", b"[]", b'{"execution": 5}', b"\xff"):
        objects = MemoryObjects({KEY: body})
        with pytest.raises(BadState, match="It was left as it is"):
            take(objects, "x-1")
        with pytest.raises(BadState):
            leases.release(a_lease(objects), "x-1", LATER)
        assert objects.objects == {KEY: body}
