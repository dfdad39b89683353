from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.adapters import keys
from functions.domain.month import Month
from infra.local.clazar import ClazarServer
from infra.operator.reconcile import reconcile
from infra.operator.where import LocalWhere
from tests.builders import a_record
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.test_explain import as_folders

JULY = Month.parse("2025-07")
NAMES = ("c-1", "c-2")


@pytest.fixture
def world() -> WholeMonth:
    world = WholeMonth()
    world.every_hour("2025-07", [a_record(name, value=4) for name in NAMES])
    world.run()
    return world


@pytest.fixture
def reconciled(world: WholeMonth, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Reconcile the month with a Clazar that holds what was accepted, as `change` leaves it."""
    servers = []

    def run(change: Callable[[list[Any]], object] = len) -> dict[str, Any]:
        added = ("id", "status")
        records = [
            {name: value for name, value in record.items() if name not in added}
            for record in world.clazar.accepted
        ]
        change(records)
        server = ClazarServer(refuse_duplicates=False).start()
        servers.append(server)
        server.preload(*records)
        as_folders(world, tmp_path)
        plans = tmp_path / "plans.json"
        where = LocalWhere(tmp_path / "state", None, plans, server.url)
        return reconcile(where, world.plan, JULY, lambda _number, _total: None)

    yield run
    for server in servers:
        server.stop()


def differing(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["contract"], text) for row in found["rows"] for text in row["differs"]]


def test_a_calm_month_differs_in_nothing(reconciled: Callable[..., dict[str, Any]]) -> None:
    found = reconciled()
    assert (found["differences"], found["days"], differing(found)) == (0, [], [])
    row = found["rows"][0]
    assert [row[n] for n in ("files", "bill", "ledger", "clazar")] == ["4", "4", "4 accepted", "4"]


def test_a_quantity_that_was_changed_at_clazar_is_found(
    reconciled: Callable[..., dict[str, Any]],
) -> None:
    ((name, said),) = differing(reconciled(lambda held: held[0].update(quantity="5")))
    assert name == "c-1"
    assert said.startswith("Clazar bills 5 (record ")


def test_a_record_that_is_missing_at_clazar_is_missing_and_not_zero(
    reconciled: Callable[..., dict[str, Any]],
) -> None:
    found = reconciled(lambda held: held.pop(0))
    assert differing(found) == [("c-1", "Clazar lists no billed record, the ledger 4")]
    assert found["rows"][0]["clazar"] == "missing"


def test_an_extra_record_at_clazar_is_found(reconciled: Callable[..., dict[str, Any]]) -> None:
    found = reconciled(lambda held: held.append({**held[1], "dimension": "disk"}))
    ((name, said),) = differing(found)
    assert (name, found["rows"][0]["ledger"]) == ("c-2", "missing")
    assert "which nothing here accounts for" in said


def test_a_record_that_clazar_bills_twice_is_found(
    reconciled: Callable[..., dict[str, Any]],
) -> None:
    ((name, said),) = differing(reconciled(lambda held: held.append(dict(held[0]))))
    assert name == "c-1"
    assert said.startswith("Clazar bills 2 records: 4 (record ")


def test_a_file_that_changed_is_found(
    world: WholeMonth, reconciled: Callable[..., dict[str, Any]]
) -> None:
    world.hour("07/03", [a_record("c-1", value=1)])
    found = reconciled()
    assert found["differences"] == 1
    assert found["days"][0].startswith("day 07: files came, changed or went")


def test_a_ledger_entry_that_was_removed_is_found(
    world: WholeMonth, reconciled: Callable[..., dict[str, Any]]
) -> None:
    del world.state_bucket.objects[keys.ledger_entry(world.plan, JULY, "c-1")]
    found = reconciled()
    assert ("c-1", "the ledger has no entry") in differing(found)
    assert {name for name, _ in differing(found)} == {"c-1"}
    assert found["rows"][0]["ledger"] == "missing"


def test_a_clazar_that_cannot_be_asked_is_not_taken_for_an_empty_one(
    world: WholeMonth, tmp_path: Path
) -> None:
    with ClazarServer(listing=False) as server:
        as_folders(world, tmp_path)
        where = LocalWhere(tmp_path / "state", None, tmp_path / "plans.json", server.url)
        found = reconcile(where, world.plan, JULY, lambda _number, _total: None)
    assert {row["clazar"] for row in found["rows"]} == {"not known"}
    assert found["differences"] == 2
