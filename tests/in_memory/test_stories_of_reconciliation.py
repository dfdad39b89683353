"""A closed month is compared with what Clazar lists: every difference is found, nothing is sent."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from functions.adapters import keys, usage_account
from functions.adapters.clazar.api import Clazar
from functions.domain.ledger.listing_pages import Asked
from functions.domain.month import Month
from functions.errors import StorageBusy
from tests.in_memory.clazar import Record
from tests.in_memory.metering_world import WARNS, MeteringWorld, Usage

JULY = Month(2025, 7)


@pytest.fixture
def billed() -> Iterator[MeteringWorld]:
    """A world in which July was billed."""
    with MeteringWorld(WARNS) as world:
        usage: Usage = {"c-1": {"cpu": 6, "mem": 3}, "c-2": {"cpu": 9}, "c-3": {"cpu": 0.25}}
        world.put_usage("2025-07", "01/00", usage)
        assert world.execute().status == "SUCCEEDED"
        yield world


def reconciled(world: MeteringWorld, **given: Any) -> dict[str, Any]:
    sent, ledger = len(world.clazar.requests), written(world)
    run = world.execute(**(given or {"reconcile": "2025-07"}))
    assert run.status == "SUCCEEDED", run.cause
    assert (len(world.clazar.requests), written(world)) == (sent, ledger)
    (month,) = run.output["months"]
    assert month["reconciled"] in run.output["message"]
    found: dict[str, Any] = json.loads(world.state_bucket.objects[month["report"]])
    return found


def written(world: MeteringWorld) -> dict[str, bytes]:
    prefix = keys.ledger_month(world.plan, JULY)
    return {key: body for key, body in world.state_bucket.objects.items() if prefix in key}


# What is different, in the records of Clazar.
DIFFERENT: dict[str, Callable[[list[Record]], object]] = {
    "a quantity changes": lambda held: held[0].update(quantity="5"),
    "a record is missing": lambda held: held.pop(0),
    "a record is extra": lambda held: held.append({**held[0], "id": "r-9", "dimension": "gpu"}),
    "a record is double": lambda held: held.append({**held[0], "id": "r-9"}),
    "a record is not understood": lambda held: held[0].update(quantity="many"),
}


@pytest.mark.parametrize(
    ("what", "dimension", "ledger", "listed", "text"),
    [
        ("a quantity changes", "cpu", "6", "5", "Clazar bills 5, the ledger 6"),
        ("a record is missing", "cpu", "6", "missing", "Clazar lists no record"),
        ("a record is extra", "gpu", "missing", "6", "Clazar lists 1 record, expected 0"),
        ("a record is double", "cpu", "6", "12", "Clazar lists 2 records, expected 1"),
        ("a record is not understood", "cpu", "6", "not understood", "not understood"),
    ],
)
def test_a_difference_is_in_the_report_the_mail_and_the_metric(
    billed: MeteringWorld, *, what: str, dimension: str, ledger: str, listed: str, text: str
) -> None:
    DIFFERENT[what](billed.clazar.accepted)
    report = reconciled(billed)
    (row,) = report["differences"]
    assert (row["contract"], row["dimension"]) == ("c-1", dimension)
    assert (row["ledger"], row["listed"]) == (ledger, listed)
    assert text in "; ".join(row["differs"])
    assert (report["contracts"], report["equal"], report["not_compared"]) == (3, 2, {})
    assert text in billed.messages[-1].text
    assert differing(billed) == [1]


def differing(world: MeteringWorld) -> list[float]:
    return [point.value for point in world.measured if point.name == "ReconciliationDiffers"]


def test_a_calm_month_is_equal_and_mails_nothing(billed: MeteringWorld) -> None:
    mails = len(billed.messages)
    report = reconciled(billed)
    assert (report["contracts"], report["equal"]) == (3, 3)
    assert (report["differences"], report["not_compared"]) == ([], {})
    assert (len(billed.messages), differing(billed)) == (mails, [0])


def test_the_schedule_compares_the_month_before_its_own(billed: MeteringWorld) -> None:
    billed.pass_days(1)
    assert reconciled(billed, reconcile="last")["month"] == "2025-07"


def test_a_contract_that_clazar_does_not_answer_for_is_not_compared(billed: MeteringWorld) -> None:
    real = billed.clazar.get

    def get(query: dict[str, str]) -> Any:
        if query["contract_id"] == "c-2":
            billed.clazar.listing_busy = 1
        return real(query)

    billed.clazar.get = get  # type: ignore[method-assign,assignment]
    report = reconciled(billed)
    assert (report["equal"], report["differences"]) == (2, [])
    assert report["not_compared"].keys() == {"c-2"}
    assert "429" in report["not_compared"]["c-2"]
    assert "c-2" in billed.messages[-1].text
    assert differing(billed) == [0]


def test_without_a_listing_nothing_is_compared_and_nothing_is_equal(billed: MeteringWorld) -> None:
    billed.clazar.lists = False
    report = reconciled(billed)
    assert (report["equal"], len(report["not_compared"])) == (0, 3)


def test_what_was_settled_by_hand_or_lost_its_entry_is_not_compared(billed: MeteringWorld) -> None:
    del billed.state_bucket.objects[keys.ledger_entry(billed.plan, JULY, "c-2")]
    report = reconciled(billed)
    assert "without a ledger entry" in report["not_compared"]["c-2"]
    assert (report["contracts"], report["equal"]) == (3, 2)


def test_what_is_in_doubt_in_the_ledger_is_not_compared(billed: MeteringWorld) -> None:
    key = keys.ledger_entry(billed.plan, JULY, "c-2")
    entry = json.loads(billed.state_bucket.objects[key])
    entry["lines"][0]["state"] = "sent"
    billed.state_bucket.edit(key, json.dumps(entry).encode())
    assert reconciled(billed)["not_compared"] == {"c-2": "open in the ledger: cpu is sent"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"reconcile": "2025-08"}, "2025-08 is not closed"),
        ({"reconcile": "2025-07", "months": ["2025-07"]}, "cannot be combined"),
        ({"reconcile": "July"}, "reconcile: "),
        ({"reconcile": "2025-07", "dry_run": True}, "dry run"),
    ],
)
def test_what_cannot_be_reconciled_is_refused(
    billed: MeteringWorld, given: dict[str, Any], text: str
) -> None:
    run = billed.execute(**given)
    assert run.error == "BadInput"
    assert text in str(run.cause)


def test_a_plan_that_has_never_closed_a_month_has_nothing_to_reconcile() -> None:
    with MeteringWorld({**WARNS, "start_month": "2025-09"}) as world:
        assert "no month has been closed yet" in world.execute(reconcile="last").output["message"]


def test_what_fails_in_any_way_is_not_compared_and_never_equal(
    billed: MeteringWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Clazar):
        def read_listing(self, *_: Any) -> Asked:
            raise StorageBusy("the clazar secret cannot be read now")

    monkeypatch.setattr(usage_account, "usage_receiver", lambda: Broken(billed.clazar))
    report = reconciled(billed)
    assert report["equal"] == 0
    assert set(report["not_compared"].values()) == {
        "StorageBusy: the clazar secret cannot be read now"
    }


def test_a_listing_that_one_invocation_is_too_short_for_is_read_on(
    billed: MeteringWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Asked] = []

    class Slow(Clazar):
        """Has time for one contract's listing at the second look only."""

        def read_listing(
            self, asked: Asked, contract: str, month: Month, seconds_left: Callable[[], float]
        ) -> Asked:
            if contract == "c-1":
                looks.append(asked)
                if len(looks) == 1:
                    return replace(asked, seen=frozenset({"r-1"}))
            return super().read_listing(asked, contract, month, seconds_left)

    monkeypatch.setattr(usage_account, "usage_receiver", lambda: Slow(billed.clazar))
    report = reconciled(billed)
    assert [asked.rows for asked in looks] == [0, 1]
    assert (report["equal"], report["not_compared"]) == (3, {})
