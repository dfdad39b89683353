"""Who else may account for a record that Clazar lists: other plans' ledgers and state file."""

import json
from typing import Any

import pytest

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.documents import Document
from functions.adapters.owners import own_records, owners
from functions.domain.ledger.entry import Attempt, Entry, Line, LineState
from functions.domain.ledger.owner import Owner
from functions.domain.month import Month
from functions.errors import BadState
from tests import builders
from tests.builders import JULY, a_plan
from tests.memory import MemoryObjects

A_UUID = "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"
STATES: tuple[LineState, ...] = ("unsure", "sent", "present", "accepted", "refused", "waived")


def owners_of(objects: MemoryObjects, contract: str = "c-1") -> list[Owner]:
    return sorted(owners(Books(objects, a_plan()), JULY, contract))


def an_entry(*lines: Line, plan: str = "other", contract: str = "c-1", **fields: Any) -> Entry:
    return builders.an_entry(*lines, plan=f"S:E:{plan}", contract_id=contract, **fields)


def a_line(dimension: str = "cpu", state: LineState = "accepted", **fields: Any) -> Line:
    return builders.a_line(dimension, state, **fields)


def keep(objects: MemoryObjects, entry: Entry, month: Month = JULY) -> None:
    plan = a_plan(plan_id=entry.plan.rpartition(":")[2])
    key = keys.ledger_entry(plan, month, entry.contract_id)
    Document(objects, key, Entry).write(entry, None)


def say(objects: MemoryObjects, done: dict[str, list[str]], plan: str = "S:E:other") -> None:
    body = objects.objects.get("metering_state.json", b"{}")
    document = {**json.loads(body), plan: {"success_contracts": done}}
    objects.objects["metering_state.json"] = json.dumps(document).encode()


def test_nobody_else_has_a_record_of_a_contract_that_only_this_plan_knows() -> None:
    objects = MemoryObjects()
    assert owners_of(objects) == []
    keep(objects, an_entry(a_line(), plan="P"))
    say(objects, {"2025-07": ["c-1"]}, plan="S:E:P")
    assert owners_of(objects) == []


@pytest.mark.parametrize("evidence", ["listing", "operator", "taken over", ""])
def test_a_record_is_of_another_month_only_by_the_answer_to_its_request(evidence: str) -> None:
    objects, other = MemoryObjects(), Month(2025, 6)
    sure = a_line(evidence="response", record_id="r-1")
    keep(
        objects, an_entry(sure, a_line("mem", evidence=evidence, record_id="r-2"), plan="P"), other
    )
    keep(objects, an_entry(a_line(evidence="response", record_id="r-3"), plan="P"))
    assert own_records(Books(objects, a_plan()), JULY, "c-1") == {"r-1"}


def test_what_another_plan_has_sent_or_may_have_is_its_with_dimension_and_quantity() -> None:
    objects = MemoryObjects()
    attempt = Attempt(id="a", execution="x", at="t", dimensions=("waived",), request="")
    lines = [*(a_line(state, state) for state in STATES), a_line("given up", "waived")]
    keep(objects, an_entry(*lines, attempts=(attempt,)))
    assert owners_of(objects) == [
        Owner("S:E:other", state, "5", certain=state == "accepted")
        for state in ("accepted", "present", "sent", "waived")
    ]


def test_another_plan_accounts_for_what_clazar_bills_of_it() -> None:
    objects = MemoryObjects()
    keep(objects, an_entry(a_line(billed="7")))
    assert owners_of(objects) == [Owner("S:E:other", "cpu", "7", certain=True)]


def test_a_success_that_no_ledger_knows_accounts_for_any_record() -> None:
    objects = MemoryObjects()
    say(objects, {"2025-07": ["c-1"], "2025-06": ["c-2"]})
    say(objects, {"2025-07": ["c-2", "c-1"]}, plan="Other:E:P")
    assert owners_of(objects) == [Owner("Other:E:P"), Owner("S:E:other")]
    assert owners_of(objects, "c-2") == [Owner("Other:E:P")]
    assert owners_of(objects, "c-3") == []


def test_of_a_plan_with_an_entry_the_ledger_says_what_the_success_is_for() -> None:
    objects = MemoryObjects()
    keep(objects, an_entry(a_line()))
    say(objects, {"2025-07": ["c-1"]})
    assert owners_of(objects) == [Owner("S:E:other", "cpu", "5", certain=True)]


def test_other_months_and_contracts_are_nobodys_here() -> None:
    objects = MemoryObjects()
    keep(objects, an_entry(a_line()), month=Month(2025, 6))
    keep(objects, an_entry(a_line(), contract="c-2"))
    assert owners_of(objects) == []


@pytest.mark.parametrize("ours", [A_UUID, A_UUID.upper()])
@pytest.mark.parametrize("theirs", [A_UUID, A_UUID.upper(), A_UUID.replace("-", "")])
def test_a_uuid_is_the_same_contract_however_the_other_plan_writes_it(
    ours: str, theirs: str
) -> None:
    objects = MemoryObjects()
    keep(objects, an_entry(a_line(), contract=theirs))
    say(objects, {"2025-07": [theirs]}, plan="By:Hand:P")
    assert owners_of(objects, ours) == [
        Owner("By:Hand:P"),
        Owner("S:E:other", "cpu", "5", certain=True),
    ]


def test_another_plan_may_write_the_contract_in_other_letters() -> None:
    objects = MemoryObjects()
    keep(objects, an_entry(a_line(), contract="C-1"))
    say(objects, {"2025-07": ["C-1"]}, plan="S:E:third")
    assert {owner.plan for owner in owners_of(objects)} == {"S:E:other", "S:E:third"}


def test_every_plan_is_asked_however_many_there_are() -> None:
    objects = MemoryObjects()
    for number in range(40):
        keep(objects, an_entry(a_line(), plan=f"p-{number:02d}"))
        keep(objects, an_entry(a_line(), plan=f"p-{number:02d}", contract="c-2"))
    assert len(owners_of(objects)) == 40


def test_an_entry_or_a_state_file_that_cannot_be_read_is_not_nobodys() -> None:
    objects = MemoryObjects({"ledger/S/E/other/2025-07/c-1.json": b"{"})
    with pytest.raises(BadState, match=r"other/2025-07/c-1\.json"):
        owners_of(objects)
    with pytest.raises(BadState, match=r"metering_state\.json"):
        owners_of(MemoryObjects({"metering_state.json": b"{"}))
    broken = MemoryObjects()
    say(broken, {"2025-07": "c-1"})  # type: ignore[dict-item]  # that is the point
    with pytest.raises(BadState, match="S:E:other"):
        owners_of(broken)
