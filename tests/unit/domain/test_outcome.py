"""What counts as accounted for when a month is closed."""

from msgspec.structs import replace

from functions.domain.ledger import claim, transitions
from functions.domain.ledger.entry import Entry, Failure, Line
from functions.domain.ledger.item import ContractItem
from functions.domain.months.outcome import Outcome, account
from functions.domain.months.state_file import MonthState
from functions.domain.usage.bill import ContractBill
from functions.domain.usage.month_usage import MonthUsage
from tests.builders import NOBODY, PLAN, a_bill, month_usage


def an_entry(name: str, **quantities: str) -> Entry:
    item = ContractItem(contract_id=name, quantities=quantities)
    terms = claim.Terms(PLAN, month="2025-07", execution="x", at="t")
    return claim.claim(None, item, terms).entry


def the_usage(bills: list[ContractBill], processed: set[str]) -> MonthUsage:
    return month_usage(a_bill(*bills), processed)


def settled(name: str, **quantities: str) -> Entry:
    lines = tuple(
        Line(dimension=dimension, quantity=quantity, state="accepted")
        for dimension, quantity in quantities.items()
    )
    return transitions.succeed(replace(an_entry(name), lines=lines), "t")


def the_outcome(
    entries: list[Entry],
    *,
    contracts: set[str],
    processed: set[str],
    done: frozenset[str] = NOBODY,
    failed: frozenset[str] = NOBODY,
    left: frozenset[str] = NOBODY,
) -> Outcome:
    bills = [ContractBill(contract_id=name, usage={}, quantities={}) for name in sorted(contracts)]
    usage = the_usage(bills, processed)
    known = {entry.contract_id: entry for entry in entries}
    state = MonthState(done, {name: {} for name in failed})
    return account(usage, known, state, left, formulas={})


FAILED = transitions.fail(
    an_entry("c", cpu="1"), Failure(code="X", message="m", errors=("m",), at="t")
)


def test_a_contract_without_an_entry_keeps_the_month_open() -> None:
    assert the_outcome([], contracts={"c"}, processed={"c"}).unaccounted == ["c"]


def test_a_claim_that_was_never_settled_is_not_accepted_even_without_lines() -> None:
    never = replace(an_entry("c"), settled_at=None)
    outcome = the_outcome([never], contracts={"c"}, processed={"c"})
    assert (outcome.accepted, outcome.unaccounted) == ([], ["c"])
    assert the_outcome([settled("c")], contracts={"c"}, processed={"c"}).accepted == ["c"]


def test_an_entry_that_lacks_a_dimension_of_the_bill_is_not_accepted() -> None:
    bill = ContractBill(
        contract_id="c", usage={"cpu": "1", "mem": "2"}, quantities={"cpu": "1", "mem": "2"}
    )

    def unaccounted(entry: Entry, **formulas: str) -> list[str]:
        state = MonthState()
        usage = the_usage([bill], {"c"})
        return account(usage, {"c": entry}, state, NOBODY, formulas=formulas).unaccounted

    cpu = replace(settled("c", cpu="1"), usage={"cpu": "1"})
    assert unaccounted(cpu) == ["c"]
    assert unaccounted(settled("c", cpu="1", mem="2")) == []
    renamed = replace(
        settled("c", cores="1"), formulas={"cores": "cpu + mem"}, usage={"cpu": "1", "mem": "1"}
    )
    assert unaccounted(renamed) == [], "it is billed under its earlier name"
    assert unaccounted(renamed, cpu="cpu", mem="mem") == []


def test_an_error_is_accounted_for() -> None:
    outcome = the_outcome([FAILED], contracts={"c"}, processed={"c"})
    assert list(outcome.failed) == ["c"]
    assert outcome.complete


def test_what_the_state_file_says_of_contracts_left_alone_stands() -> None:
    contracts = {"c", "d"}
    outcome = the_outcome(
        [FAILED], contracts=contracts, processed=set(), done=frozenset({"c"}), failed=frozenset("d")
    )
    assert outcome == Outcome([], {}, [])


def test_an_error_that_an_operator_removed_does_not_come_back() -> None:
    outcome = the_outcome([FAILED], contracts={"c"}, processed=set(), left=frozenset({"c"}))
    assert (outcome.failed, outcome.unaccounted) == ({}, ["c"])


def test_an_open_entry_without_usage_keeps_the_month_open() -> None:
    assert the_outcome(
        [an_entry("gone", cpu="1")], contracts=set(), processed=set()
    ).unaccounted == ["gone"]
