"""Which contracts a run works on: those that are open, those it was asked for, no settled ones."""

from typing import Any

import pytest

from functions.domain.ledger.claim import ContractItem
from functions.domain.months.contracts_due import Known, check_spelling, contracts_due
from functions.domain.months.run import Run
from functions.domain.months.state_file import MonthState
from functions.domain.usage.bill import ContractBill
from functions.errors import BadInput, BadState
from tests.builders import a_contract, a_run

UUID = "6a1f0c3e-9b7d-4a52-8f11-2c3d4e5f6a7b"
NOTHING = a_run()


def names(*contracts: str) -> frozenset[str]:
    return frozenset(contracts)


def a_bill(name: str, **fields: Any) -> ContractBill:
    return a_contract(name, usage={"cpu": "2.9"}, quantities={"cpu": "2"}, **fields)


def a_month(
    done: frozenset[str] = frozenset(), failed: frozenset[str] = frozenset(), **fields: Any
) -> Known:
    nothing = {"reopened": names(), "interrupted": names(), "in_ledger": names(), "closed": False}
    return Known(state=MonthState(done, {name: {} for name in failed}), **{**nothing, **fields})


def due(known: Known, asked: Run = NOTHING, of: str = "abcde") -> str:
    return "".join(
        item.contract_id for item in contracts_due("2025-07", map(a_bill, of), known, asked)
    )


def test_what_is_neither_done_nor_an_error_is_due_in_order() -> None:
    assert due(a_month(done=names("b"), failed=names("d")), of="edcba") == "ace"


def test_what_has_an_entry_and_no_usage_any_more_may_be_in_doubt() -> None:
    (item,) = contracts_due("2025-07", [], a_month(in_ledger=names("x")), NOTHING)
    assert item == ContractItem(contract_id="x", quantities={}, without_usage=True)
    assert (
        contracts_due("2025-07", [], a_month(in_ledger=names("x"), done=names("x")), NOTHING) == []
    )


def test_in_a_closed_month_only_what_was_begun_there_is_due_unless_it_is_asked_for() -> None:
    closed = a_month(closed=True, in_ledger=names("a", "z"))
    assert due(closed) == "az"
    assert due(closed, a_run(months=["2025-07"])) == "abcdez"


@pytest.mark.parametrize("why", ["reopened", "interrupted"])
def test_an_error_that_was_reopened_or_interrupted_is_tried_again(why: str) -> None:
    known = a_month(failed=names("a", "b"), closed=True, **{why: names("b")})
    (item,) = contracts_due("2025-07", [a_bill("a"), a_bill("b")], known, NOTHING)
    assert (item.contract_id, item.quantities, item.retry) == ("b", {"cpu": "2"}, True)


@pytest.mark.parametrize("asked", [{"retry_errors": True}, {"until": "2025-07-14T00:00:00Z"}])
def test_errors_are_tried_again_if_that_is_asked_for_but_no_success(asked: dict[str, Any]) -> None:
    known = a_month(done=names("b", "c"), failed=names("a", "b"), closed=True)
    items = contracts_due("2025-07", [a_bill("a")], known, a_run(**asked))
    assert [(item.contract_id, item.retry) for item in items] == [("a", True)]


def test_only_the_contracts_that_were_named_are_due() -> None:
    asked = a_run(contracts=["a", "c", "d"])
    assert due(a_month(done=names("a")), asked) == "cd"


@pytest.mark.parametrize("where", [{"months": ["2025-07"]}, {"until": "2025-07-14T00:00:00Z"}])
def test_contracts_that_the_month_they_were_asked_for_in_does_not_know_are_named(
    where: dict[str, Any],
) -> None:
    unknown = [f"x-{number:02d}" for number in range(12)]
    asked = a_run(contracts=["a", *unknown], **where)
    named = ", ".join(map(repr, unknown[:10]))
    with pytest.raises(
        BadInput, match=rf"^contracts: {named} \(known: .*\) without usage in 2025-07$"
    ):
        due(a_month(), asked)


def test_contracts_that_no_month_was_named_for_may_be_known_to_another() -> None:
    assert due(a_month(), a_run(contracts=["a", "x"])) == "a"
    assert due(a_month(), a_run(contracts=["x"], retry_errors=True)) == ""


def test_a_contract_in_other_letters_than_the_files_write_is_refused() -> None:
    bills = [a_contract("c-1"), a_contract("c-2")]
    known = a_month(names("C-1", "c-2", "x"))
    with pytest.raises(
        BadState, match=r"^W: 'C-1' may be 'c-1' of the usage files; write it as they"
    ):
        check_spelling(bills, known, "W")
    assert check_spelling(bills, known._replace(in_ledger=names("C-1")), "W") == ["x"]
    with pytest.raises(BadState, match="'C-2' may be 'c-2'"):
        check_spelling(bills, a_month(failed=names("C-2")), "W")
    assert check_spelling(bills, a_month(failed=names("y")), "W") == []


def test_an_unknown_success_beside_an_error_that_has_gone_is_refused() -> None:
    """It was moved by hand and mistyped: it is settled, and would be sent."""
    known = a_month(names("c-2x", "d"), reopened=names("c-2"))
    text = (
        "W: 'c-2x' in success_contracts has no usage, and 'c-2' has left error_contracts; if that "
        "is settled, write its name so, else take 'c-2x' out. The file was left as it is."
    )
    with pytest.raises(BadState) as error:
        check_spelling([a_bill("c-2"), a_bill("d")], known, "W")
    assert str(error.value) == text
    known = a_month(names("c-4", "c-zero"), reopened=names("c-2"))
    assert check_spelling([a_bill("c-2")], known, "W") == ["c-4", "c-zero"], "they may be older"
    known = a_month(names("d"), names("y"), reopened=names("c-2"))
    assert check_spelling([a_bill("c-2"), a_bill("d")], known, "W") == [], "it is to be retried"


@pytest.mark.parametrize(
    "written",
    [
        *(UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f"{UUID} (by hand, Ann)"),
        *(
            f"\u200b{UUID}",
            UUID.replace("-", "\u2011"),
            f"contract {UUID}",
            f"[{UUID}]",
            f"<{UUID}>",
        ),
        *(
            f"Acme: {UUID}",
            f"{UUID}.",
            f"{UUID}: billed by hand",
            f"\u201c{UUID}\u201d",
            f"{UUID}\nAnn",
        ),
    ],
)
def test_a_contract_in_another_form_of_its_id_is_refused(written: str) -> None:
    """Whoever has written it has billed it: it must not be sent."""
    with pytest.raises(BadState, match=f"may be '{UUID}' of the usage files"):
        check_spelling([a_bill(UUID), a_bill("c-1")], a_month(names(written)), "W")
    check_spelling([a_bill(f"{UUID}:eu")], a_month(names(f"{UUID}:us")), "W")
    others = ["001", "c-1 b", "c-11", "c1"]
    assert check_spelling([a_bill("c-1"), a_bill("1")], a_month(names(*others)), "W") == others


def test_an_item_has_what_its_bill_says() -> None:
    bill = a_bill("a", carried={"cpu": "0.5"}, remainders={"cpu": "0.75"}, failure="f")
    assert contracts_due("2025-07", [bill], a_month(), NOTHING) == [
        ContractItem(
            contract_id="a",
            quantities={"cpu": "2"},
            amounts={"cpu": "2.25"},
            carried={"cpu": "0.5"},
            usage={"cpu": "2.9"},
            failure="f",
        )
    ]


def test_errors_that_are_asked_for_come_beside_those_that_were_reopened() -> None:
    known = a_month(failed=names("a"), reopened=names("x"), closed=True)
    items = contracts_due("2025-07", [], known, a_run(retry_errors=True))
    assert [(item.contract_id, item.retry) for item in items] == [("a", True), ("x", True)]


def test_an_item_that_is_listed_as_a_success_as_well_says_so() -> None:
    """Then an operator has not put it there since this run has chosen it."""
    known = a_month(done=names("b"), reopened=names("a", "b"))
    items = contracts_due("2025-07", [a_bill("a"), a_bill("b")], known, NOTHING)
    assert [(item.contract_id, item.done) for item in items] == [("a", False), ("b", True)]
