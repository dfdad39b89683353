"""Each cause of open contracts is named once, with the commands that settle them and no others."""

import shlex
from pathlib import Path

import pytest
from msgspec.structs import replace

from functions.adapters.books import Books
from functions.domain.month import Month
from infra.operator.settling import OpenContracts, open_contracts
from tests.builders import a_record
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.account import Account
from tests.unit.operator.typed import Billing, billed, options


def causes(world: WholeMonth) -> list[OpenContracts]:
    return list(open_contracts(Books(world.state_bucket, world.plan), "--env prod"))


def verbs(found: OpenContracts) -> list[str]:
    return [command.partition("billing ")[2] for command in found.commands]


def a_lost_answer(*contracts: str) -> WholeMonth:
    world = WholeMonth(*["lost"] * len(contracts))
    world.clazar.lists = False
    world.every_hour("2025-07", [a_record(name, value=7) for name in contracts])
    world.run()
    return world


def test_lost_answers_are_looked_up_and_resolved_or_these_contracts_are_retried() -> None:
    (found,) = causes(a_lost_answer("c-1", "c-2"))
    assert (found.code, found.contracts) == ("OUTCOME_UNKNOWN", ["c-1", "c-2"])
    assert verbs(found) == ['resolve CONTRACT 2025-07 OUTCOME --reason "..." --env prod']
    (retry,) = found.otherwise
    assert retry.endswith("retry --month 2025-07 --contract c-1 --contract c-2 --env prod")


def test_one_lost_answer_is_resolved_by_its_name_or_retried() -> None:
    (found,) = causes(a_lost_answer("c-1"))
    assert verbs(found) == ['resolve c-1 2025-07 OUTCOME --reason "..." --env prod']
    (retry,) = found.otherwise
    assert retry.endswith("retry --month 2025-07 --contract c-1 --env prod")


@pytest.mark.parametrize("others", [[], ["c-2"]])
def test_a_contract_that_begins_with_a_dash_is_resolved_and_retried(
    billing: Billing, account: Account, others: list[str]
) -> None:
    (found,) = causes(a_lost_answer("-x", *others))
    resolve, retry = [*verbs(found), *(text.partition("billing ")[2] for text in found.otherwise)]
    filled = resolve.replace("CONTRACT", "-x").replace("OUTCOME", "accepted").replace("...", "seen")
    for text in (filled, retry):
        assert billing(*shlex.split(text.replace("prod", "dev"))).exit_code == 0
    decided, retried = (each["input"] for each in account.started)
    assert decided["resolve"]["contract"] == "-x"
    assert retried["contracts"] == ["-x", *others]


def test_what_a_retry_of_contracts_in_doubt_does_is_said(billing: Billing, tmp_path: Path) -> None:
    said = billing("status", *options(a_lost_answer("c-1"), tmp_path)).stdout
    resolve, retry = said.index("billing resolve c-1"), said.index("billing retry --month")
    alternative = said.index("or: Clazar is asked again, and what it does not list is sent:")
    assert resolve < alternative < retry


@pytest.mark.parametrize("code", ["DUPLICATE", "OTHER_QUANTITY"])
def test_what_clazar_bills_otherwise_is_resolved_first(code: str) -> None:
    world = billed([a_record("c-1", value=7), a_record("c-2", value=1)], "refuse", "refuse")
    books = Books(world.state_bucket, world.plan)
    document = books.entry(Month(2025, 7), "c-1")
    read = document.read()
    assert read
    (line,) = read.value.lines
    document.write(replace(read.value, lines=(replace(line, code=code),)), read)
    resolved, retried = causes(world)
    assert resolved.contracts == ["c-1"]
    assert verbs(resolved)[0].startswith("resolve c-1 2025-07 OUTCOME")
    assert (verbs(retried)[0].startswith("retry "), retried.otherwise) == (True, [])


def test_a_retry_names_its_month_and_contracts_however_many_there_are() -> None:
    names = [f"c-{n:03d}" for n in range(101)]
    world = billed([a_record(name, value=1) for name in names], *["refuse"] * len(names))
    (found,) = causes(world)
    first, second = map(shlex.split, verbs(found))
    assert [first.count("--contract"), second.count("--contract")] == [100, 1]
    words = ("retry", "--month", "2025-07", "--contract", "--env", "prod")
    assert {*first, *second} == {*words, *names}


def test_a_message_that_names_its_contract_is_the_same_cause() -> None:
    world = billed([a_record("c-1", value=7), a_record("c-2", value=1)], *["refuse"] * 2)

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
    world = billed([a_record("c-1", value=7)], "refuse")
    given = options(world, tmp_path)
    elsewhere = ("--clazar", "http://127.0.0.1:9")
    dry = billing("run", *given, *elsewhere, "--as-of", "2025-08-02", "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    status = billing("status", *given).stdout
    assert shlex.join(elsewhere) in status
    unasked = billing("retry", *given)
    assert unasked.exit_code == 2
    assert "was run against http://127.0.0.1:9; add --clazar http://127.0.0.1:9" in unasked.stderr
