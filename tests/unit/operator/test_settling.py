"""Each cause of open contracts is named once, with the fewest commands that settle all of them."""

from __future__ import annotations

import shlex
from pathlib import Path

from functions.adapters.books import Books
from infra.operator.settling import OpenContracts, open_contracts
from tests.builders import a_record
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.typed import Billing, options


def causes(world: WholeMonth) -> list[OpenContracts]:
    return list(open_contracts(Books(world.state_bucket, world.plan), "--env prod"))


def verbs(found: OpenContracts) -> list[str]:
    return [command.partition("billing ")[2] for command in found.commands]


def test_several_answers_lost_are_asked_for_again_and_then_decided_one_by_one() -> None:
    world = WholeMonth("lost", "lost")
    world.clazar.lists = False
    world.every_hour("2025-07", [a_record("c-1", value=7), a_record("c-2", value=1)])
    world.run()
    (found,) = causes(world)
    assert (found.code, found.contracts) == ("OUTCOME_UNKNOWN", ["c-1", "c-2"])
    assert verbs(found) == [
        "retry --env prod",
        'resolve CONTRACT 2025-07 OUTCOME --reason "..." --env prod',
    ]


def test_a_message_that_names_its_contract_is_the_same_cause() -> None:
    world = WholeMonth(*["refuse"] * 2)
    world.every_hour("2025-07", [a_record("c-1", value=7), a_record("c-2", value=1)])
    world.run()

    def name_them(entry: dict[str, list[dict[str, str]]]) -> None:
        for item in entry["error_contracts"]["2025-07"]:  # type: ignore[call-overload]
            item["message"] = f"{item['contract_id']} is not known"

    world.edit_state(name_them)
    (found,) = causes(world)
    assert (found.contracts, found.message) == (["c-1", "c-2"], "c-1 is not known")


def test_the_newest_month_comes_first() -> None:
    world = WholeMonth("refuse", "refuse", start_month="2025-06")
    world.every_hour("2025-06", [a_record("c-1", value=7)])
    world.every_hour("2025-07", [a_record("c-1", value=7)])
    world.run(as_of="2025-08-02T00:00:00Z")
    assert [found.month for found in causes(world)] == ["2025-07", "2025-06"]


def test_final_usage_is_retried_with_its_window() -> None:
    world = WholeMonth(missing_hours="warn", dimensions={"cpu": "cpu / (mem - 1)"})
    world.hour("01/09", [a_record("c-1", value=4), a_record("c-1", "mem", value=1)])
    final = {"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"}
    world.run(**final)
    (found,) = causes(world)
    assert verbs(found) == ["retry --until 2025-07-01T10:00:00Z --contract c-1 --env prod"]


def test_a_folder_is_not_continued_with_another_clazar_unasked(
    billing: Billing, tmp_path: Path
) -> None:
    world = WholeMonth("refuse")
    world.every_hour("2025-07", [a_record("c-1", value=7)])
    world.run()
    given = options(world, tmp_path)
    elsewhere = ("--clazar", "http://127.0.0.1:9")
    dry = billing("run", *given, *elsewhere, "--as-of", "2025-08-02", "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    status = billing("status", *given).stdout
    assert shlex.join(elsewhere) in status
    unasked = billing("retry", *given)
    assert unasked.exit_code == 2
    assert "was run against http://127.0.0.1:9; add --clazar http://127.0.0.1:9" in unasked.stderr
