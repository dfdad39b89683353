"""Usage that came, changed or went after its month was billed: told to the unit."""

from msgspec.structs import replace

from functions.domain.billing import ContractBill
from functions.domain.late_usage import (
    NOTHING_COMPARED,
    Compared,
    Difference,
    differences,
    not_computed,
    texts,
)
from functions.domain.ledger_entry import Decision, Entry, Failure, Line
from functions.domain.manifest import Changes

NOBODY: frozenset[str] = frozenset()


def a_bill(name: str = "c-1", failure: str | None = None, **quantities: str) -> ContractBill:
    return ContractBill(contract_id=name, usage={}, quantities=quantities, failure=failure)


def billed(name: str = "c-1", **amounts: str) -> Entry:
    """Return a settled entry of one line per dimension, each billed for its whole part."""
    lines = tuple(
        Line(
            dimension=dimension,
            quantity=amount.partition(".")[0],
            amount=amount,
            state="accepted",
        )
        for dimension, amount in amounts.items()
    )
    return Entry(
        plan="S:E:P",
        month="2025-07",
        contract_id=name,
        execution="x",
        claimed_at="t",
        lines=lines,
        settled_at="t",
    )


def found(
    bills: list[ContractBill], *entries: Entry, left_out: frozenset[str] = NOBODY
) -> list[str]:
    ledger = {entry.contract_id: entry for entry in entries}
    return [str(item) for item in differences(bills, ledger, left_out=left_out)]


def test_a_difference_says_what_was_billed_and_what_usage_comes_to_now() -> None:
    entry = billed(cpu="5.5")
    (more,) = differences([a_bill(cpu="7")], {"c-1": entry}, left_out=NOBODY)
    assert more == Difference(
        contract_id="c-1", dimension="cpu", billed="5.5", now="7", difference="1.5"
    )
    assert str(more) == "c-1 cpu: billed 5.5, usage now comes to 7 (+1.5)"
    assert found([a_bill(cpu="5")], entry) == [
        "c-1 cpu: billed 5.5, usage now comes to 5 (-0.5)",
    ]


def test_usage_that_is_as_it_was_billed_is_no_difference() -> None:
    assert found([a_bill(cpu="5", mem="7")], billed(cpu="5", mem="7")) == []
    rounded = ContractBill(
        contract_id="c-1", usage={}, quantities={"cpu": "5"}, remainders={"cpu": "0.5"}
    )
    assert found([rounded], billed(cpu="5.5")) == []


def test_usage_that_came_or_went_as_a_whole_is_told_largest_first() -> None:
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


def test_an_entry_of_an_earlier_version_is_compared_by_its_quantity_to_the_unit() -> None:
    entry = replace(billed(), lines=(Line(dimension="cpu", quantity="5", state="accepted"),))

    def now(amount: str) -> list[str]:
        left = {"cpu": amount} if amount != "0" else {}
        bill = ContractBill(contract_id="c-1", usage={}, quantities={}, remainders=left)
        return found([bill], entry)

    assert now("5.75") == []
    assert now("4.25") == []
    assert now("6") == ["c-1 cpu: billed 5, usage now comes to 6 (+1)"]
    assert now("4") == ["c-1 cpu: billed 5, usage now comes to 4 (-1)"]
    assert now("0") == ["c-1 cpu: billed 5, usage now comes to 0 (-5)"]


def test_a_contract_that_is_not_settled_or_was_settled_by_a_person_has_nothing_to_compare() -> None:
    entry = billed(cpu="5")
    failure = Failure(code="X", message="m", errors=(), at="t")
    waived = Decision(what="waived", execution="x", at="t", reason="r")
    for left_alone in (
        replace(entry, settled_at=None),
        replace(entry, failure=failure),
        replace(entry, decisions=(waived,)),
    ):
        both = [a_bill(cpu="9"), a_bill("c-2", cpu="1")]
        assert found(both, left_alone) == ["c-2 cpu: billed 0, usage now comes to 1 (+1)"]


def test_a_formula_that_fails_today_or_a_contract_that_is_left_out_says_nothing() -> None:
    failing = a_bill(failure="division by zero")
    assert found([failing, a_bill("c-2", cpu="1")], billed(cpu="5")) == [
        "c-2 cpu: billed 0, usage now comes to 1 (+1)"
    ]
    bills, entries = [a_bill("c-2", cpu="1")], [billed(cpu="5")]
    assert found(bills, *entries, left_out=frozenset({"c-1", "c-2"})) == []


def test_what_was_billed_and_cannot_be_worked_out_now_is_named() -> None:
    failing = [a_bill(name, failure="f") for name in ("c-3", "c-2", "c-1", "c-0")]
    parked = replace(billed("c-2"), failure=Failure(code="C", message="m", errors=(), at="t"))
    ledger = {"c-1": billed("c-1"), "c-2": parked}
    assert not_computed([*failing, a_bill("c-4")], ledger, left_out=frozenset({"c-0"})) == [
        "c-1 cannot be computed now: f",
        "c-3 cannot be computed now: f",
    ]


def test_what_is_told_begins_with_the_files_if_there_is_something_to_say_of_them() -> None:
    more = Difference(contract_id="c-1", dimension="cpu", billed="5", now="7", difference="2")
    changed = Changes(new=["k"], rewritten=[], missing=[])
    head = "2025-07: usage changed after it was billed and is not billed: new files: 1"
    compared = Compared(changed, [more], ["c-2 cannot be computed now: f"])
    lines = [f"2025-07: {more}", "2025-07: c-2 cannot be computed now: f"]
    assert texts("2025-07", compared) == [head, *lines]
    assert texts("2025-07", compared, with_head=False) == lines
    assert compared.differs
    same = NOTHING_COMPARED._replace(not_computed=["c"])
    assert same.differs
    assert texts("2025-07", same)[0].endswith("is not billed: the same files")
    only_files = Compared(changed, [], [])
    assert not only_files.differs
    assert texts("2025-07", only_files) == [f"{head}; no contract's usage differs"]
