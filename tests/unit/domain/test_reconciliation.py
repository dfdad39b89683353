"""What is said of each difference between a ledger entry and what the receiver lists of it."""

from typing import Any

import msgspec
import pytest

from functions.domain.ledger.entry import Entry, Failure, Line
from functions.domain.ledger.listing import Listing, Stored
from functions.domain.ledger.owner import Owner
from functions.domain.ledger.reconciliation import (
    Comparison,
    Difference,
    Reconciliation,
    compare,
    reconcile,
    unknown,
)
from tests.builders import a_line, an_entry

TWO = "Clazar lists 2 records, expected 1: r-0, r-1"
NONE_EXPECTED = "Clazar lists 1 record, expected 0: r-0"
OTHER = "S:E:other"
REPORT = "reports/r.json"


def accepted(quantity: str = "7", dimension: str = "cpu", **fields: Any) -> Line:
    return a_line(dimension, "accepted", quantity=quantity, **fields)


def a_listing(*quantities: str, doubts: dict[str, str] | None = None, **fields: Any) -> Listing:
    stored = {
        f"r-{number}": Stored(record_id=f"r-{number}", quantity=quantity, **fields)
        for number, quantity in enumerate(quantities)
    }
    return Listing({"cpu": stored} if stored else {}, doubts or {})


def differences(
    entry: Entry, listing: Listing, *owners: Owner, not_compared: str = ""
) -> list[tuple[str, str, str, list[str]]]:
    compared = compare(entry, listing, owners)
    assert (compared.contract, compared.not_compared) == ("c-1", not_compared)
    assert {one.contract for one in compared.differences} <= {"c-1"}
    return [(one.dimension, one.ledger, one.listed, one.differs) for one in compared.differences]


def test_what_a_listing_may_hide_is_not_missing() -> None:
    text = "note 'as of yesterday' is not understood"
    hidden = [("cpu", "7", "not understood", [f"Clazar: {text}"])]
    assert differences(an_entry(accepted()), Listing(unclear=text)) == hidden
    listed = msgspec.structs.replace(a_listing("7"), unclear=text)
    assert differences(an_entry(accepted()), listed) == []


@pytest.mark.parametrize("listed", ["7", "7.0", "0.7e1"])
def test_a_record_of_the_quantity_in_the_ledger_is_equal_however_it_is_written(listed: str) -> None:
    assert differences(an_entry(accepted()), a_listing(listed)) == []


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ((), ("missing", ["Clazar lists no record"])),
        (("8",), ("8", ["Clazar bills 8, the ledger 7"])),
        (("7", "7"), ("14", [TWO, "Clazar bills 14, the ledger 7"])),
        (("3", "4"), ("7", [TWO])),
    ],
)
def test_records_that_are_missing_other_or_too_many_are_named(
    listed: tuple[str, ...], said: tuple[str, list[str]]
) -> None:
    assert differences(an_entry(accepted()), a_listing(*listed)) == [("cpu", "7", *said)]


def test_what_is_billed_counts_and_not_what_was_asked_for() -> None:
    line = accepted("7", billed="5")
    assert differences(an_entry(line), a_listing("5")) == []
    assert differences(an_entry(line), a_listing("7")) == [
        ("cpu", "5", "7", ["Clazar bills 7, the ledger 5"])
    ]


def test_a_record_that_is_not_decided_is_a_difference() -> None:
    said = "Clazar has not decided on 1 of 1 records"
    assert differences(an_entry(accepted()), a_listing("7", status="undecided")) == [
        ("cpu", "7", "7", [said])
    ]


@pytest.mark.parametrize("where", ["", "cpu"])
def test_a_row_that_is_not_understood_is_never_an_equal_or_a_missing_one(where: str) -> None:
    doubts, said = {where: "record 1: quantity 'x'"}, ["Clazar: record 1: quantity 'x'"]
    entry = an_entry(accepted())
    assert differences(entry, a_listing(doubts=doubts)) == [("cpu", "7", "not understood", said)]
    assert differences(entry, a_listing("7", doubts=doubts)) == [("cpu", "7", "7", said)]


def test_a_dimension_that_only_the_receiver_knows_is_a_difference_in_any_case_of_its_name() -> None:
    entry = an_entry(accepted(dimension="CPU", quantity="7"))
    assert differences(entry, a_listing("7")) == []
    listing = Listing({"cpu": a_listing("7").stored["cpu"], "mem": a_listing("2").stored["cpu"]})
    assert differences(entry, listing) == [("mem", "missing", "2", [NONE_EXPECTED])]
    assert unknown(Listing({}, {"": "a row", "mem": "a row"}), ["cpu"]) == ["mem"]
    assert unknown(Listing({}, {"": "a row", "mem": "a row"}), []) == ["", "mem"]


def test_usage_that_came_too_late_to_be_billed_is_none_unless_it_is_listed() -> None:
    entry = an_entry(unbilled={"cpu": "3"})
    assert differences(entry, Listing()) == []
    assert differences(entry, a_listing("3")) == [("cpu", "0", "3", [NONE_EXPECTED])]


def test_records_of_another_plan_are_expected_as_well() -> None:
    entry, other = an_entry(accepted()), Owner(OTHER, "cpu", "2", certain=True)
    assert differences(entry, a_listing("7", "2"), other) == []
    assert differences(entry, a_listing("7"), other) == [
        ("cpu", "7", "7", ["Clazar bills 7, the ledger 9"])
    ]
    assert differences(entry, a_listing("7"), other._replace(dimension="mem")) == []


@pytest.mark.parametrize("unsure", [Owner(OTHER), Owner(OTHER, "CPU", "2")])
def test_a_plan_that_may_account_for_a_record_is_named_and_excuses_nothing(unsure: Owner) -> None:
    entry = an_entry(accepted())
    assert differences(entry, a_listing("7"), unsure) == []
    assert differences(entry, a_listing("7", "2"), unsure, Owner("S:E:P2"))[0][3][2:] == [
        f"plan S:E:P2, {OTHER} may account for it"
    ]


@pytest.mark.parametrize("state", ["unsure", "sent", "present"])
def test_open_and_waived_lines_are_named_and_the_others_are_compared(state: Any) -> None:
    left_out = (a_line("mem", state), a_line("io", state), a_line("a", "waived"))
    entry = an_entry(*left_out, a_line("b", "waived"), accepted())
    left = f"open in the ledger: mem is {state}, io is {state}; waived: a, b"
    assert differences(entry, a_listing("8"), not_compared=left) == [
        ("cpu", "7", "8", ["Clazar bills 8, the ledger 7"])
    ]
    waived = an_entry(a_line("cpu", "waived"))
    assert differences(waived, a_listing("8"), not_compared="waived: cpu") == []


def test_a_refused_line_must_not_be_listed() -> None:
    entry = an_entry(a_line("cpu", "refused", quantity="7"))
    assert differences(entry, Listing()) == []
    assert differences(entry, a_listing("7")) == [("cpu", "7 refused", "7", [NONE_EXPECTED])]


def test_a_contract_that_failed_before_it_had_lines_is_not_compared() -> None:
    entry = an_entry(failure=Failure(code="FORMULA", message="x", errors=(), at="t"))
    assert differences(entry, Listing(), not_compared="not billed: FORMULA") == []


def a_difference(contract: str, dimension: str = "cpu") -> Difference:
    return Difference(
        contract=contract, dimension=dimension, ledger="7", listed="8", differs=["8, not 7", "more"]
    )


def reconciled(*compared: Comparison, of: list[str], by_hand: list[str]) -> Reconciliation:
    return reconcile(
        of, compared, by_hand, plan="S:E:P", month="2025-07", execution="x", generated_at="t"
    )


def test_a_month_counts_each_contract_once_as_equal_different_or_not_compared() -> None:
    found = reconciled(
        Comparison(contract="a"),
        Comparison(contract="b", differences=[a_difference("b"), a_difference("b", "mem")]),
        Comparison(contract="c", differences=[a_difference("c")], not_compared="open"),
        of=["a", "b", "c", "d"],
        by_hand=["e"],
    )
    assert (found.contracts, found.equal, found.differing) == (5, 1, 2)
    assert found.not_compared == {
        "c": "open",
        "d": "its comparison was interrupted",
        "e": "settled in the state file, without a ledger entry",
    }
    assert found.summary == (
        "5 contracts compared with Clazar's records: 1 equal, 2 different, 3 not compared"
    )
    different, left_out = found.texts(REPORT)
    assert different == (
        f"2025-07: differs from Clazar's records, see {REPORT}: "
        "2 contracts (cpu: 8, not 7, more): b, c; b (mem: 8, not 7, more)"
    )
    assert left_out == (
        f"2025-07: not compared with Clazar's records, see {REPORT}: c (open); "
        "d (its comparison was interrupted); "
        "e (settled in the state file, without a ledger entry)"
    )


def test_a_month_that_is_equal_has_nothing_to_report() -> None:
    found = reconciled(Comparison(contract="a"), of=["a"], by_hand=[])
    assert (found.equal, found.texts(REPORT)) == (1, [])
    assert found.summary == (
        "1 contract compared with Clazar's records: 1 equal, 0 different, 0 not compared"
    )
