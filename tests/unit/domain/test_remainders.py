"""What rounding leaves: usage = quantities + balance, over all months."""

from fractions import Fraction

from msgspec.structs import replace

from functions.domain.ledger.entry import Decision, Entry, Line, LineState
from functions.domain.ledger.remainders import Remainders, balance, remainders_of, with_entries
from tests import builders


def an_entry(name: str, *lines: Line, **unbilled: str) -> Entry:
    return builders.an_entry(*lines, contract_id=name, unbilled=unbilled)


def a_line(dimension: str, quantity: str, amount: str = "") -> Line:
    return Line(dimension=dimension, quantity=quantity, amount=amount)


def test_a_month_leaves_the_usage_that_its_quantities_do_not_bill_in_order() -> None:
    lines = (a_line("net", "2", "1.5"), a_line("cpu", "2", "2.75"), a_line("mem", "3", "3"))
    entries = [an_entry("c-2", *lines, disk="0.25", io="1/3"), an_entry("c-1", b="0.1", a="0.2")]
    entries += [an_entry("old", a_line("cpu", "2")), an_entry("even", a_line("cpu", "2", "2"))]
    found = remainders_of(entries, {})
    assert found == Remainders(
        contracts={
            "c-1": {"a": "0.2", "b": "0.1"},
            "c-2": {"cpu": "0.75", "disk": "0.25", "io": "1/3", "net": "-0.5"},
        }
    )
    assert [*found.contracts] == ["c-1", "c-2"]
    assert [*found.contracts["c-2"]] == ["cpu", "disk", "io", "net"]


def test_months_add_up_and_what_comes_to_nothing_is_gone() -> None:
    months = [
        Remainders(contracts={"c-1": {"cpu": "0.75", "mem": "0.5"}, "c-2": {"cpu": "1/3"}}),
        Remainders(contracts={"c-1": {"cpu": "0.5", "mem": "-0.5"}}),
    ]
    found = balance(zip(("2025-07", "2025-08"), months, strict=True), {})
    assert found.balance == {("c-1", "cpu"): Fraction(5, 4), ("c-2", "cpu"): Fraction(1, 3)}
    assert balance([], {}) == ({}, ())


WAIVED = (Decision(what="waived", execution="x", at="t", reason="r"),)


def test_of_what_was_waived_only_what_was_accepted_leaves_a_remainder() -> None:
    lines = (
        replace(a_line("cpu", "2", "2.75"), state="accepted"),
        replace(a_line("mem", "3", "3.5"), state="waived"),
    )
    entry = replace(an_entry("c-1", *lines, disk="0.25"), decisions=WAIVED)
    assert remainders_of([entry], {}).contracts == {"c-1": {"cpu": "0.75"}}
    reopened = replace(entry, decisions=(*WAIVED, replace(WAIVED[0], what="reopened")))
    assert remainders_of([reopened], {}).contracts["c-1"].keys() == {"cpu", "mem", "disk"}


def test_what_a_person_has_listed_as_a_success_leaves_what_was_accepted_of_it() -> None:
    lines = (replace(a_line("cpu", "2", "2.75"), state="accepted"), a_line("mem", "3", "3.5"))
    entries = [an_entry("c-1", *lines), an_entry("c-2", *lines[:1], disk="0.5")]
    assert remainders_of(entries, {}, done={"c-1", "c-2"}).contracts == {
        "c-1": {"cpu": "0.75"},
        "c-2": {"cpu": "0.75", "disk": "0.5"},
    }


def test_what_clazar_bills_with_another_quantity_is_what_was_billed() -> None:
    """The customer pays that: what it is more or less than usage is carried to the next month."""

    def left(quantity: str, billed: str, state: LineState) -> dict[str, str]:
        line = replace(a_line("cpu", quantity, "5.5"), billed=billed, state=state)
        return remainders_of([an_entry("c-1", line)], {}).contracts.get("c-1", {})

    assert left("5", "7", "refused") == left("5", "7", "accepted") == {"cpu": "-1.5"}
    assert left("5", "3", "accepted") == {"cpu": "2.5"}
    assert left("5", "3", "refused") == {"cpu": "0.5"}, "the rest is still to be settled"
    assert left("5", "5.5", "accepted") == {}
    assert left("5", "", "refused") == {"cpu": "0.5"}


def test_one_entry_is_renewed_beside_the_others() -> None:
    left = Remainders(
        contracts={"c-1": {"cpu": "0.9"}, "c-2": {"cpu": "0.2"}}, formulas={"cpu": "a"}
    )
    entry = replace(an_entry("c-1", cpu="0.5", mem="0.5"), formulas={"cpu": "a", "mem": "b"})
    renewed = with_entries(left, [entry])
    of_both = {"c-1": {"cpu": "0.5", "mem": "0.5"}, "c-2": {"cpu": "0.2"}}
    assert renewed == replace(left, contracts=of_both, units={"c-1": {"mem": "b"}})
    assert with_entries(renewed, [an_entry("c-1")]).units == {}
    nothing = with_entries(left, [an_entry("c-2")])
    assert nothing == replace(left, contracts={"c-1": {"cpu": "0.9"}})
    assert [*with_entries(left, [replace(entry, contract_id="c-0")]).contracts][:1] == ["c-0"]


def test_what_another_formula_has_left_is_in_another_unit() -> None:
    hours, thousands = {"cpu": "hours"}, {"cpu": "hours / 1000"}
    entry = replace(an_entry("c-1", cpu="0.9"), formulas=hours)
    left = remainders_of([entry], hours)
    assert left == Remainders(contracts={"c-1": {"cpu": "0.9"}}, formulas=hours)
    mixed = remainders_of([entry], thousands)
    assert mixed == replace(left, formulas=thousands, units={"c-1": hours})
    for month in (left, mixed):
        months = [("2025-07", month)]
        assert balance(months, hours).balance == {("c-1", "cpu"): Fraction(9, 10)}
        assert balance(months, thousands) == balance(months, {}) == ({}, ())


def test_usage_as_it_is_has_one_unit_with_and_without_a_formula() -> None:
    left = Remainders(contracts={"c-1": {"cpu": "3000"}})
    carried = {("c-1", "cpu"): Fraction(3000)}
    assert balance([("2025-07", left)], {"cpu": "cpu"}) == (carried, ())
    assert balance([("2025-07", replace(left, formulas={"cpu": "cpu"}))], {}) == (carried, ())
    assert balance([("2025-07", left)], {"vcpu": "cpu"}).left_out == (
        "3,000 of c-1 cpu, left in 2025-07, is not carried: its formula or name changed",
    )


def test_small_amounts_of_many_contracts_that_come_to_a_unit_are_named_for_a_while() -> None:
    july = {f"c-{number}": {"cpu": "0.3"} for number in range(4)}
    for contracts, since, named in ((july, "2025-07", 1), (july, "2025-08", 0), ({}, "", 0)):
        left = Remainders(contracts=contracts, formulas={"cpu": "cpu"})
        found = balance([("2025-07", left)], {"vcpu": "cpu"}, since)
        assert len(found.left_out) == named
    three = Remainders(contracts={**july, "c-3": {"cpu": "-0.09"}}, formulas={"cpu": "cpu"})
    assert balance([("2025-07", three)], {"vcpu": "cpu"}).left_out == ()


def test_a_unit_or_more_that_is_left_out_is_named_once_per_cause() -> None:
    """What later months have taken in of it is not left out."""
    old, new = {"cpu": "hours", "mem": "bytes"}, {"cpu": "hours * 1", "mem": "bytes"}
    july = {"c-1": {"cpu": "3000", "mem": "5"}, "c-2": {"cpu": "-1"}, "c-3": {"cpu": "9.5"}}
    months = {"2025-08": {"c-3": {"cpu": "-9"}}, "2025-07": july}
    found = balance(
        [(m, Remainders(contracts=left, formulas=old)) for m, left in months.items()], new
    )
    assert found.balance == {("c-1", "mem"): Fraction(5)}
    assert found.left_out == (
        "3,000 of c-1, -1 of c-2 cpu, left in 2025-07, is not carried: its formula or name changed",
    )


def test_of_what_is_left_out_the_largest_amounts_of_five_contracts_are_named() -> None:
    left = {f"c-{number}": {"cpu": f"0.{number}"} for number in range(1, 8)}
    old = Remainders(contracts=left, formulas={"cpu": "cpu"})
    (said,) = balance([("2025-07", old)], {"vcpu": "cpu"}).left_out
    named = "0.7 of c-7, 0.6 of c-6, 0.5 of c-5, 0.4 of c-4, 0.3 of c-3, and 2 more cpu, left in"
    assert said.startswith(named)
    one = Remainders(contracts={"c-1": {"cpu": "1"}}, formulas={"cpu": "cpu"})
    assert len(balance([("2025-07", one)], {"vcpu": "cpu"}).left_out) == 1
