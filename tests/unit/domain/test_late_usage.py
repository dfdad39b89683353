"""Usage that came, changed or went after its month was billed: told to the unit."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from functions.domain.ledger.entry import Decision, Entry, Failure
from functions.domain.months.late_usage import (
    NOTHING_COMPARED,
    Compared,
    Difference,
    compare,
    compare_usage,
    texts,
)
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.manifest import Manifest
from tests import builders
from tests.builders import NOBODY, a_contract, a_line, an_entry, month_usage


def a_bill(name: str = "c-1", failure: str | None = None, **quantities: str) -> ContractBill:
    return a_contract(name, quantities=quantities, failure=failure)


def measured(name: str = "c-1", failure: str | None = None, **usage: str) -> ContractBill:
    """Return a bill whose formulas come to something else than what was measured."""
    return a_contract(name, usage=usage, quantities={"fee": "9"}, failure=failure)


def billed(name: str = "c-1", **amounts: str) -> Entry:
    """Return a settled entry of one line per dimension, each billed for its whole part."""
    lines = (
        a_line(dimension, "accepted", quantity=amount.partition(".")[0], amount=amount)
        for dimension, amount in amounts.items()
    )
    return an_entry(*lines, contract_id=name, settled_at="t")


def compared(
    bills: list[ContractBill],
    *entries: Entry,
    formulas: Mapping[str, str] | None = None,
    by_hand: frozenset[str] = NOBODY,
) -> tuple[list[Difference], list[str]]:
    ledger = {entry.contract_id: entry for entry in entries}
    return compare_usage(bills, ledger, formulas or {}, by_hand=by_hand)


def found(bills: list[ContractBill], *entries: Entry, **given: Any) -> list[str]:
    """Return the differences in words; every contract could be compared."""
    differences, left_out = compared(bills, *entries, **given)
    assert left_out == []
    return [str(item) for item in differences]


def test_a_difference_says_what_was_billed_and_what_usage_comes_to_now() -> None:
    entry = billed(cpu="5.5")
    ((more,), left_out) = compared([a_bill(cpu="7")], entry)
    assert left_out == []
    assert more == Difference(
        contract_id="c-1", dimension="cpu", billed="5.5", now="7", difference="1.5"
    )
    assert str(more) == "c-1 cpu: billed 5.5, usage now comes to 7 (+1.5)"
    assert found([a_bill(cpu="5")], entry) == ["c-1 cpu: billed 5.5, usage now comes to 5 (-0.5)"]


def test_usage_that_is_as_it_was_billed_is_no_difference() -> None:
    assert found([a_bill(cpu="5", mem="7")], billed(cpu="5", mem="7")) == []
    rounded = replace(a_bill(cpu="5"), remainders={"cpu": "0.5"})
    assert found([rounded], billed(cpu="5.5")) == []


def test_usage_that_came_or_went_as_a_whole_is_reported_largest_first() -> None:
    bills = [a_bill("c-3", cpu="1"), a_bill("c-1", new="2", cpu="5")]
    entries = [billed("c-2", cpu="3"), billed("c-1", mem="4", cpu="5")]
    assert found(bills, *entries) == [
        "c-1 mem: billed 4, usage now comes to 0 (-4)",
        "c-2 cpu: billed 3, usage now comes to 0 (-3)",
        "c-1 new: billed 0, usage now comes to 2 (+2)",
        "c-3 cpu: billed 0, usage now comes to 1 (+1)",
    ]


def test_usage_below_a_unit_counts_as_it_was_when_it_was_billed() -> None:
    entry = replace(billed(), unbilled={"disk": "0.25"})
    assert found([a_bill(disk="1")], entry) == [
        "c-1 disk: billed 0.25, usage now comes to 1 (+0.75)"
    ]


def test_after_a_changed_configuration_what_was_measured_is_compared_and_not_another_unit() -> None:
    """One late file of c-2 says nothing of c-1, whatever the formulas come to today."""
    old, new = {"cores": "cpu"}, {"thousands": "cpu / 1000"}
    entries = [
        replace(billed(name, cores="5"), formulas=old, usage={"cpu": "5"})
        for name in ("c-1", "c-2")
    ]
    bills = [measured("c-1", cpu="5"), measured("c-2", cpu="6")]
    assert found(bills, *entries, formulas=new) == ["c-2 cpu: billed 5, usage now comes to 6 (+1)"]
    assert found([a_bill(cores="5"), a_bill("c-2", cores="6")], *entries, formulas=old) == [
        "c-2 cores: billed 5, usage now comes to 6 (+1)"
    ]
    assert found([], entries[0], formulas=new) == ["c-1 cpu: billed 5, usage now comes to 0 (-5)"]
    switched_on = replace(billed(cpu="5"), usage={"cpu": "5"})
    assert found([measured(cpu="5")], switched_on, formulas=new) == []
    assert found([measured(cpu="5", mem="2")], entries[0], formulas={}) == [
        "c-1 mem: billed 0, usage now comes to 2 (+2)"
    ]


def test_a_formula_that_fails_today_says_nothing_and_what_was_measured_is_compared() -> None:
    entry = replace(billed(cpu="5"), usage={"cpu": "5"})
    assert found([measured(failure="division by zero", cpu="5")], entry) == []
    assert found([measured(failure="division by zero", cpu="4")], entry) == [
        "c-1 cpu: billed 5, usage now comes to 4 (-1)"
    ]
    assert found([measured("c-2", failure="f", cpu="4")]) == [
        "c-2 cpu: billed 0, usage now comes to 4 (+4)"
    ]


def test_a_contract_that_is_parked_open_or_was_settled_by_an_operator_is_named_with_why() -> None:
    entry = billed(cpu="5")
    failure = Failure(code="X", message="m", errors=(), at="t")
    waived = Decision(what="waived", execution="x", at="t", reason="r")
    both = [a_bill(cpu="9"), a_bill("c-2", cpu="1")]
    rest = Difference(contract_id="c-2", dimension="cpu", billed="0", now="1", difference="1")
    for left_alone, reason in (
        (replace(entry, failure=failure), "c-1 (X)"),
        (replace(entry, decisions=(waived,)), "c-1 (settled by an operator)"),
        (replace(entry, decisions=(waived,), failure=failure), "c-1 (X)"),
        (replace(entry, settled_at=None), "c-1 (not settled yet)"),
    ):
        assert compared(both, left_alone) == ([rest], [reason])
    assert compared(both, by_hand=frozenset({"c-1"})) == ([rest], ["c-1 (settled by an operator)"])
    assert compared([], by_hand=frozenset({"c-1"})) == ([], []), "it has no usage"


def test_what_is_reported_begins_with_the_files_if_there_is_something_to_say_of_them() -> None:
    more = Difference(contract_id="c-1", dimension="cpu", billed="5", now="7", difference="2")
    head = "2025-07: usage changed after it was billed and is not billed: changed days: 01, 07"
    both = Compared(["01", "07"], [more], ["c-2 (X)", "c-3 (Y)"], [])
    assert texts("S:E:P", "2025-07", both) == [
        head,
        f"2025-07: {more}",
        "2025-07: not compared with the files: c-2 (X), c-3 (Y)",
    ]
    assert texts("S:E:P", "2025-07", both, with_head=False) == [f"2025-07: {more}"]
    same = NOTHING_COMPARED._replace(differences=[more])
    assert texts("S:E:P", "2025-07", same)[0].endswith("is not billed: the same files")


def test_no_contract_differs_is_said_only_if_every_one_was_compared() -> None:
    head = "2025-07: usage changed after it was billed and is not billed: changed days: 01"
    only_files = Compared(["01"], [], [], [])
    assert texts("S:E:P", "2025-07", only_files) == [f"{head}; no contract's usage differs"]
    left_out = only_files._replace(not_compared=["c-2 (X)"])
    assert texts("S:E:P", "2025-07", left_out) == [
        f"{head}; no other contract's usage differs",
        "2025-07: not compared with the files: c-2 (X)",
    ]


def test_contracts_that_were_never_billed_are_named_with_the_input_that_bills_them() -> None:
    usage = month_usage(builders.a_bill(a_bill("c-1", cpu="7"), a_bill("c-9", cpu="3")))
    known: dict[str, Any] = {"formulas": {"cpu": "cpu"}, "by_hand": NOBODY}
    manifest = Manifest(execution="x", days={"01": "a", "02": "b"})
    for billed_from, days in ((None, []), (manifest, ["01", "03"])):
        ledger = {"c-1": replace(billed(cpu="5"), formulas={"cpu": "cpu"})}
        given = (replace(usage, days={"02": "b", "03": "c"}), ledger, billed_from)
        shown = compare(*given, **known, failed={"c-9"})
        assert shown.never_billed == [], "an error of the state file is retried, not billed as late"
        found = compare(*given, **known, failed=NOBODY)
        differences = [
            Difference(contract_id="c-9", dimension="cpu", billed="0", now="3", difference="3"),
            Difference(contract_id="c-1", dimension="cpu", billed="5", now="7", difference="2"),
        ]
        assert found == Compared(days, differences, [], ["c-9"])
    many = found._replace(never_billed=[f"c-{n:02d}" for n in range(12)])
    assert texts("S:E:P", "2025-07", many)[-1] == (
        "2025-07: never billed: c-00, c-01, c-02, c-03, c-04, c-05, c-06, c-07, c-08, c-09, and 2 "
        'more; start {"plan": "S:E:P", "months": ["2025-07"]} to bill them, if nobody has'
    )
