"""What counts as accounted for when a month is closed."""

from typing import Any

from msgspec.structs import replace

from functions.domain.ledger import claim, transitions
from functions.domain.ledger.claim import ContractItem
from functions.domain.ledger.entry import Entry
from functions.domain.months.outcome import Outcome, account
from functions.domain.months.state_file import MonthState
from tests.builders import FAILURE, NOBODY, PLAN, a_bill, a_contract, a_line, month_usage


def an_entry(name: str, **quantities: str) -> Entry:
    item = ContractItem(contract_id=name, quantities=quantities)
    terms = claim.Terms(PLAN, month="2025-07", execution="x", at="t")
    return claim.claim(None, item, terms).entry


def settled(name: str, **quantities: str) -> Entry:
    lines = (a_line(name, "accepted", quantity=text) for name, text in quantities.items())
    return transitions.succeed(replace(an_entry(name), lines=tuple(lines)), "t")


def the_outcome(
    *entries: Entry,
    contracts: str = "c",
    processed: str = "c",
    left: str = "",
    state: MonthState | None = None,
) -> Outcome:
    """Return the outcome of contracts that are named by a letter each."""
    known = {entry.contract_id: entry for entry in entries}
    usage = month_usage(a_bill(*map(a_contract, contracts)), processed)
    return account(usage, known, state or MonthState(), frozenset(left), formulas={})


FAILED = transitions.fail(an_entry("c", cpu="1"), FAILURE)


def test_a_contract_without_an_entry_keeps_the_month_open() -> None:
    assert the_outcome().unaccounted == ["c"]


def test_a_claim_that_was_never_settled_is_not_accepted_even_without_lines() -> None:
    outcome = the_outcome(replace(an_entry("c"), settled_at=None))
    assert (outcome.accepted, outcome.unaccounted) == ([], ["c"])
    assert the_outcome(settled("c")).accepted == ["c"]
    gone = the_outcome(an_entry("g", cpu="1"), contracts="", processed="")
    assert gone.unaccounted == ["g"], "its usage has gone"


def test_an_entry_that_lacks_a_dimension_of_the_bill_is_not_accepted() -> None:
    due = {"cpu": "1", "mem": "2"}
    usage = month_usage(a_bill(a_contract("c", usage=due, quantities=due)), {"c"})

    def unaccounted(entry: Entry, **formulas: str) -> list[str]:
        return account(usage, {"c": entry}, MonthState(), NOBODY, formulas=formulas).unaccounted

    cpu = replace(settled("c", cpu="1"), usage={"cpu": "1"})
    assert unaccounted(cpu) == ["c"]
    assert unaccounted(settled("c", cpu="1", mem="2")) == []
    both: dict[str, Any] = {"formulas": {"cores": "cpu + mem"}, "usage": {"cpu": "1", "mem": "1"}}
    renamed = replace(settled("c", cores="1"), **both)
    assert unaccounted(renamed) == [], "it is billed under its earlier name"
    assert unaccounted(renamed, cpu="cpu", mem="mem") == []


def test_an_error_is_accounted_for_unless_an_operator_has_removed_it() -> None:
    outcome = the_outcome(FAILED)
    assert list(outcome.failed) == ["c"]
    assert outcome.complete
    outcome = the_outcome(FAILED, processed="", left="c")
    assert (outcome.failed, outcome.unaccounted) == ({}, ["c"])


def test_what_the_state_file_says_of_contracts_left_alone_stands() -> None:
    state = MonthState(frozenset("c"), {"d": {}})
    outcome = the_outcome(FAILED, contracts="cd", processed="", state=state)
    assert outcome == Outcome([], {}, [])
