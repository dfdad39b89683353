"""Whose a record is: alike names are not one, and a record that is nobody's may be ours."""

import pytest

from functions.domain.ledger import lookup
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.listing import Listing, Stored
from functions.domain.ledger.lookup import Look
from functions.domain.ledger.owner import Owner, nobodys, others_of
from tests import builders


def a_listing(**quantities: str) -> Listing:
    """Return a listing with a record of each dimension; the record has its name."""
    return Listing({name: {"1": a_record(name, text)} for name, text in quantities.items()})


def a_record(name: str, quantity: str) -> Stored:
    return Stored(record_id=f"r-{name}", quantity=quantity)


def an_entry(*lines: Line) -> Entry:
    return builders.an_entry(*lines)


def look(entry: Entry, listing: Listing, *owners: Owner) -> Look:
    return lookup.looked(entry, listing, owners, lambda _: True)


def test_a_record_of_one_line_is_no_evidence_for_an_alike_one() -> None:
    billed, sent = builders.a_line("tier1_0", "accepted"), builders.a_line("tier10", "sent")
    assert look(an_entry(billed, sent), a_listing(tier1_0="5")).free == {"tier10"}
    both = look(an_entry(billed, sent), a_listing(tier1_0="5", tier10="5"))
    assert [line.state for line in both.entry.lines] == ["accepted", "accepted"]


def test_a_record_of_another_plan_does_not_block_an_alike_dimension() -> None:
    owner = Owner("other", "tier1_0", "5", certain=True)
    entry = an_entry(builders.a_line("tier10", "sent"))
    assert look(entry, a_listing(tier1_0="5"), owner).free == {"tier10"}


@pytest.mark.parametrize("quantity", ["5", "5.0"])
def test_a_record_of_our_quantity_that_an_alike_name_does_not_explain_is_a_doubt(
    quantity: str,
) -> None:
    """Two plans write one dimension in two ways, and the receiver in one."""
    owner = Owner("other", "cpu", "7", certain=True)
    listing = Listing({"cpu": {"1": a_record("a", "7"), "2": a_record("b", quantity)}})
    found = look(an_entry(builders.a_line("CPU", "sent")), listing, owner)
    assert not found.free
    said = "record r-b has this quantity, and the dimension 'cpu'"
    assert found.entry.lines[0].message == said


def test_a_record_of_our_quantity_and_an_unknown_dimension_is_a_doubt() -> None:
    line, listing = builders.a_line("cpu", "sent"), a_listing(**{"vCPU hours": "5", "mem": "5"})
    said = "record r-vCPU hours has this quantity, and the dimension 'vCPU hours'"
    assert nobodys(line, listing, ["cpu", "mem"], []) == said
    assert nobodys(line, a_listing(vcpu="6"), ["cpu"], []) == ""
    assert nobodys(line, a_listing(mem="5", cpu="5"), ["cpu", "mem"], []) == ""


def test_a_plan_that_spells_a_dimension_otherwise_accounts_for_it_unless_both_are_listed() -> None:
    owners = [Owner("a", "CPU"), Owner("b"), Owner("c", "cpu"), Owner("d", "mem")]
    assert others_of(owners, "cpu", a_listing(cpu="5")) == owners[:3]
    assert others_of(owners, "cpu", a_listing(cpu="5", CPU="5")) == owners[1:3]
